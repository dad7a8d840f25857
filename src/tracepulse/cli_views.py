"""The answers of the API as people read them in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from tracepulse.cli_output import console, inert, print_table, say
from tracepulse.units import format_bytes, format_count, format_duration, format_ratio

__all__ = [
    "show_doctor",
    "show_flows",
    "show_incident",
    "show_incidents",
    "show_logs",
    "show_metric_names",
    "show_metric_series",
    "show_path",
    "show_trace",
    "show_traces",
]

Answer = Mapping[str, Any]

_BAR_CELLS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇█"
_MAX_SECTIONS = 60
_MAX_SPANS = 300
_COLOURS = {
    "own": "cyan",
    "database": "yellow",
    "cache": "green",
    "messaging": "magenta",
    "network": "blue",
    "waiting": "red",
    "external": "bright_black",
    "browser": "bright_cyan",
    "resource": "bright_yellow",
}


def show_traces(answer: Answer) -> None:
    """Print a list of traces."""
    print_table(
        ("trace id", "start (UTC)", "duration", "spans", "failed", "root"),
        (
            (
                each["trace_id"],
                _moment(each["start_at"]),
                format_duration(each["duration_ns"]),
                format_count(each["spans"]),
                _failed(each["error_spans"]),
                f"{each['root_service']}: {each['root_operation']}",
            )
            for each in answer["traces"]
        ),
        right=(2, 3, 4),
        empty="No such traces. Ask for a longer time with --since -24h, or less narrowly.",
    )
    _say_if_cut(answer)


def show_trace(answer: Answer) -> None:
    """Print a trace as a tree with bars."""
    say(
        f"{answer['trace_id']}  {_moment(answer['start_at'])} UTC"
        f"  {format_duration(answer['duration_ns'])}  {format_count(len(answer['spans']))} spans"
    )
    spans = _as_tree(answer["spans"])
    print_table(
        ("span", "duration", "", "span id"),
        (
            (
                _label(depth, span),
                format_duration(span["duration_ns"]),
                _bar(span["start_offset_ns"], span["duration_ns"], answer["duration_ns"], "cyan"),
                span["span_id"],
            )
            for depth, span in spans[:_MAX_SPANS]
        ),
        right=(1,),
    )
    if len(spans) > _MAX_SPANS:
        say(f"{len(spans) - _MAX_SPANS:,} more spans; --json has them all.")


def show_path(answer: Answer) -> None:
    """Print a blocking path as bars, in order of time."""
    total = answer["duration_ns"]
    say(
        f"{answer['trace_id']}  {_moment(answer['start_at'])} UTC  {format_duration(total)},"
        f" {answer['joined_spans']:,} of {answer['spans']:,} spans joined"
    )
    shown = _longest(answer["sections"], _MAX_SECTIONS)
    print_table(
        ("from", "for", "share", "", "blocked on", "as"),
        (
            (
                f"+{format_duration(each['start_offset_ns'])}",
                format_duration(each["duration_ns"]),
                format_ratio(each["duration_ns"] / total),
                _bar(
                    each["start_offset_ns"],
                    each["duration_ns"],
                    total,
                    _COLOURS.get(each["category"], "cyan"),
                ),
                f"{each['service']}: {each['operation']}",
                Text(each["category"], style=_COLOURS.get(each["category"], "")),
            )
            for each in shown
        ),
        right=(0, 1, 2),
        empty="The trace has no length.",
    )
    left_out = len(answer["sections"]) - len(shown)
    if left_out:
        rest = total - sum(each["duration_ns"] for each in shown)
        say(f"{left_out:,} shorter sections, {format_duration(rest)} in all; --json has them.")
    for category, length in answer["by_category"].items():
        say(f"{category:>10}  {format_duration(length)}  {format_ratio(length / total)}")
    confidence = answer["confidence"]
    say(f"Confidence {confidence['level']}: {confidence['text']}")
    for note in answer["warnings"]:
        say(f"Note ({note['count']:,} spans): {inert(note['text'])}")


def show_logs(answer: Answer) -> None:
    """Print log lines, oldest first, as a file would hold them."""
    records = answer["records"]
    if not records:
        say("No such log lines. Ask for a longer time with --since -24h, or less narrowly.")
    out = console()
    for each in reversed(records):
        level = each["severity_text"] or str(each["severity_number"] or "-")
        line = Text(f"{_moment(each['time_at'])} ", style="bright_black")
        line.append(f"{inert(level, 12):<5} ", style=_severity_style(each["severity_number"]))
        line.append(f"{inert(each['service'], 80)} ", style="bold")
        line.append(inert(each["body"]))
        if each["trace_id"]:
            line.append(f"  trace {each['trace_id']}", style="bright_black")
        out.print(line, soft_wrap=True)
    _say_if_cut(answer)


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
    _say_if_cut(answer)


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


def show_flows(answer: Answer) -> None:
    """Print who calls whom."""
    print_table(
        ("caller", "callee", "by", "calls", "errors", "error share", "p50", "p95", "seen from"),
        (
            (
                each["caller"] or "(outside)",
                each["callee"],
                each["connection"],
                format_count(each["calls"]),
                _failed(each["errors"]),
                format_ratio(each["errors"] / each["calls"] if each["calls"] else 0),
                format_duration(each["p50_ns"]),
                format_duration(each["p95_ns"]),
                "both sides" if each["inferred_from"] == "spans" else "the caller",
            )
            for each in answer["edges"]
        ),
        right=(3, 4, 5, 6, 7),
        empty="No calls in that time. Ask for a longer time with --since -24h.",
    )


def show_incidents(answer: Answer) -> None:
    """Print a list of incidents."""
    print_table(
        ("incident", "state", "since (UTC)", "what"),
        (
            (
                each["incident_id"],
                Text(each["state"], style="red" if each["state"] == "open" else ""),
                _moment(each["onset_at"]),
                each["title"],
            )
            for each in answer["incidents"]
        ),
        empty="There are no incidents.",
    )
    _say_if_cut(answer)


def show_incident(answer: Answer) -> None:
    """Print one incident with its causes and what set it off."""
    say(f"{answer['incident_id']}  {answer['state']} since {_moment(answer['onset_at'])} UTC")
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
                _moment(each["onset_at"]),
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
    counts = {**answer["accounting"]}
    print_table(
        ("records since the start", ""),
        ((name.replace("_", " "), format_count(count)) for name, count in counts.items()),
        right=(1,),
    )
    waiting = answer["journal"].get("waiting_bytes")
    if waiting is not None:
        say(f"The journal holds {format_bytes(waiting)} that the store does not have yet.")


def _moment(at: str) -> str:
    """Return RFC 3339 to the millisecond, without the letters."""
    return f"{at[:10]} {at[11:23]}"


def _failed(count: int) -> Text:
    return Text(format_count(count), style="red" if count else "")


def _say_if_cut(answer: Answer) -> None:
    if not answer["complete"]:
        say("There are more; raise --limit or ask more narrowly.", style="bright_black")


def _severity_style(number: int) -> str:
    if number >= 17:
        return "red"
    return "yellow" if number >= 13 else ""


def _bar(offset_ns: int, length_ns: int, total_ns: int, style: str) -> Text:
    """Draw a stretch of the whole, to an eighth of a cell; none is so short that it vanishes."""
    if total_ns <= 0:
        return Text("▏", style=style)
    scale = _BAR_CELLS * 8 / total_ns
    start = min(round(offset_ns * scale), _BAR_CELLS * 8 - 1)
    end = max(start + 1, round((offset_ns + length_ns) * scale))
    cells = start // 8
    # A block can only be filled from the left: a bar begins on a whole cell.
    full, part = divmod(end - cells * 8, 8)
    return Text(" " * cells + "█" * full + (_EIGHTHS[part] if part else ""), style=style)


def _label(depth: int, span: Answer) -> Text:
    text = Text("  " * min(depth, 20))
    text.append(inert(span["service"], 60), style="bold")
    failed = span["status_code"] == "Error"
    text.append(f" {inert(span['operation'], 120)}", style="red" if failed else "")
    return text


def _as_tree(spans: Sequence[Answer]) -> list[tuple[int, Answer]]:
    """Return spans under their parents with their depth; what has no parent here is a root."""
    known = {span["span_id"] for span in spans}
    children: dict[str, list[Answer]] = {}
    for span in spans:
        parent = span["parent_span_id"]
        parent = parent if parent in known and parent != span["span_id"] else ""
        children.setdefault(parent, []).append(span)
    rows: list[tuple[int, Answer]] = []
    seen: set[int] = set()
    stack = [(0, span) for span in reversed(children.get("", []))]
    while stack:
        depth, span = stack.pop()
        if id(span) in seen:
            continue
        seen.add(id(span))
        rows.append((depth, span))
        stack.extend((depth + 1, child) for child in reversed(children.get(span["span_id"], [])))
    # Spans that are each other's descendants hang on no root.
    rows.extend((0, span) for span in spans if id(span) not in seen)
    return rows


def _longest(sections: Sequence[Answer], count: int) -> list[Answer]:
    """Return the longest sections, still in order of time."""
    if len(sections) <= count:
        return list(sections)
    order = sorted(range(len(sections)), key=lambda i: (-sections[i]["duration_ns"], i))
    return [sections[i] for i in sorted(order[:count])]


def _spark(values: Sequence[float]) -> str:
    """Draw up to 40 values as small bars; more are taken together by their greatest."""
    if not values:
        return ""
    size = -(-len(values) // _BAR_CELLS)
    bins = [max(values[i : i + size]) for i in range(0, len(values), size)]
    low, high = min(bins), max(bins)
    if high == low:
        return _SPARKS[0] * len(bins)
    return "".join(_SPARKS[int((each - low) / (high - low) * 7.999)] for each in bins)


def _ends(values: Sequence[float]) -> Iterable[float]:
    return (min(values), max(values), values[-1]) if values else ()
