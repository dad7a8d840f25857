"""Who calls whom, as people read it in a terminal."""

from collections.abc import Mapping
from typing import Any

from tracepulse.cli_output import failed, moment, print_table, say
from tracepulse.units import format_count, format_duration, format_ratio

__all__ = ["show_edge", "show_flows", "show_modules", "show_routes"]

Answer = Mapping[str, Any]

_SOURCES = {
    "spans": "spans",
    "links": "span links",
    "peer": "one side",
    "mesh": "mesh metrics",
    "access_log": "access logs",
    "logs": "log lines",
}
_NUMBERS = ("calls", "errors", "error share", "p50", "p95", "sure")


def show_flows(answer: Answer) -> None:
    """Print who calls whom."""
    print_table(
        ("caller", "callee", "by", *_NUMBERS, "seen by", ""),
        (
            (
                each["caller"] or "(outside)",
                each["callee"],
                each["connection"],
                *_numbers(each),
                ", ".join(_SOURCES[kind["kind"]] for kind in each["evidence"]),
                "disagree" if each["disagreements"] else "",
            )
            for each in answer["edges"]
        ),
        right=(3, 4, 5, 6, 7, 8),
        empty="No calls in that time. Ask for a longer time with --since -24h.",
    )
    if answer["doubtful"]:
        pairs = ", ".join(f"{each['caller']} -> {each['callee']}" for each in answer["doubtful"])
        say(f"Suggested by log lines alone, and by nothing else: {pairs}.", style="bright_black")


def show_edge(answer: Answer) -> None:
    """Print what shows one edge, kind by kind."""
    say(f"{answer['caller'] or '(outside)'} -> {answer['callee']} ({answer['connection']})")
    print_table(
        ("seen by", *_NUMBERS, "first seen (UTC)", "last seen (UTC)"),
        (
            (
                _SOURCES[each["kind"]],
                *_numbers(each),
                moment(each["first_at"]),
                moment(each["last_at"]),
            )
            for each in answer["evidence"]
        ),
        right=(1, 2, 3, 4, 5, 6),
        empty="Nothing.",
    )
    for each in answer["disagreements"]:
        say(
            f"Disagree on {each['about']}: {_SOURCES[each['one']]} {each['one_value']:g},"
            f" {_SOURCES[each['other']]} {each['other_value']:g}."
        )


def show_routes(answer: Answer) -> None:
    """Print the ways that requests take, route by route."""
    for route in answer["routes"]:
        say(
            f"{route['service']}: {route['operation']}  {format_count(route['requests'])} requests,"
            f" {format_count(route['looked_at'])} looked at"
        )
        print_table(
            ("share", "failed", "p50", "way", "for instance"),
            (
                (
                    format_ratio(each["share_ratio"]),
                    failed(each["errors"]),
                    format_duration(each["p50_ns"]),
                    ", ".join(f"{step['caller']} -> {step['callee']}" for step in each["steps"])
                    or "itself",
                    each["example_trace_id"],
                )
                for each in route["paths"]
            ),
            right=(0, 1, 2),
            empty="None of its traces could be read.",
        )
    if not answer["routes"]:
        say("No requests came in in that time. Ask for a longer time with --since -24h.")


def show_modules(answer: Answer) -> None:
    """Print the modules inside services, and how they call each other."""
    print_table(
        ("service", "module", "spans", "lines", "errors"),
        (
            (
                each["service"],
                each["name"],
                format_count(each["spans"]),
                format_count(each["lines"]),
                failed(each["errors"]),
            )
            for each in answer["modules"]
        ),
        right=(2, 3, 4),
        empty="No spans or lines name a module in that time.",
    )
    if answer["calls"]:
        print_table(
            ("service", "module", "calls", "calls made", "errors"),
            (
                (
                    each["service"],
                    each["caller"],
                    each["callee"],
                    format_count(each["calls"]),
                    failed(each["errors"]),
                )
                for each in answer["calls"]
            ),
            right=(3, 4),
            empty="",
        )


def _numbers(each: Answer) -> tuple[Any, ...]:
    return (
        format_count(each["calls"]),
        failed(each["errors"]),
        format_ratio(each["errors"] / each["calls"] if each["calls"] else 0),
        "" if each["p50_ns"] is None else format_duration(each["p50_ns"]),
        "" if each["p95_ns"] is None else format_duration(each["p95_ns"]),
        format_ratio(each["confidence_ratio"]),
    )
