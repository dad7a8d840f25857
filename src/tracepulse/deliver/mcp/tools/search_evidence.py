"""Traces and log lines that are as asked for."""

from dataclasses import dataclass
from typing import Any, Literal

from tracepulse.deliver.mcp.answers import Answers
from tracepulse.deliver.mcp.reply import Reply, one_line
from tracepulse.units import format_duration

__all__ = ["EvidenceQuestion", "Kind", "search_evidence"]

Kind = Literal["both", "traces", "logs"]


@dataclass(frozen=True, slots=True)
class EvidenceQuestion:
    """What is looked for; '' or () asks for any."""

    kind: Kind
    service: str
    text: str
    errors_only: bool
    attributes: tuple[str, ...]
    """`key=value` each."""
    trace_id: str
    since: str
    until: str
    data_set: str
    limit: int


async def search_evidence(api: Answers, question: EvidenceQuestion, max_tokens: int) -> str:
    """Return matching traces and log lines, newest first, with ids for the next call."""
    reply = Reply(max_tokens)
    reply.say("# Evidence, newest first")
    asks_traces = question.kind != "logs" and not question.trace_id
    if asks_traces:
        share = 0.4 if question.kind == "both" else 1.0
        _show_traces(reply, await api.json("/api/traces", _of_traces(question)), share)
    if question.kind != "traces":
        _show_logs(reply, await api.json("/api/logs", _of_logs(question)))
    reply.say("Next: get_blocking_path with a trace id; narrow with service, text, attr or since.")
    return reply.text()


def _common(question: EvidenceQuestion) -> dict[str, Any]:
    return {
        "service": question.service,
        "text": question.text,
        "attr": list(question.attributes),
        "since": question.since,
        "until": question.until,
        "data_set": question.data_set,
        "limit": question.limit,
    }


def _of_traces(question: EvidenceQuestion) -> dict[str, Any]:
    return {**_common(question), "status": "error" if question.errors_only else ""}


def _of_logs(question: EvidenceQuestion) -> dict[str, Any]:
    return {
        **_common(question),
        "severity": "error" if question.errors_only else "",
        "trace_id": question.trace_id,
    }


def _show_traces(reply: Reply, found: dict[str, Any], share: float) -> None:
    traces = found["traces"]
    if not traces:
        reply.say("Traces: none. Try a longer time (since=-24h), or fewer conditions.")
        return
    reply.say(f"Traces, {len(traces)}{_whether_all(found)}:")
    reply.quote(map(_trace_line, traces), _older(traces, "start_at"), share)


def _show_logs(reply: Reply, found: dict[str, Any]) -> None:
    records = found["records"]
    if not records:
        reply.say("Log lines: none. Try a longer time (since=-24h), or fewer conditions.")
        return
    reply.say(f"Log lines, {len(records)}{_whether_all(found)}:")
    reply.quote(map(_log_line, records), _older(records, "time_at"))


def _whether_all(found: dict[str, Any]) -> str:
    return " (complete)" if found["complete"] else " (there are more; raise limit or narrow)"


def _older(rows: list[dict[str, Any]], key: str) -> str:
    return f"raise max_tokens, or narrow; the oldest found is of {rows[-1][key]} (until=…)"


def _trace_line(trace: dict[str, Any]) -> str:
    return (
        f"{trace['trace_id']}  {trace['start_at'][:23]}Z  {format_duration(trace['duration_ns'])}"
        f"  {trace['error_spans']} of {trace['spans']} spans failed"
        f"  {one_line(trace['root_service'], 100)}: {one_line(trace['root_operation'], 160)}"
    )


def _log_line(record: dict[str, Any]) -> str:
    level = record["severity_text"] or str(record["severity_number"])
    trace = f"  trace {record['trace_id']}" if record["trace_id"] else ""
    return (
        f"{record['time_at'][:23]}Z  {one_line(level, 20)}  {one_line(record['service'], 100)}"
        f"  {one_line(record['body'])}{trace}"
    )
