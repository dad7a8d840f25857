"""Where making things faster gains most."""

from collections.abc import Mapping

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply
from tracepulse.deliver.mcp.tools.predict_speedup import prediction_line

__all__ = ["list_opportunities"]


async def list_opportunities(
    api: Answers, asked: Mapping[str, str], limit: int, max_tokens: int
) -> str:
    """Return places by what halving each, or making its calls side by side, would gain."""
    found = await api.json("/api/opportunities", {**asked, "limit": min(limit, 100)})
    reply = Reply(max_tokens)
    reply.say(f"# What would be gained, of {found['requests']:,} requests")
    if not found["opportunities"]:
        reply.say("Nothing would be gained anywhere.")
        return reply.text()
    reply.say("Each alone; what two gain together is not the sum.")
    reply.quote([prediction_line(each) for each in found["opportunities"]], "raise max_tokens")
    if found["sampled"]:
        reply.say("A sample of the requests was read.")
    return reply.text()
