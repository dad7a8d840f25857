"""
Log records, spans and points as plain values: what one sender or another would send.

`benchmarks/generator/senders.py` writes the same records in the form of each protocol. The same
seed gives the same records; none is repeated.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.generator.vocabulary import SERVICES, WORDS

__all__ = [
    "AccessRecord",
    "LogRecord",
    "PointRecord",
    "SpanRecord",
    "access_records",
    "log_records",
    "point_records",
    "span_records",
]

_SEVERITIES = ("DEBUG", "INFO", "INFO", "INFO", "INFO", "WARN", "ERROR")
_TEMPLATES = (
    "{noun} {number} loaded in {short} ms",
    "published {noun}.updated offset={number} partition={digit}",
    "user {name} changed {noun} {number} to {word}",
    "slow statement took {short} ms: SELECT * FROM {noun}s WHERE owner_id = {number}",
    "retrying call to upstream, attempt {digit}, request {hex}",
    "session {hex} refreshed for {name}, expires in {short} s",
    "validated {noun} {number} against {short} rules: naïve ✓",
)
_ROUTES = ("/api/{noun}s", "/api/{noun}s/{number}", "/{noun}/{word}", "/health")
_SERIES_PER_SERVICE = 20


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line that a service wrote."""

    time_unix_ns: int
    """Whole milliseconds: some protocols keep no more."""
    service: str
    host: str
    severity: str
    message: str
    trace_id: str
    """In hexadecimal; '' where the line belongs to no trace."""
    span_id: str
    attributes: tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One piece of work."""

    trace_id: str
    span_id: str
    parent_id: str
    """'' for the root."""
    name: str
    kind: str
    """SERVER, CLIENT, PRODUCER or CONSUMER."""
    service: str
    peer: str
    """The service at the other end; '' where it is not known."""
    start_unix_us: int
    duration_us: int
    failed: bool
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PointRecord:
    """One sample of one series."""

    name: str
    labels: tuple[tuple[str, str], ...]
    """By name, without the metric's own."""
    time_unix_ms: int
    value: float
    counter: bool


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One request that went through a mesh's proxy."""

    time_unix_ms: int
    method: str
    path: str
    status: int
    flags: str
    bytes_received: int
    bytes_sent: int
    duration_ms: int
    upstream_ms: int
    user_agent: str
    request_id: str
    caller: str
    callee: str
    """Both as `name.namespace`."""
    upstream_host: str
    caller_address: str


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


def _instants(rng: random.Random, count: int, start: int, end: int) -> list[int]:
    return sorted(rng.randrange(start, end) for _ in range(count))


def log_records(seed: int, count: int, start_unix_ns: int, end_unix_ns: int) -> Iterator[LogRecord]:
    """Yield so many records by time, about two thirds of them within a trace."""
    rng = random.Random(f"logs {seed}")
    start_ms, end_ms = start_unix_ns // 1_000_000, end_unix_ns // 1_000_000
    for at_ms in _instants(rng, count, start_ms, end_ms):
        service = rng.choice(SERVICES)
        traced = rng.random() < 0.66
        values = {
            "noun": service.noun,
            "number": rng.randrange(10**7, 10**8),
            "short": rng.randrange(100, 9000),
            "digit": rng.randrange(10),
            "name": rng.choice(WORDS[5]),
            "word": rng.choice(WORDS[7]),
            "hex": _hex(rng, 12),
        }
        yield LogRecord(
            time_unix_ns=at_ms * 1_000_000,
            service=service.name,
            host=f"{service.name}-{rng.randrange(3)}",
            severity=rng.choice(_SEVERITIES),
            message=rng.choice(_TEMPLATES).format_map(values),
            trace_id=_hex(rng, 32) if traced else "",
            span_id=_hex(rng, 16) if traced else "",
            attributes=(
                ("code.function.name", f"shop.{service.noun}.handle"),
                ("thread.name", f"worker-{rng.randrange(100)}"),
                ("shop.items", rng.randrange(1, 30)),
            ),
        )


def span_records(
    seed: int, count: int, start_unix_ns: int, end_unix_ns: int
) -> Iterator[SpanRecord]:
    """Yield so many spans: traces of up to eight, each span called by the one before it."""
    rng = random.Random(f"spans {seed}")
    made = 0
    while made < count:
        trace_id, parent_id, caller = _hex(rng, 32), "", ""
        at_us = rng.randrange(start_unix_ns // 1000, end_unix_ns // 1000)
        duration_us = rng.randrange(20_000, 2_000_000)
        for depth in range(min(rng.randrange(1, 9), count - made)):
            service = rng.choice(SERVICES)
            kind = ("SERVER", "CLIENT")[depth % 2] if depth else "SERVER"
            span_id = _hex(rng, 16)
            name = f"{rng.choice(('GET', 'POST'))} /api/{service.noun}s"
            failed = rng.random() < 0.02
            yield SpanRecord(
                trace_id=trace_id,
                span_id=span_id,
                parent_id=parent_id,
                name=name,
                kind=kind,
                service=service.name,
                peer=caller if kind == "SERVER" else rng.choice(SERVICES).name,
                start_unix_us=at_us,
                duration_us=duration_us,
                failed=failed,
                tags=(
                    ("http.request.method", name.split()[0]),
                    ("url.path", f"{name.split()[1]}/{rng.randrange(10**8)}"),
                    ("http.response.status_code", "500" if failed else "200"),
                ),
            )
            made += 1
            parent_id, caller = span_id, service.name
            at_us += duration_us // 10
            duration_us -= duration_us // 5


def point_records(
    seed: int, count: int, start_unix_ns: int, end_unix_ns: int
) -> Iterator[PointRecord]:
    """Yield so many points, scrape by scrape: every series once, fifteen seconds apart or closer."""
    rng = random.Random(f"points {seed}")
    series = [
        (name, labels, rng.random() * 100)
        for service in SERVICES
        for name, labels in _service_series(service.name)
    ]
    scrapes = -(-count // len(series))
    start_ms, end_ms = start_unix_ns // 1_000_000, end_unix_ns // 1_000_000
    step_ms = max(1, min(15_000, (end_ms - start_ms) // (scrapes + 1)))
    values = [base for _, _, base in series]
    for row in range(count):
        scrape, column = divmod(row, len(series))
        name, labels, _ = series[column]
        counter = name.endswith("_total")
        values[column] += float(rng.randrange(100)) if counter else rng.random() - 0.5
        yield PointRecord(name, labels, start_ms + scrape * step_ms, values[column], counter)


def _service_series(service: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for number in range(_SERIES_PER_SERVICE):
        instance = f"10.20.{number % 3}.{len(service)}:9100"
        labels = (("instance", instance), ("job", service), ("route", f"/api/{number // 3}"))
        yield ("http_requests_total" if number % 2 else "process_resident_memory_bytes"), labels


def access_records(
    seed: int, count: int, start_unix_ns: int, end_unix_ns: int
) -> Iterator[AccessRecord]:
    """Yield so many requests by time, as the callers' proxies saw them."""
    rng = random.Random(f"access {seed}")
    start_ms, end_ms = start_unix_ns // 1_000_000, end_unix_ns // 1_000_000
    for at_ms in _instants(rng, count, start_ms, end_ms):
        caller, callee = rng.sample(SERVICES, 2)
        failed = rng.random() < 0.03
        duration_ms = rng.randrange(1, 3000)
        route = rng.choice(_ROUTES)
        yield AccessRecord(
            time_unix_ms=at_ms,
            method=rng.choice(("GET", "GET", "GET", "POST", "PUT")),
            path=route.format(
                noun=callee.noun, number=rng.randrange(10**6), word=rng.choice(WORDS[7])
            ),
            status=503 if failed else 200,
            flags=rng.choice(("UF,URX", "UH")) if failed else "-",
            bytes_received=rng.randrange(5000),
            bytes_sent=rng.randrange(50_000),
            duration_ms=duration_ms,
            upstream_ms=max(0, duration_ms - rng.randrange(3)),
            user_agent="Go-http-client/1.1",
            request_id=_request_id(rng),
            caller=f"{caller.name}.shop",
            callee=f"{callee.name}.shop",
            upstream_host=f"10.244.{rng.randrange(8)}.{rng.randrange(2, 250)}:8080",
            caller_address=f"10.244.{rng.randrange(8)}.{rng.randrange(2, 250)}",
        )


def _request_id(rng: random.Random) -> str:
    digits = _hex(rng, 32)
    return "-".join(
        (digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:])
    )
