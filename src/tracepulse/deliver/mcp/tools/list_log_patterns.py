"""Log lines by template, with counts."""

from typing import Any

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line

__all__ = ["list_log_patterns"]


async def list_log_patterns(
    api: Answers,
    asked: dict[str, str],
    limit: int,
    max_tokens: int,
) -> str:
    """
    Return templates by number of lines: new, surging and vanished ones first.

    Args:
        asked: service, since, until and data_set, as the API takes them.
    """
    found = await api.json("/api/log-patterns", {**asked, "limit": limit})
    patterns = sorted(found["patterns"], key=lambda each: each["state"] == "steady")
    reply = Reply(max_tokens)
    reply.say(
        f"# {found['lines']} log lines by template, changed ones first; `before` is as long a time"
        " before the window"
    )
    if not patterns:
        reply.say("There are none. Try a longer time (since=-24h). Complete: yes.")
        return reply.text()
    shown = reply.quote(map(_line, patterns), "raise max_tokens or name a service")
    complete = found["complete"] and shown == len(patterns)
    reply.say(f"Complete: {'yes' if complete else 'no; raise limit for rarer ones'}.")
    reply.say("Next: search_evidence with a word of a template, for its lines.")
    return reply.text()


def _line(pattern: dict[str, Any]) -> str:
    text = one_line(pattern["text"]) or "(lines whose text is not kept)"
    return (
        f"{pattern['lines']} lines, {pattern['lines_before']} before  {pattern['state']}"
        f"  {one_line(pattern['service'], 100)}  {text}"
    )
