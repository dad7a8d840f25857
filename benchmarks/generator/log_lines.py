"""What services log: templates with variables, errors with stack traces."""

from collections.abc import Iterator

from benchmarks.generator.stacks import FAILURES, stack_trace
from benchmarks.generator.vocabulary import SERVICES, Service
from benchmarks.generator.wire import (
    SPAN_ID,
    TRACE_ID,
    Attribute,
    Piece,
    attributes,
    fixed32,
    identifier,
    instant,
    integer,
    message,
    text,
)

__all__ = ["log_lines"]

TIME, OBSERVED = range(2)
_SEVERITY = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}

_SHARED = (
    ("INFO", "{noun} <d8> loaded in <d3> ms"),
    ("INFO", "request <h12> finished status=200 bytes=<d5> duration_ms=<d3>"),
    ("INFO", "user <w5> (<d8>) changed {noun} <d7> from <w7> to <w7>"),
    ("DEBUG", "cache miss for key {noun}:<d8>, asking {database}"),
    ("DEBUG", "connection pool {service}: active=<d2> idle=<d2> waiting=<d1>"),
    ("INFO", "published {noun}.updated offset=<d8> partition=<d1>"),
    ("WARN", "slow statement took <d4> ms: SELECT * FROM {noun}s WHERE owner_id = <d7>"),
    ("INFO", "accepted {noun} for <w2> in <w3>, total=<d5>.<d2>, reference <h8>-<h4>-<h4>"),
    ("DEBUG", "validated {noun} <d7> against <d2> rules"),
    ("WARN", "retrying call to upstream, attempt <d1>, request <h12>"),
    ("INFO", "scheduled {noun} clean-up of <d4> rows older than <d2> days"),
    ("DEBUG", "deserialised {noun} payload of <d5> bytes from 10.2<d1>.1<d2>.1<d2>"),
    ("INFO", "session <h16> refreshed for <w5>, expires in <d4> s"),
)
_ERRORS = (
    "failed to process {noun} <d8>: upstream answered 500 for request <h12>",
    "{noun} <d7> rejected: version <d3> is stale",
)


def log_lines(index: int, *, kind: int) -> Iterator[Piece]:
    """Yield the lines of a service: 0 within a trace, 1 of a failed span, 2 outside any trace."""
    service = SERVICES[index]
    if kind == 1:
        for line in _ERRORS:
            yield _record(service, "ERROR", line, {}, traced=True)
        for exception, reason in FAILURES[service.language]:
            values: dict[str, Attribute] = {
                "exception.type": exception,
                "exception.message": reason,
                "exception.stacktrace": stack_trace(service, exception, reason),
            }
            yield _record(service, "ERROR", f"unhandled {exception}: {reason}", values, traced=True)
        return
    chosen = [_SHARED[(index * 3 + step) % len(_SHARED)] for step in range(8)]
    for severity, line in chosen if kind == 0 else chosen[3:6]:
        yield _record(service, severity, line, {}, traced=kind == 0)


def _record(
    service: Service, severity: str, line: str, extra: dict[str, Attribute], *, traced: bool
) -> Piece:
    values: dict[str, Attribute] = {
        "code.function.name": f"shop.{service.noun}.{service.noun.title()}Service.handle",
        "code.line.number": 20 + len(line) * 3,
        "thread.name": "worker-<d2>",
    }
    body = line.format(
        noun=service.noun, service=service.name, database=service.database or "upstream"
    )
    context = [identifier(9, TRACE_ID), identifier(10, SPAN_ID)] if traced else []
    return message(
        2,
        instant(1, TIME),
        instant(11, OBSERVED),
        integer(2, _SEVERITY[severity]),
        text(3, severity),
        message(5, text(1, body)),
        attributes(6, values | extra),
        fixed32(8, 1 if traced else 0),
        *context,
    )
