"""The answers of the API as people read them in a terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from tracepulse.cli_output import (
    console,
    inert,
    moment,
    print_table,
    say,
    say_if_cut,
)
from tracepulse.units import format_bytes, format_count, format_duration, format_ratio

__all__ = [
    "show_doctor",
    "show_incident",
    "show_incidents",
    "show_logs",
    "show_metric_names",
    "show_metric_series",
    "show_pattern",
    "show_patterns",
]

Answer = Mapping[str, Any]

_CURVE_CELLS = 40
_SPARKS = "▁▂▃▄▅▆▇█"


def show_logs(answer: Answer) -> None:
    """Print log lines, oldest first, as a file would hold them."""
    records = answer["records"]
    if not records:
        say("No such log lines. Ask for a longer time with --since -24h, or less narrowly.")
    out = console()
    for each in reversed(records):
        level = each["severity_text"] or str(each["severity_number"] or "-")
        line = Text(f"{moment(each['time_at'])} ", style="bright_black")
        line.append(f"{inert(level, 12):<5} ", style=_severity_style(each["severity_number"]))
        line.append(f"{inert(each['service'], 80)} ", style="bold")
        line.append(inert(each["body"]))
        if each["trace_id"]:
            line.append(f"  trace {each['trace_id']}", style="bright_black")
        out.print(line, soft_wrap=True)
    say_if_cut(answer)


def show_patterns(answer: Answer) -> None:
    """Print templates by number of lines."""
    print_table(
        ("lines", "before", "state", "service", "id", "template"),
        (
            (
                format_count(each["lines"]),
                format_count(each["lines_before"]),
                "" if each["state"] == "steady" else each["state"],
                each["service"],
                each["template_id"],
                each["text"] or "(lines whose text is not kept)",
            )
            for each in answer["patterns"]
        ),
        right=(0, 1),
        empty="No log lines. Ask for a longer time with --since -24h.",
    )
    say(f"{format_count(answer['lines'])} lines in all.")
    say_if_cut(answer)


def show_pattern(answer: Answer) -> None:
    """Print a template, its lines by minute, and some of them."""
    pattern, minutes = answer["pattern"], answer["minutes"]
    say(f"{inert(pattern['service'], 80)}: {inert(pattern['text'])}")
    print_table(
        ("minute", "lines"),
        ((moment(each["start_at"]), format_count(each["lines"])) for each in minutes),
        right=(1,),
        empty="No lines in this time.",
    )
    for example in pattern["examples"]:
        say(f"  {inert(example)}")


def show_metric_names(answer: Answer) -> None:
    """Print which metrics there are."""
    print_table(
        ("metric", "kind", "service", "unit", "points"),
        (
            (
                each["name"],
                each["kind"],
                each["service"],
                each["unit"],
                format_count(each["points"]),
            )
            for each in answer["metrics"]
        ),
        right=(4,),
        empty="There are no metrics.",
    )
    say_if_cut(answer)


def show_metric_series(answer: Answer) -> None:
    """Print series as small curves with their range."""
    rows = []
    for each in answer["series"]:
        values = [point["value"] for point in each["points"] if point["value"] is not None]
        attributes = " ".join(f"{key}={value}" for key, value in sorted(each["attributes"].items()))
        rows.append(
            (
                each["service"],
                attributes,
                each["kind"],
                _spark(values),
                *(f"{value:.6g}" for value in (_ends(values))),
                each["unit"],
            )
        )
    print_table(
        ("service", "attributes", "kind", "", "least", "most", "last", "unit"),
        rows,
        right=(4, 5, 6),
        empty="No such series. `tracepulse metrics` lists names; try a longer time with --since.",
    )
    say(f"One point per {answer['step_s']} s.", style="bright_black")


def show_incidents(answer: Answer) -> None:
    """Print a list of incidents."""
    print_table(
        ("incident", "state", "since (UTC)", "what"),
        (
            (
                each["incident_id"],
                Text(each["state"], style="red" if each["state"] == "open" else ""),
                moment(each["onset_at"]),
                each["title"],
            )
            for each in answer["incidents"]
        ),
        empty="There are no incidents.",
    )
    say_if_cut(answer)


def show_incident(answer: Answer) -> None:
    """Print one incident with its causes and what set it off."""
    say(f"{answer['incident_id']}  {answer['state']} since {moment(answer['onset_at'])} UTC")
    say(inert(answer["title"]), style="bold")
    say()
    print_table(
        ("", "probability", "cause"),
        (
            (f"{each['rank']}.", format_ratio(each["probability"]), each["statement"])
            for each in answer["hypotheses"]
        ),
        right=(0, 1),
        folded=(2,),
        empty="No cause stands out.",
    )
    say(f"None of these: {format_ratio(answer['unknown_probability'])}")
    say()
    print_table(
        ("set off by", "service", "since (UTC)", "after", "before"),
        (
            (
                each["kind"].replace("_", " "),
                f"{each['service']} {each['operation'] or each['template'] or each['alert_name']}",
                moment(each["onset_at"]),
                f"{each['events_after']:,} of {each['calls_after']:,}",
                f"{each['events_before']:,} of {each['calls_before']:,}",
            )
            for each in answer["triggers"]
        ),
    )
    say()
    say(f"All of it: tracepulse context {answer['incident_id']}")


def show_doctor(answer: Answer) -> None:
    """Print how the server is."""
    uptime = format_duration(int(answer["uptime_s"] * 1e9))
    say(f"TracePulse {answer['version']}, up {uptime}, {answer['engine']}")
    say(f"Data in {answer['data_dir']}")
    say()
    print_table(
        ("check", "", "detail"),
        (
            (
                each["name"],
                Text("ok" if each["ok"] else "FAILS", style="green" if each["ok"] else "bold red"),
                each["detail"],
            )
            for each in answer["checks"]
        ),
        folded=(2,),
    )
    say()
    accounting = answer["accounting"]
    names = ("received", "stored", "deduplicated", "rejected", "queued")
    print_table(
        (f"records since {moment(accounting['since_at'])}", *names),
        (
            (each["signal"], *(format_count(_total(each[name])) for name in names))
            for each in (*accounting["signals"], {**accounting, "signal": "all"})
        ),
        right=tuple(range(1, len(names) + 1)),
    )
    reasons: Counter[str] = Counter()
    for each in accounting["signals"]:
        reasons.update(each["rejected"])
    for reason, count in sorted(reasons.items()):
        say(f"Rejected as {reason}: {format_count(count)}")
    waiting = answer["journal"].get("waiting_bytes")
    if waiting is not None:
        say(f"The journal holds {format_bytes(waiting)} that the store does not have yet.")


def _total(amount: int | Mapping[str, int]) -> int:
    return amount if isinstance(amount, int) else sum(amount.values())


def _severity_style(number: int) -> str:
    if number >= 17:
        return "red"
    return "yellow" if number >= 13 else ""


def _spark(values: Sequence[float]) -> str:
    """Draw up to 40 values as small bars; more are taken together by their greatest."""
    if not values:
        return ""
    size = -(-len(values) // _CURVE_CELLS)
    bins = [max(values[i : i + size]) for i in range(0, len(values), size)]
    low, high = min(bins), max(bins)
    if high == low:
        return _SPARKS[0] * len(bins)
    return "".join(_SPARKS[int((each - low) / (high - low) * 7.999)] for each in bins)


def _ends(values: Sequence[float]) -> Iterable[float]:
    return (min(values), max(values), values[-1]) if values else ()
