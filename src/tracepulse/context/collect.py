"""From the store to findings: one query per field, each bounded, with a note of what was asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tracepulse.context.known_calls import calls_around
from tracepulse.context.template_names import TemplateNames
from tracepulse.derive.blocking_path import blocking_path
from tracepulse.derive.flows import compare_edges, failure_summary
from tracepulse.derive.locate import entry_operations, locate
from tracepulse.errors import NotFound
from tracepulse.model.change import Change
from tracepulse.model.findings import (
    BlockingExample,
    Coverage,
    Findings,
    PathSection,
    QueryNote,
    VersionOutcome,
    Window,
)
from tracepulse.model.flow import EdgeChange
from tracepulse.model.incident import Incident
from tracepulse.model.log import LogRecord
from tracepulse.model.question import LogQuestion
from tracepulse.model.question import Window as Stretch
from tracepulse.model.span import SpanColumns
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore

__all__ = ["Collector", "incident_window"]

_S = 1_000_000_000
_MINUTE_NS = 60 * _S
_BASELINE_NS = 30 * 60 * _S
_CHANGES_BEFORE_NS = 24 * 3600 * _S
_TRACES = 50
_ROWS = 500
_SHAPES = 200
_LOG_LINES = 5_000
_LOGS_BEFORE_NS = 60 * _S
_LOGS_AFTER_NS = 180 * _S
_ONSET_ROOM_NS = 10 * _S
"""An onset is known to about a bin."""
_MAX_SPANS = 50_000

T = TypeVar("T")


def incident_window(incident: Incident, first_unix_ns: int | None, now_unix_ns: int) -> Window:
    """
    Return the stretch that an incident is judged by: the half-hour before it, and since.

    It ends where the incident was last seen and not now, so that the same data gives the same answer
    whenever it is asked for. `first_unix_ns` is when the roll-ups begin: what sends no service's name is not
    in them, so that where they begin after the onset they do not tell since when there is telemetry.
    """
    onset = incident.onset_unix_ns
    start = onset - _BASELINE_NS
    if first_unix_ns is not None and first_unix_ns <= onset:
        start = max(start, first_unix_ns)
    end = min(max(incident.last_seen_unix_ns, incident.opened_unix_ns), now_unix_ns)
    return Window(min(start, onset - _S), onset, max(end, onset + _S))


@dataclass(slots=True)
class _Notes:
    """The queries that were asked, for the provenance."""

    taken: list[QueryNote] = field(default_factory=list)

    def of(self, name: str, rows: Sequence[T], limit: int | None = None) -> tuple[T, ...]:
        complete = limit is None or len(rows) < limit
        self.taken.append(QueryNote(name, len(rows), complete))
        return tuple(rows)


class Collector:
    """Reads what an explanation of an incident needs."""

    def __init__(self, telemetry: Telemetry, state: StateStore) -> None:
        self._telemetry = telemetry
        self.names = TemplateNames(telemetry)
        """Which template a log shape belongs to."""
        self._state = state
        self._first_unix_ns: int | None = None

    def locate(self, incident: Incident, now_unix_ns: int) -> Incident:
        """Return the incident with its entry, faulty service and path, as far as they show."""
        window = self._window(incident, now_unix_ns)
        spans = self._failing_spans(incident, window, _Notes())
        if spans is not None:
            return locate(incident, failure_summary(spans, entry_operations(incident)))
        return locate(
            incident,
            failure_summary(None),
            self._log_records(window, _Notes()),
            self.names.changes(window, _SHAPES),
            self._edges(incident, window, _Notes(), counted=False),
        )

    def findings(self, incident: Incident, now_unix_ns: int) -> Findings:
        """Return everything that is known about an incident before anything is concluded."""
        notes = _Notes()
        window = self._window(incident, now_unix_ns)
        spans = self._failing_spans(incident, window, notes)
        changes = notes.of(
            "changes",
            self._state.changes(window.onset_unix_ns - _CHANGES_BEFORE_NS, window.end_unix_ns),
        )
        return Findings(
            incident=incident,
            window=window,
            operations=notes.of("operations", self._telemetry.operations(window, _ROWS), _ROWS),
            edges=self._edges(incident, window, notes, counted=True),
            failing_traces=spans,
            log_records=() if spans is not None else self._log_records(window, notes),
            log_shapes=notes.of("log_shapes", self.names.changes(window, _SHAPES), _SHAPES),
            blocking=_blocking_example(spans),
            changes=changes,
            versions=notes.of("versions", self._versions(window, changes)),
            coverage=self._coverage(window, notes),
        )

    def first_telemetry_unix_ns(self) -> int | None:
        """Return when live telemetry began; asked of the store until it is known."""
        if self._first_unix_ns is None:
            self._first_unix_ns = self._telemetry.first_telemetry_unix_ns()
        return self._first_unix_ns

    def _window(self, incident: Incident, now_unix_ns: int) -> Window:
        return incident_window(incident, self.first_telemetry_unix_ns(), now_unix_ns)

    def _failing_spans(
        self, incident: Incident, window: Window, notes: _Notes
    ) -> SpanColumns | None:
        """Sample failing traces: through the entry that triggered if it did, else any."""
        stretch = Stretch(window.onset_unix_ns - 5 * _S, window.end_unix_ns)
        entries = sorted({(t.service, t.operation) for t in incident.triggers if t.entry})
        wanted = [(s, o, False) for s, o in entries[:1] if o] + [("", "", False)]
        services = sorted({t.service for t in incident.triggers if t.service})
        wanted += [(service, "", True) for service in services]
        for service, operation, any_span in wanted:
            ids = self._telemetry.failing_traces(
                stretch, service, operation, any_span, limit=_TRACES
            )
            if ids:
                notes.of("failing_traces", ids)  # a sample by intent
                return self._telemetry.spans_of(ids, _MAX_SPANS)
        notes.of("failing_traces", ())
        return None

    def _edges(
        self, incident: Incident, window: Window, notes: _Notes, *, counted: bool
    ) -> tuple[EdgeChange, ...]:
        start, end = window.start_unix_ns, window.onset_unix_ns
        if end - start >= 10 * _MINUTE_NS:
            # Whole minutes are kept; of a part of one the spans would have to be joined.
            start, end = -(-start // _MINUTE_NS) * _MINUTE_NS, end // _MINUTE_NS * _MINUTE_NS
        before, after = (
            calls_around(
                self._telemetry, Stretch(*ends), incident.services, counted=counted, limit=_ROWS
            )
            for ends in ((start, end), (window.onset_unix_ns, window.end_unix_ns))
        )
        return notes.of("edges", compare_edges(before, after), _ROWS)

    def _log_records(self, window: Window, notes: _Notes) -> tuple[LogRecord, ...]:
        """Read lines from just before the onset on; what room is left goes to those before them."""
        begin = window.onset_unix_ns - _ONSET_ROOM_NS
        end = min(window.onset_unix_ns + _LOGS_AFTER_NS, window.end_unix_ns)
        after = self._telemetry.search_logs(
            LogQuestion(Stretch(begin, end), limit=_LOG_LINES), oldest_first=True
        )
        before = self._telemetry.search_logs(
            LogQuestion(
                Stretch(window.onset_unix_ns - _LOGS_BEFORE_NS, begin),
                limit=max(1, _LOG_LINES - len(after)),
            )
        )
        return notes.of("log_records", (*reversed(before), *after)[-_LOG_LINES:], _LOG_LINES)

    def _versions(self, window: Window, changes: Sequence[Change]) -> tuple[VersionOutcome, ...]:
        services = sorted({change.service for change in changes})
        if not services:
            return ()
        return self._telemetry.versions(Stretch(window.onset_unix_ns, window.end_unix_ns), services)

    def _coverage(self, window: Window, notes: _Notes) -> Coverage:
        rows = self._telemetry.coverage(Stretch(window.start_unix_ns, window.end_unix_ns))
        spans = {r["service"]: r["records"] for r in rows if r["signal"] == "traces"}
        lines = {r["service"]: r["records"] for r in rows if r["signal"] == "logs"}
        return Coverage(
            spans=sum(spans.values()),
            log_lines=sum(lines.values()),
            services=len(spans.keys() | lines.keys()),
            services_without_spans=tuple(sorted(lines.keys() - spans.keys())),
            queries=tuple(notes.taken),
            not_covered=("metrics were not compared",),
        )


def _blocking_example(spans: SpanColumns | None) -> BlockingExample | None:
    """Return the blocking path of the trace of median length among a sample."""
    if spans is None or not len(spans):
        return None
    paths = []
    for trace_id in sorted(set(spans.trace_id.tolist())):
        try:
            paths.append(blocking_path(spans, trace_id))
        except NotFound:
            continue
    if not paths:
        return None
    paths.sort(key=lambda path: (path.duration_ns, path.trace_id))
    chosen = paths[len(paths) // 2]
    return BlockingExample(
        trace_id=chosen.trace_id,
        duration_ns=chosen.duration_ns,
        sections=tuple(
            PathSection(
                service=section.service,
                operation=section.name,
                category=str(section.category),
                start_offset_ns=section.start_unix_ns - chosen.start_unix_ns,
                duration_ns=section.duration_ns,
            )
            for section in chosen.sections
        ),
    )
