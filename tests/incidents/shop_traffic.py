"""Synthetic traffic of a small shop, and the slow and obvious version of the store's queries on it."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tracepulse.derive.flows import compare_edges, service_edges
from tracepulse.derive.limits.detection import BIN_NS
from tracepulse.model.bins import LogBins, SignalWindow, SpanBins
from tracepulse.model.findings import LogShapeChange, OperationChange, Window
from tracepulse.model.flow import EdgeChange
from tracepulse.model.log import LogRecord
from tracepulse.model.span import SpanColumns

S = 1_000_000_000
MS = 1_000_000
VARIES = re.compile(r"[0-9A-Za-z_.:/@+-]*[0-9][0-9A-Za-z_.:/@+-]*")


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span."""

    trace_id: str
    span_id: str
    parent: str
    service: str
    name: str
    kind: str
    start: int
    length: int
    status: str = "Unset"
    message: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    version: str = "1.0.0"


def columns(rows: Sequence[SpanRow]) -> SpanColumns:
    """Return spans as columns."""

    def strings(take: Callable[[SpanRow], str]) -> np.ndarray:
        return np.array([take(row) for row in rows], dtype=object)

    return SpanColumns(
        trace_id=strings(lambda r: r.trace_id),
        span_id=strings(lambda r: r.span_id),
        parent_span_id=strings(lambda r: r.parent),
        service=strings(lambda r: r.service),
        name=strings(lambda r: r.name),
        kind=strings(lambda r: r.kind),
        status_code=strings(lambda r: r.status),
        status_message=strings(lambda r: r.message),
        start_unix_ns=np.array([r.start for r in rows], dtype=np.int64),
        duration_ns=np.array([r.length for r in rows], dtype=np.int64),
        attributes=tuple(r.attributes for r in rows),
        resource=tuple({"service.name": r.service, "service.version": r.version} for r in rows),
    )


def shape(body: str) -> str:
    """Return a line with everything that holds a digit masked, as the store does."""
    return VARIES.sub("<*>", body)


def _http_status(row: SpanRow) -> int:
    return int(row.attributes.get("http.response.status_code", "0"))


def _refused(row: SpanRow) -> bool:
    return 400 <= _http_status(row) < 500


def _error(row: SpanRow) -> bool:
    return _http_status(row) >= 500 or (row.status == "Error" and not _refused(row))


def span_bins(rows: Iterable[SpanRow]) -> SpanBins:
    """Count calls and failures in bins."""
    counts: dict[tuple[int, str, str, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for row in rows:
        if row.kind == "Internal":
            continue
        key = (row.start // BIN_NS * BIN_NS, row.service, row.name, row.kind, not row.parent)
        cell = counts[key]
        cell[0] += 1
        for place, holds in ((1, _error(row)), (2, _refused(row))):
            if holds:
                cell[place] += 1
                cell[place + 2] = min(cell[place + 2] or row.start, row.start)
    keys = list(counts)

    def integers(place: int) -> np.ndarray:
        return np.array([counts[key][place] for key in keys], dtype=np.int64)

    return SpanBins(
        bin_start_unix_ns=np.array([key[0] for key in keys], dtype=np.int64),
        service=np.array([key[1] for key in keys], dtype=object),
        operation=np.array([key[2] for key in keys], dtype=object),
        kind=np.array([key[3] for key in keys], dtype=object),
        entry=np.array([key[4] for key in keys], dtype=np.bool_),
        calls=integers(0),
        errors=integers(1),
        refused=integers(2),
        first_error_unix_ns=integers(3),
        first_refused_unix_ns=integers(4),
    )


def log_bins(records: Iterable[LogRecord]) -> LogBins:
    """Count lines in bins, by shape from warning on."""
    counts: dict[tuple[int, str, int, str], list[int]] = defaultdict(lambda: [0, 0])
    for record in records:
        loud = record.severity_number >= 13
        key = (
            record.time_unix_ns // BIN_NS * BIN_NS,
            record.service,
            record.severity_number,
            shape(record.body) if loud else "",
        )
        cell = counts[key]
        cell[0] += 1
        cell[1] = min(cell[1] or record.time_unix_ns, record.time_unix_ns)
    keys = list(counts)
    return LogBins(
        bin_start_unix_ns=np.array([key[0] for key in keys], dtype=np.int64),
        service=np.array([key[1] for key in keys], dtype=object),
        severity_number=np.array([key[2] for key in keys], dtype=np.int64),
        template_id=np.array([key[3] for key in keys], dtype=object),
        template=np.array([key[3] for key in keys], dtype=object),
        lines=np.array([counts[key][0] for key in keys], dtype=np.int64),
        first_unix_ns=np.array([counts[key][1] for key in keys], dtype=np.int64),
        trust=np.array(["server_key" for _ in keys], dtype=object),
    )


def signal_window(
    rows: Sequence[SpanRow], records: Sequence[LogRecord], start: int, end: int
) -> SignalWindow:
    """Return what the detector sees at `end` when all telemetry began at `start`."""
    return SignalWindow(
        start_unix_ns=start,
        end_unix_ns=end // BIN_NS * BIN_NS,
        begins_at_first_telemetry=True,
        spans=span_bins(row for row in rows if row.start < end) if rows else None,
        logs=log_bins(r for r in records if r.time_unix_ns < end) if records else None,
    )


def operation_changes(rows: Iterable[SpanRow], window: Window) -> tuple[OperationChange, ...]:
    """Count server operations before and after the onset."""
    sides: dict[tuple[str, str, bool], tuple[list[SpanRow], list[SpanRow]]]
    sides = defaultdict(lambda: ([], []))
    for row in rows:
        if row.kind == "Server" and window.start_unix_ns <= row.start < window.end_unix_ns:
            side = row.start >= window.onset_unix_ns
            sides[row.service, row.name, not row.parent][side].append(row)

    def p95(some: Sequence[SpanRow]) -> int | None:
        return sorted(r.length for r in some)[int(0.95 * (len(some) - 1))] if some else None

    return tuple(
        OperationChange(
            service=key[0],
            operation=key[1],
            entry=key[2],
            calls_before=len(before),
            errors_before=sum(map(_error, before)),
            refused_before=sum(map(_refused, before)),
            calls_after=len(after),
            errors_after=sum(map(_error, after)),
            refused_after=sum(map(_refused, after)),
            p95_before_ns=p95(before),
            p95_after_ns=p95(after),
        )
        for key, (before, after) in sorted(sides.items())
    )


def edge_changes(rows: Sequence[SpanRow], window: Window) -> tuple[EdgeChange, ...]:
    """Return the edges before and after the onset."""
    before = [r for r in rows if window.start_unix_ns <= r.start < window.onset_unix_ns]
    after = [r for r in rows if window.onset_unix_ns <= r.start < window.end_unix_ns]
    return compare_edges(service_edges(columns(before)), service_edges(columns(after)))


def log_shape_changes(records: Iterable[LogRecord], window: Window) -> tuple[LogShapeChange, ...]:
    """Count shapes before and after the onset, with examples."""
    seen: dict[tuple[str, str], list[LogRecord]] = defaultdict(list)
    for record in records:
        if window.start_unix_ns <= record.time_unix_ns < window.end_unix_ns:
            seen[record.service, shape(record.body)].append(record)
    changes = []
    for (service, template), lines in sorted(seen.items()):
        after = [r for r in lines if r.time_unix_ns >= window.onset_unix_ns]
        near = [r.time_unix_ns for r in lines if r.time_unix_ns >= window.onset_unix_ns - 60 * S]
        examples = sorted((r.time_unix_ns, r.body) for r in after)[:50]
        changes.append(
            LogShapeChange(
                service=service,
                template_id=template,
                template=template,
                severity_number=max(r.severity_number for r in lines),
                count_before=len(lines) - len(after),
                count_after=len(after),
                first_seen_unix_ns=min(r.time_unix_ns for r in lines),
                first_after_unix_ns=min(near, default=None),
                examples=tuple(body for _, body in examples),
            )
        )
    return tuple(changes)


def failing_traces(rows: Sequence[SpanRow], onset: int, most: int = 50) -> SpanColumns:
    """Return the spans of failing traces after the onset, chosen by a hash of their ids."""
    failing = {
        r.trace_id for r in rows if not r.parent and r.start >= onset and (_error(r) or _refused(r))
    }
    chosen = set(sorted(failing, key=lambda trace: trace[::-1])[:most])
    return columns([r for r in rows if r.trace_id in chosen])


# -- the shop ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShopPlan:
    """What the shop does and when it breaks."""

    start: int
    end: int
    deployed: int | None = None
    """From when on new sessions live for 40 s only; None keeps the shop healthy."""
    checkouts_per_s: float = 2.0
    others_per_s: float = 3.0
    seed: int = 7


class Shop:
    """Four services: gateway, checkout, session, catalogue."""

    def __init__(self, plan: ShopPlan) -> None:
        """Write all telemetry of the plan."""
        self.plan = plan
        self.spans: list[SpanRow] = []
        self.records: list[LogRecord] = []
        self.outcomes: Counter[str] = Counter()
        self._random = random.Random(plan.seed)
        self._traffic()
        self.spans.sort(key=lambda row: (row.start, row.span_id))
        self.records.sort(key=lambda record: (record.time_unix_ns, record.service, record.body))

    def _traffic(self) -> None:
        at = self.plan.start
        rate = self.plan.checkouts_per_s + self.plan.others_per_s
        while True:
            at += int(self._random.expovariate(rate) * S)
            if at >= self.plan.end:
                return
            if self._random.random() < self.plan.checkouts_per_s / rate:
                self._checkout(at)
            elif self._random.random() < 0.3:
                self._login(at)
            else:
                self._products(at)

    def _id(self, length: int) -> str:
        return f"{self._random.getrandbits(length * 4):0{length}x}"

    def _span(
        self, trace: str, parent: str, service: str, name: str, kind: str, at: int, length: int,
        status: int,
    ) -> str:  # fmt: skip
        span_id = self._id(16)
        bad = status >= 500 or (kind == "Client" and status >= 400)
        attributes = {"http.response.status_code": str(status)}
        if kind == "Client":
            attributes["server.address"] = "127.0.0.1"
        deployed = self.plan.deployed
        version = "1.8.2" if service == "session" else "1.0.0"
        if service == "session" and deployed is not None and at >= deployed:
            version = "1.8.3"
        self.spans.append(
            SpanRow(
                trace, span_id, parent, service, name, kind, at, length,
                "Error" if bad else "Unset", "", attributes, version,
            )
        )  # fmt: skip
        return span_id

    def _log(self, service: str, at: int, level: int, body: str, request: str) -> None:
        names = {9: "INFO", 13: "WARN", 17: "ERROR"}
        self.records.append(
            LogRecord(at, service, names[level], level, body, "", "", {"request": request}, {}, "server_key")
        )  # fmt: skip

    def _access(self, service: str, at: int, call: str, status: int, request: str) -> None:
        self._log(service, at, 9, f"{call} {status} in {self._random.randint(3, 40)} ms", request)

    def _login(self, at: int) -> None:
        trace, request = self._id(32), f"req-{self._id(12)}"
        status = 401 if self._random.random() < 0.04 else 200
        top = self._span(trace, "", "gateway", "POST /login", "Server", at, 14 * MS, status)
        call = self._span(trace, top, "gateway", "POST", "Client", at + MS, 10 * MS, status)
        self._span(trace, call, "session", "POST /sessions", "Server", at + 2 * MS, 8 * MS, status)
        if status == 401:
            self._log("session", at + 5 * MS, 13, f"wrong password for user{self._random.randint(1, 99)}", request)  # fmt: skip
        self._access("session", at + 10 * MS, "POST /sessions", status, request)
        self._access("gateway", at + 14 * MS, "POST /login", status, request)

    def _products(self, at: int) -> None:
        trace, request = self._id(32), f"req-{self._id(12)}"
        status = 404 if self._random.random() < 0.01 else 200
        top = self._span(trace, "", "gateway", "GET /products", "Server", at, 12 * MS, status)
        call = self._span(trace, top, "gateway", "GET", "Client", at + MS, 9 * MS, status)
        self._span(trace, call, "catalogue", "GET /products", "Server", at + 2 * MS, 7 * MS, status)
        self._access("catalogue", at + 9 * MS, "GET /products", status, request)
        self._access("gateway", at + 12 * MS, "GET /products", status, request)

    def _checkout(self, at: int) -> None:
        trace, request, session = self._id(32), f"req-{self._id(12)}", self._id(16)
        age = self._random.uniform(2, 58)
        deployed = self.plan.deployed
        expired = deployed is not None and at - int(age * S) >= deployed and age > 40
        broken = not expired and self._random.random() < 0.004
        checks = [401, 404, 404] if expired else [200]
        answer = 502 if expired or broken else 200
        length = (30 + 35 * len(checks)) * MS
        self.outcomes["failed" if answer != 200 else "passed"] += 1
        top = self._span(trace, "", "gateway", "POST /checkout", "Server", at, length, answer)
        call = self._span(trace, top, "gateway", "POST", "Client", at + MS, length - 4 * MS, answer)
        served = self._span(
            trace, call, "checkout", "POST /carts/{id}/checkout", "Server", at + 2 * MS, length - 6 * MS, answer,
        )  # fmt: skip
        self._log("gateway", at, 9, f"checkout begins for session {session}", request)
        then = at + 4 * MS
        for attempt, status in enumerate(checks):
            asked = self._span(trace, served, "checkout", "GET", "Client", then, 8 * MS, status)
            self._span(
                trace, asked, "session", "GET /sessions/{id}", "Server", then + MS, 6 * MS, status
            )
            if status == 401:
                self._log("session", then + 3 * MS, 13, f"SESSION_DROP session {session} expired after {int(age)} s", request)  # fmt: skip
            elif status == 404:
                self._log("session", then + 3 * MS, 9, f"session {session} unknown", request)
            else:
                self._log("session", then + 3 * MS, 9, f"session {session} valid, age {int(age)} s", request)  # fmt: skip
            self._access("session", then + 7 * MS, f"GET /sessions/{session}", status, request)
            then += 35 * MS
            if attempt + 1 < len(checks):
                self._log("checkout", then - 2 * MS, 9, f"session check for {session} again, try {attempt + 2}", request)  # fmt: skip
        if answer != 200:
            status = checks[-1] if expired else 503
            self._log("checkout", then, 17, f"checkout failed: upstream {status}, session {session}", request)  # fmt: skip
            self._log("gateway", at + length - 2 * MS, 17, "POST /checkout failed: checkout answered 502", request)  # fmt: skip
        self._access("checkout", at + length - 4 * MS, f"POST /carts/{session}/checkout", answer, request)  # fmt: skip
        self._access("gateway", at + length, "POST /checkout", answer, request)
