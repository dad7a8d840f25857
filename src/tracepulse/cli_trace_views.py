"""Traces and blocking paths as people read them in a terminal: lists, trees and bars."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from tracepulse.cli_output import failed, inert, moment, print_table, say, say_if_cut
from tracepulse.units import format_count, format_duration, format_ratio

__all__ = ["show_path", "show_trace", "show_traces"]

Answer = Mapping[str, Any]

_BAR_CELLS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
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
                moment(each["start_at"]),
                format_duration(each["duration_ns"]),
                format_count(each["spans"]),
                failed(each["error_spans"]),
                f"{each['root_service']}: {each['root_operation']}",
            )
            for each in answer["traces"]
        ),
        right=(2, 3, 4),
        empty="No such traces. Ask for a longer time with --since -24h, or less narrowly.",
    )
    say_if_cut(answer)


def show_trace(answer: Answer) -> None:
    """Print a trace as a tree with bars."""
    say(
        f"{answer['trace_id']}  {moment(answer['start_at'])} UTC"
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
        f"{answer['trace_id']}  {moment(answer['start_at'])} UTC  {format_duration(total)},"
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
                Text(_spent_on(each), style=_COLOURS.get(each["category"], "")),
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
    for phase, length in answer["by_phase"].items():
        say(
            f"{phase.replace('_', ' '):>14}  {format_duration(length)}  {format_ratio(length / total)}"
        )
    for paint in answer["paints"]:
        say(_painted(paint))
    confidence = answer["confidence"]
    say(f"Confidence {confidence['level']}: {confidence['text']}")
    for note in answer["warnings"]:
        say(f"Note ({note['count']:,} spans): {inert(note['text'])}")


def _spent_on(section: Answer) -> str:
    """Return the category, and what a browser was at."""
    phase = section["phase"].replace("_", " ")
    return f"{section['category']}: {phase}" if phase else str(section["category"])


def _painted(paint: Answer) -> str:
    parts = ", ".join(
        f"{part['name'].replace('_', ' ')} {format_duration(part['duration_ns'])}"
        for part in paint["parts"]
    )
    what = inert(paint["element"] or paint["url"], 120)
    return (
        f"{paint['name'].upper()} {format_duration(paint['duration_ns'])}"
        + (f" ({what})" if what else "")
        + (f": {parts}" if parts else "")
        + f"; span {paint['span_id']}"
    )


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
    is_error = span["status_code"] == "Error"
    text.append(f" {inert(span['operation'], 120)}", style="red" if is_error else "")
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
