"""Incidents, newest first."""

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply
from tracepulse.deliver.mcp.tools.get_overview import incident_line

__all__ = ["list_incidents"]


async def list_incidents(api: Answers, state: str, limit: int, max_tokens: int) -> str:
    """Return incidents with id, state, onset and title."""
    found = await api.json("/api/incidents", {"state": state, "limit": limit})
    incidents = found["incidents"]
    reply = Reply(max_tokens)
    reply.say(f"# {len(incidents)} incidents{f' ({state})' if state else ''}, newest onset first")
    if incidents:
        shown = reply.quote(map(incident_line, incidents), "raise max_tokens or name a state")
        complete = found["complete"] and shown == len(incidents)
        reply.say(f"Complete: {'yes' if complete else 'no; raise limit for older ones'}.")
        reply.say("Next: get_incident_context with an incident id.")
    else:
        reply.say("There are none. Complete: yes.")
    return reply.text()
