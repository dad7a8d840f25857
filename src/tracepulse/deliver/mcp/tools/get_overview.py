"""The first tool to call: what there is, with live ids."""

from typing import Any

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_count, format_rate, format_ratio

__all__ = ["get_overview"]


async def get_overview(api: Answers, max_tokens: int) -> str:
    """Return live rates by service, recent incidents and imported data sets."""
    overview = await api.json("/api/overview")
    stored = await api.json("/api/data-sets")
    reply = Reply(max_tokens)
    incidents = overview["incidents"]
    reply.say(f"# Overview at {overview['now_at']}")
    reply.say(f"{incidents['open']} open incidents; recent ones, newest first:")
    if incidents["recent"]:
        reply.quote(map(incident_line, incidents["recent"]), "list_incidents shows all", 0.4)
    else:
        reply.say("None.")
    services = overview["services"]
    reply.say(
        f"{len(services)} services sent telemetry in the last 15 minutes (rates: last minute):"
    )
    reply.quote(
        map(_service_line, sorted(services, key=_by_errors)),
        "search_evidence with service=… asks about one",
        0.7,
    )
    sets = [each for each in stored["data_sets"] if each["data_set"]]
    if sets:
        reply.say("Imported data sets (give the name as data_set):")
        reply.quote(map(_data_set_line, sets), "the command line lists all", 1.0)
    reply.say("Next: get_incident_context with an incident id, or search_evidence.")
    return reply.text()


def incident_line(incident: dict[str, Any]) -> str:
    """Return an incident on one line, its id first."""
    return (
        f"{incident['incident_id']}  {incident['state']}  since {incident['onset_at'][:19]}Z"
        f"  {one_line(incident['title'], 200)}"
    )


def _by_errors(service: dict[str, Any]) -> tuple[float, str]:
    return (-service["errors_per_s"], service["service"])


def _service_line(service: dict[str, Any]) -> str:
    ratio = service["error_ratio"]
    errors = "no calls" if ratio is None else f"{format_ratio(ratio)} errors"
    return (
        f"{one_line(service['service'], 100)}  {format_rate(service['calls_per_s'])} calls,"
        f" {errors}, {format_rate(service['log_lines_per_s'])} log lines"
    )


def _data_set_line(stored: dict[str, Any]) -> str:
    return (
        f"{one_line(stored['data_set'], 100)}  {stored['signal']}"
        f"  {format_count(stored['records'])} records"
        f"  {stored['first_at'][:19]}Z to {stored['last_at'][:19]}Z"
    )
