"""Why requests of a route are slow."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_duration, format_ratio

__all__ = ["View", "WhyQuestion", "explain_slowness"]

View = Literal["nodes", "graph", "findings"]


@dataclass(frozen=True, slots=True)
class WhyQuestion:
    """Which requests, and what is set against what; as `/api/why` takes it."""

    route: str
    service: str
    slow: str
    before: str
    after: str
    version_a: str
    version_b: str
    since: str
    until: str
    data_set: str


async def explain_slowness(api: Answers, question: WhyQuestion, view: View, max_tokens: int) -> str:
    """Return what the second cohort waited for longer than the first, or who waited for whom."""
    if view == "graph":
        return await _graph(api, question, max_tokens)
    if view == "findings":
        return await _findings(api, question, max_tokens)
    found = await api.json("/api/why", asdict(question))
    reply = Reply(max_tokens)
    reply.say("# What slower requests waited for")
    for which in ("usual", "slow"):
        reply.say(
            f"{which}: {found[f'{which}_requests']:,} requests,"
            f" mean {format_duration(round(found[f'{which}_ns']))}"
        )
    named = "named below" if found["finding"] else "none"
    reply.say(f"Finding: {named}. Reason: {found['reason']}.")
    if found["sampled"]:
        reply.say("A sample of the requests, by hash of the trace id, was read.")
    if found["finding"]:
        reply.quote([_line(found["finding"])], "raise max_tokens")
    reply.say(
        f"Mean per request, slow minus usual; intervals hold together with"
        f" {format_ratio(found['confidence_ratio'])} ({found['compared']:,} nodes compared):"
    )
    reply.quote([_line(each) for each in found["nodes"]], "raise max_tokens")
    if found["attributes"]:
        reply.say("More often in slow requests:")
        reply.quote([_attribute(each) for each in found["attributes"]], "raise max_tokens")
    if found["slow_trace_ids"]:
        reply.say(f"Slowest traces, for get_blocking_path: {', '.join(found['slow_trace_ids'])}")
    return reply.text()


async def _graph(api: Answers, question: WhyQuestion, max_tokens: int) -> str:
    found = await api.json("/api/causal-graph", asdict(question))
    reply = Reply(max_tokens)
    reply.say("# Who waited for whom")
    for which in ("usual", "slow"):
        reply.say(
            f"{which}: {found[f'{which}_requests']:,} requests,"
            f" mean {format_duration(round(found[f'{which}_ns']))}"
        )
    if found["sampled"]:
        reply.say("A sample of the requests, by hash of the trace id, was read.")
    reply.say(
        "Time per slow request along each edge, of which more than in usual ones, share of the"
        " cohorts' difference, and a slow trace for get_blocking_path:"
    )
    names = [_place(node) for node in found["nodes"]]
    lines = [_edge(each, names) for each in found["edges"]]
    reply.quote(lines, "raise max_tokens")
    if found["edges_left_out"]:
        reply.say(f"{found['edges_left_out']:,} lighter edges are left out.")
    return reply.text()


async def _findings(api: Answers, question: WhyQuestion, max_tokens: int) -> str:
    found = await api.json("/api/findings", asdict(question))
    reply = Reply(max_tokens)
    reply.say("# What requests waste time on, by shape")
    requests = found["usual_requests"] + found["slow_requests"]
    reply.say(f"{requests:,} requests, mean {format_duration(round(found['mean_ns']))}.")
    if found["sampled"]:
        reply.say("A sample of the requests, by hash of the trace id, was read.")
    if not found["findings"]:
        reply.say("Nothing of the known shapes costs them much.")
    else:
        reply.say("Cost per request of the mean on the blocking path; traces as evidence:")
        reply.quote([_finding(each) for each in found["findings"]], "raise max_tokens")
    return reply.text()


def _finding(each: dict[str, Any]) -> str:
    return (
        f"{each['shape']}  {format_duration(round(each['per_request_ns']))}"
        f"  {one_line(each['service'], 100)}: {one_line(each['operation'], 160)}"
        f"  {one_line(each['said'], 600)}  {' '.join(each['trace_ids'][:2])}"
    )


def _edge(edge: dict[str, Any], names: list[str]) -> str:
    waiting = names[edge["waiting"]] if edge["waiting"] >= 0 else "(requests)"
    traces = edge["slow_trace_ids"] or edge["usual_trace_ids"]
    return (
        f"{format_duration(round(edge['slow_ns']))} ({_signed(edge['difference_ns'])},"
        f" {format_ratio(edge['share_ratio'])})  {waiting} -> {names[edge['awaited']]}"
        f"  {' '.join(traces[:1])}"
    )


def _place(node: dict[str, Any]) -> str:
    if not node["service"]:
        return one_line(node["resource"], 160)
    told = f"{one_line(node['service'], 100)}: {one_line(node['operation'], 160)}"
    return f"{told} (network)" if node["category"] == "network" else told


def _line(node: dict[str, Any]) -> str:
    where = f"{one_line(node['service'], 100)}: {one_line(node['operation'], 160)}"
    resource = f" -> {one_line(node['resource'], 160)}" if node["resource"] else ""
    interval = "unknown"
    if node["low_ns"] is not None:
        interval = f"{_signed(node['low_ns'])} to {_signed(node['high_ns'])}"
    return (
        f"{_signed(node['difference_ns'])} ({interval})  {node['category']}"
        f"  {where if node['service'] else 'any caller'}{resource}"
        f"  held up {node['usual_requests']:,} usual, {node['slow_requests']:,} slow"
    )


def _attribute(each: dict[str, Any]) -> str:
    return (
        f"{one_line(each['key'], 80)}={one_line(each['value'], 120)}"
        f"  {each['slow_with']:,} of {each['slow_requests']:,} slow,"
        f" {each['usual_with']:,} of {each['usual_requests']:,} usual"
    )


def _signed(length_ns: float) -> str:
    return f"{'-' if length_ns < 0 else '+'}{format_duration(round(abs(length_ns)))}"
