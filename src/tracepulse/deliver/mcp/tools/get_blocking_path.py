"""What one trace was waiting for."""

from typing import Any, Literal
from urllib.parse import quote

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_duration, format_ratio

__all__ = ["get_blocking_path"]


async def get_blocking_path(
    api: Answers,
    trace_id: str,
    detail: Literal["summary", "full"],
    max_tokens: int,
    until: Literal["end", "lcp", "inp"] = "end",
) -> str:
    """Return the sections that sum to the trace's length, in order or by what they belong to."""
    path = await api.json(f"/api/traces/{quote(trace_id, safe='')}/path", {"until": until})
    reply = Reply(max_tokens)
    total = path["duration_ns"]
    reply.say(
        f"# Blocking path of {path['trace_id']}: {format_duration(total)} from {path['start_at']}"
    )
    reply.say(
        f"Confidence {path['confidence']['level']}: {path['confidence']['text']}"
        f" {path['joined_spans']:,} of {path['spans']:,} spans are joined."
    )
    spent = ", ".join(
        f"{category} {format_duration(length)} ({format_ratio(length / total if total else 0)})"
        for category, length in path["by_category"].items()
    )
    reply.say(f"Spent on: {spent or 'nothing, the trace has no length'}.")
    for paint in path["paints"]:
        reply.say(_painted(paint))
    if detail == "full":
        reply.say("Sections in order of time; they touch and sum to the whole:")
        lines = [_section_line(each) for each in path["sections"]]
    else:
        reply.say("Summed by operation, longest first (detail=full lists them in order of time):")
        lines = _summed(path["sections"], total)
    reply.quote(lines, "raise max_tokens")
    for note in path["warnings"]:
        reply.say(f"Note ({note['count']:,} spans): {note['text']}")
    return reply.text()


def _painted(paint: dict[str, Any]) -> str:
    parts = ", ".join(
        f"{part['name']} {format_duration(part['duration_ns'])}" for part in paint["parts"]
    )
    told = (
        f"{paint['name'].upper()} {format_duration(paint['duration_ns'])}, span {paint['span_id']}"
    )
    return f"{told}: {parts or 'its parts are not known'} (until={paint['name']} for its path)."


def _spent_on(section: dict[str, Any]) -> str:
    return f"{section['category']}/{section['phase']}" if section["phase"] else section["category"]


def _section_line(section: dict[str, Any]) -> str:
    return (
        f"+{format_duration(section['start_offset_ns'])}  {format_duration(section['duration_ns'])}"
        f"  {_spent_on(section)}  {one_line(section['service'], 100)}:"
        f" {one_line(section['operation'], 160)}  span {section['span_id']}"
    )


def _summed(sections: list[dict[str, Any]], total_ns: int) -> list[str]:
    sums: dict[tuple[str, str, str], list[Any]] = {}
    for each in sections:
        key = (each["service"], each["operation"], _spent_on(each))
        entry = sums.setdefault(key, [0, 0, each["span_id"]])
        entry[0] += each["duration_ns"]
        entry[1] += 1
    return [
        f"{format_duration(length)} ({format_ratio(length / total_ns)})  {category}"
        f"  {one_line(service, 100)}: {one_line(operation, 160)}  {count}×, first span {span_id}"
        for (service, operation, category), (length, count, span_id) in sorted(
            sums.items(), key=lambda pair: (-pair[1][0], pair[0])
        )
    ]
