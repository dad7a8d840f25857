"""Predictions as people read them in a terminal."""

from collections.abc import Mapping
from typing import Any

from tracepulse.cli_output import inert, print_table, say
from tracepulse.units import format_count, format_duration

__all__ = ["show_opportunities", "show_whatif"]

Answer = Mapping[str, Any]


def show_whatif(answer: Answer) -> None:
    """Print one prediction with what it rests on."""
    say(f"{inert(answer['node'], 200)}, {inert(answer['change'])}: {inert(answer['said'], 300)}.")
    print_table(
        ("", "now", "predicted", "from", "to"),
        (
            (
                f"p{each['quantile'] * 100:g}",
                *(_length(each[key]) for key in ("before_ns", "after_ns", "low_ns", "high_ns")),
            )
            for each in answer["quantiles"]
        ),
        right=(1, 2, 3, 4),
        empty="",
    )
    say(
        f"{format_count(answer['calls'])} calls in {format_count(answer['touched'])} of"
        f" {format_count(answer['requests'])} requests; {_length(answer['saved_per_request_ns'])}"
        f" a request{_per_day(answer)}."
    )
    for each in answer["stations"]:
        say(
            f"Waiting changes at {inert(each['service'], 60)}: {inert(each['what'], 80)},"
            f" {each['places']} at once ({each['asked_when_full']:,} calls came when full)."
        )
    least = answer["least_traces"]
    if least is not None:
        say(f"Its sequence with calls beside it is taken from {least:,} traces or more.")
    if not answer["queues"]:
        say("Waiting for other requests was not played: there are too many to read.")
    if answer["sampled"]:
        say("A sample of the requests was read.")


def show_opportunities(answer: Answer) -> None:
    """Print a ranked list."""
    print_table(
        ("saved a day", "a request", "p95 now", "predicted", "touched", "change", "of"),
        (
            (
                "?" if each["saved_per_day_s"] is None else _length(each["saved_per_day_s"] * 1e9),
                _length(each["saved_per_request_ns"]),
                _length(each["quantiles"][-1]["before_ns"]),
                _length(each["quantiles"][-1]["after_ns"]),
                format_count(each["touched"]),
                inert(each["change"]),
                inert(each["node"], 160),
            )
            for each in answer["opportunities"]
        ),
        right=(0, 1, 2, 3, 4),
        empty="Nothing would be gained anywhere.",
    )
    say(
        f"{format_count(answer['requests'])} requests; {answer['compared']:,} changes were played."
        " What two changes gain together is not the sum."
    )
    if answer["sampled"]:
        say("A sample of the requests was read, so that seconds a day are not known.")


def _length(length_ns: float | None) -> str:
    return "?" if length_ns is None else format_duration(round(length_ns))


def _per_day(answer: Answer) -> str:
    saved = answer["saved_per_day_s"]
    return "" if saved is None else f", {_length(saved * 1e9)} a day at this rate"
