"""Routes and pages that became slower and stayed so."""

from typing import Any

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_duration

__all__ = ["list_regressions"]


async def list_regressions(api: Answers, state: str, limit: int, max_tokens: int) -> str:
    """Return regressions with id, onset, what rose, version, change and traces."""
    found = await api.json("/api/regressions", {"state": state, "limit": limit})
    reply = Reply(max_tokens)
    regressions, coverage = found["regressions"], found["coverage"]
    reply.say(f"# {len(regressions)} regressions{f' ({state})' if state else ''}, newest first")
    if coverage is None:
        reply.say("Nothing has been looked at yet.")
    else:
        reply.say(
            f"Judged {coverage['judged']:,} series; {coverage['too_new']:,} are less than a day old,"
            f" {coverage['too_few']:,} have too few requests."
        )
        if coverage["error"]:
            reply.say("The last look failed; doctor has more.")
    if regressions:
        lines = [line for each in regressions for line in _lines(each)]
        reply.quote(lines, "raise max_tokens or name a state")
        reply.say("Next: explain_slowness with the route and instants, or verify_fix with the id.")
    return reply.text()


def _lines(each: dict[str, Any]) -> list[str]:
    lines = [
        f"{each['regression_id']} {each['state']} onset {each['onset_at'][:16]}Z"
        f" [{each['first_at']}, {each['last_at']})"
        f" version {one_line(each['version_before'], 40) or '?'}"
        f" -> {one_line(each['version_after'], 40) or '?'}"
        f" change {one_line(each['change_id'], 60) or 'none'}"
    ]
    for rise in each["rises"][:5]:
        before, after = (
            f"{rise[which]:.3f}" if rise["metric"] == "cls" else format_duration(round(rise[which]))
            for which in ("before", "after")
        )
        lines.append(
            f"  {one_line(rise['service'], 80)} {one_line(rise['route'], 120)} {rise['metric']}"
            f" {before} -> {after}, times {rise['ratio']:.2f}"
            f" ({rise['low_ratio']:.2f} to {rise['high_ratio']:.2f})"
        )
    if each["why"]:
        lines.append(
            f"  root {one_line(each['why']['service'], 80)} {one_line(each['why']['route'], 120)}"
        )
    if each["trace_ids"]:
        lines.append(f"  traces {', '.join(each['trace_ids'])}")
    return lines
