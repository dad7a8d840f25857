"""Who calls whom, what shows one edge, and the ways that requests take."""

from typing import Any

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_count, format_duration, format_ratio

__all__ = ["get_flow"]

_NAME_CHARS = 120


async def get_flow(
    api: Answers, view: str, caller: str, callee: str, asked: dict[str, str], max_tokens: int
) -> str:
    """
    Return the graph, one edge's evidence, or the paths of entry routes.

    Args:
        view: graph, edge or routes.
        caller: of the edge; of routes, the service they come in at.
        callee: of the edge; of routes, the operation.
        asked: since, until and data_set.
    """
    reply = Reply(max_tokens)
    if view == "edge":
        found = await api.json("/api/flows/edge", {"caller": caller, "callee": callee, **asked})
        reply.say("# What shows this edge")
        reply.quote([_edge_line(found)], "raise max_tokens")
        for each in found["evidence"]:
            reply.say(f"{each['kind']}: {_figures(each)}, {each['first_at']} to {each['last_at']}.")
        for each in found["disagreements"]:
            reply.say(
                f"Disagree on {each['about']}: {each['one']} {each['one_value']:g},"
                f" {each['other']} {each['other_value']:g}."
            )
    elif view == "routes":
        found = await api.json(
            "/api/flows/routes", {"service": caller, "operation": callee, **asked}
        )
        reply.say(f"# Ways that requests take, {len(found['routes'])} entry routes, busiest first")
        reply.quote(
            [line for route in found["routes"] for line in _route_lines(route)],
            "raise max_tokens or name a service as caller",
        )
    else:
        found = await api.json("/api/flows", asked)
        reply.say(f"# Who calls whom: {len(found['edges'])} edges, busiest first")
        reply.quote(map(_edge_line, found["edges"]), "raise max_tokens or ask for less time")
        if found["doubtful"]:
            reply.say(f"{len(found['doubtful'])} more are suggested by log lines alone:")
            reply.quote(map(_edge_line, found["doubtful"]), "raise max_tokens")
        reply.say(f"Complete: {'yes' if found['complete'] else 'no; ask about less time'}.")
        reply.say("Next: view=edge with caller and callee, or view=routes.")
    return reply.text()


def _edge_line(edge: dict[str, Any]) -> str:
    caller = one_line(edge["caller"], _NAME_CHARS) if edge["caller"] else "(outside)"
    kinds = "+".join(each["kind"] for each in edge["evidence"])
    doubt = "  DISAGREE" if edge["disagreements"] else ""
    via = f"  via {one_line(', '.join(edge['via']), _NAME_CHARS)}" if edge["via"] else ""
    callee = one_line(edge["callee"], _NAME_CHARS)
    return f"{caller} -> {callee}  {edge['connection']}  {_figures(edge)}  [{kinds}]{via}{doubt}"


def _figures(each: dict[str, Any]) -> str:
    failing = each["errors"] / each["calls"] if each["calls"] else 0
    length = "" if each["p95_ns"] is None else f", p95 {format_duration(each['p95_ns'])}"
    return (
        f"{format_count(each['calls'])} calls, {format_ratio(failing)} failed{length},"
        f" sure {format_ratio(each['confidence_ratio'])}"
    )


def _route_lines(route: dict[str, Any]) -> list[str]:
    name = one_line(f"{route['service']}: {route['operation']}", 2 * _NAME_CHARS)
    lines = [f"{name}  {format_count(route['requests'])} requests"]
    for path in route["paths"]:
        way = " ; ".join(
            f"{one_line(s['caller'], _NAME_CHARS)} -> {one_line(s['callee'], _NAME_CHARS)}"
            for s in path["steps"]
        )
        share = format_ratio(path["share_ratio"])
        lines.append(f"  {share}  {way or 'itself'}  trace {path['example_trace_id']}")
    return lines
