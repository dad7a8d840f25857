"""Regressions, and what came of a fix, as people read them in a terminal."""

from collections.abc import Mapping
from typing import Any

from tracepulse.cli_output import inert, print_table, say
from tracepulse.units import format_duration

__all__ = ["show_regression", "show_regressions", "show_verdict"]

Answer = Mapping[str, Any]


def show_regressions(answer: Answer) -> None:
    """Print a list of regressions."""
    print_table(
        ("id", "state", "since", "times", "metric", "where", "more"),
        (
            (
                each["regression_id"],
                each["state"],
                each["onset_at"][:16],
                f"{each['rises'][0]['ratio']:.2f}",
                each["rises"][0]["metric"],
                _where(each["rises"][0]),
                str(len(each["rises"]) - 1),
            )
            for each in answer["regressions"]
        ),
        right=(3, 6),
        empty="Nothing became slower and stayed so.",
    )
    coverage = answer["coverage"]
    if coverage is None:
        say("Nothing has been looked at yet.")
        return
    say(
        f"Judged: {coverage['judged']:,} series; less than a day old: {coverage['too_new']:,};"
        f" too few requests: {coverage['too_few']:,}."
    )
    if coverage["error"]:
        say(f"The last look failed: {inert(coverage['error'], 300)}")


def show_regression(found: Answer) -> None:
    """Print one regression."""
    say(
        f"{found['regression_id']}  {found['state']}, since {found['onset_at'][:16]}"
        f" (between {found['first_at'][:16]} and {found['last_at'][:16]})"
    )
    print_table(
        ("before", "after", "times", "from", "to", "metric", "where"),
        (
            (
                _value(each, "before"),
                _value(each, "after"),
                f"{each['ratio']:.2f}",
                f"{each['low_ratio']:.2f}",
                f"{each['high_ratio']:.2f}",
                each["metric"],
                _where(each),
            )
            for each in found["rises"]
        ),
        right=(0, 1, 2, 3, 4),
        empty="",
    )
    if found["version_before"] or found["version_after"]:
        say(
            f"Version: {inert(found['version_before'] or '?', 60)} before,"
            f" {inert(found['version_after'] or '?', 60)} since"
        )
    if found["change_id"]:
        say(f"Nearest change: {inert(found['change_id'], 80)}")
    if found["trace_ids"]:
        say(f"Traces: {', '.join(found['trace_ids'])}")
    link = found["why"]
    if link:
        say(
            f"Why: tracepulse why --route '{inert(link['route'], 120)}'"
            f" --service '{inert(link['service'], 80)}' --before {link['before']}"
            f" --after {link['after']} --since {link['since']} --until {link['until']}"
        )


def show_verdict(answer: Answer) -> None:
    """Print whether a fix helped."""
    say(f"{answer['verdict']}: {answer['reason']}.")
    if answer["ratio"] is not None:
        say(
            f"{answer['metric']} {_value(answer, 'before')} before, {_value(answer, 'after')} since:"
            f" times {answer['ratio']:.2f} ({answer['low_ratio']:.2f} to {answer['high_ratio']:.2f}),"
            f" looked at after {answer['look_minutes']:,} minutes; by {answer['rests_on']}"
        )
    say(f"Requests: {answer['requests_before']:,} before, {answer['requests_after']:,} since")
    if answer["more_minutes"] is not None:
        say(
            f"Ask again in {answer['more_minutes']:,} minutes,"
            f" or about {answer['more_requests']:,} requests"
        )


def _where(rise: Answer) -> str:
    return f"{inert(rise['service'], 60)} {inert(rise['route'], 100)}".rstrip()


def _value(told: Answer, which: str) -> str:
    value = told[which]
    return f"{value:.3f}" if told["metric"] == "cls" else format_duration(round(value))
