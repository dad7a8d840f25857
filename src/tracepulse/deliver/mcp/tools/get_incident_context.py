"""Everything that explains one incident."""

from typing import Any, Literal
from urllib.parse import quote

from tracepulse.context.select import HARD_MAX_TOKENS, MIN_TOKENS
from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line, short_name
from tracepulse.units import format_ratio

__all__ = ["get_incident_context"]


async def get_incident_context(
    api: Answers, incident_id: str, detail: Literal["summary", "full"], max_tokens: int
) -> str:
    """Return the incident's context bundle, or only its causes and triggers."""
    path = f"/api/incidents/{quote(incident_id, safe='')}"
    if detail == "summary":
        return _summary(await api.json(path), max_tokens)
    budget = max(MIN_TOKENS, min(max_tokens, HARD_MAX_TOKENS))
    # The bundle keeps to the budget, quotes what others wrote, and says what it left out.
    return await api.text(f"{path}/context", {"format": "markdown", "max_tokens": budget})


def _summary(incident: dict[str, Any], max_tokens: int) -> str:
    reply = Reply(max_tokens)
    reply.say(f"# {incident['incident_id']}: {incident['state']} since {incident['onset_at']}")
    where = [
        f"{name} `{short_name(incident[key])}`"
        for name, key in (("enters at", "entry_service"), ("begins in", "faulty_service"))
        if incident[key]
    ]
    if where:
        reply.say(f"It {' and '.join(where)}.")
    reply.say(
        f"Causes by probability; {format_ratio(incident['unknown_probability'])} that it is none"
        " of these:"
    )
    reply.quote(
        (
            f"{each['rank']}. {format_ratio(each['probability'])}"
            f"  {one_line(each['statement'], 300)}  [{', '.join(each['evidence'])}]"
            for each in incident["hypotheses"]
        ),
        "raise max_tokens",
        0.6,
    )
    reply.say("What set it off:")
    reply.quote(map(_trigger_line, incident["triggers"]), "raise max_tokens")
    reply.say("Next: the same call with detail=full holds evidence, flow, code and logs.")
    return reply.text()


def _trigger_line(trigger: dict[str, Any]) -> str:
    subject = trigger["template"] or trigger["alert_name"] or trigger["operation"]
    return (
        f"{trigger['kind']}  {one_line(trigger['service'], 100)}  {one_line(subject, 200)}"
        f"  since {trigger['onset_at'][:19]}Z  {trigger['events_after']:,} of"
        f" {trigger['calls_after']:,} (before: {trigger['events_before']:,} of"
        f" {trigger['calls_before']:,})"
    )
