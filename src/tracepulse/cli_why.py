"""Two cohorts of requests as people read them in a terminal."""

from collections.abc import Mapping
from typing import Any

from tracepulse.cli_output import inert, print_table, say
from tracepulse.units import format_count, format_duration, format_ratio

__all__ = ["show_why"]

Answer = Mapping[str, Any]


def show_why(answer: Answer) -> None:
    """Print what slower requests waited for."""
    for which in ("usual", "slow"):
        say(
            f"{which:>6}  {format_count(answer[f'{which}_requests'])} requests"
            f" {inert(answer[which])}, mean {format_duration(round(answer[f'{which}_ns']))}"
        )
    finding = answer["finding"]
    if finding is None:
        say(f"Nothing is named: {answer['reason']}.")
    else:
        say(f"{_where(finding)}, {_signed(finding['difference_ns'])}: {answer['reason']}.")
    print_table(
        ("more", "from", "to", "usual", "slow", "waited for", "as"),
        (
            (
                _signed(each["difference_ns"]),
                _signed(each["low_ns"]),
                _signed(each["high_ns"]),
                format_duration(round(each["usual_ns"])),
                format_duration(round(each["slow_ns"])),
                _where(each),
                each["category"],
            )
            for each in answer["nodes"]
        ),
        right=(0, 1, 2, 3, 4),
        empty="No request of either cohort waited for anything.",
    )
    say(
        f"Means per request. All intervals hold together with"
        f" {format_ratio(answer['confidence_ratio'])}; {answer['compared']:,} nodes compared."
    )
    for each in answer["attributes"]:
        say(
            f"{inert(each['key'], 80)}={inert(each['value'], 120)}:"
            f" {each['slow_with']:,} of {each['slow_requests']:,} slow requests,"
            f" {each['usual_with']:,} of {each['usual_requests']:,} usual ones"
        )
    if answer["sampled"]:
        say("A sample of the requests was read.")
    if answer["slow_trace_ids"]:
        say(f"Slowest: {', '.join(answer['slow_trace_ids'])}")


def _where(node: Answer) -> str:
    if not node["service"]:
        return str(inert(node["resource"], 160))
    told = f"{inert(node['service'], 60)}: {inert(node['operation'], 120)}"
    return f"{told} → {inert(node['resource'], 80)}" if node["resource"] else told


def _signed(length_ns: float | None) -> str:
    if length_ns is None:
        return "?"
    return f"{'-' if length_ns < 0 else '+'}{format_duration(round(abs(length_ns)))}"
