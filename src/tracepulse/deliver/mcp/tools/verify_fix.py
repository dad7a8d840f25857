"""Did a fix help?"""

from dataclasses import asdict, dataclass

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply
from tracepulse.units import format_duration

__all__ = ["FixAsked", "verify_fix"]


@dataclass(frozen=True, slots=True)
class FixAsked:
    """As `/api/verify` takes it."""

    route: str
    service: str
    metric: str
    fixed_at: str
    version_a: str
    version_b: str
    regression: str
    incident: str
    data_set: str


async def verify_fix(api: Answers, asked: FixAsked, max_tokens: int) -> str:
    """Return the verdict with its interval, or how long to wait for one."""
    found = await api.json("/api/verify", asdict(asked))
    reply = Reply(max_tokens)
    reply.say(f"# {found['verdict']}")
    reply.say(f"Reason: {found['reason']}. Metric: {found['metric']}.")
    if found["ratio"] is not None:
        before, after = (
            f"{found[each]:.3f}"
            if found["metric"] == "cls"
            else format_duration(round(found[each]))
            for each in ("before", "after")
        )
        reply.say(
            f"{before} before, {after} since {found['fixed_at']}: times {found['ratio']:.2f}"
            f" ({found['low_ratio']:.2f} to {found['high_ratio']:.2f}); looked at after"
            f" {found['look_minutes']:,} minutes; the interval rests on {found['rests_on']}."
        )
    reply.say(f"Requests: {found['requests_before']:,} before, {found['requests_after']:,} since.")
    if found["more_minutes"] is not None:
        reply.say(
            f"Ask again in {found['more_minutes']:,} minutes"
            f" (about {found['more_requests']:,} requests); asking earlier changes nothing."
        )
    return reply.text()
