"""Requests meant to do harm: what is checked in, what is mutated from good ones, and bombs."""

import gzip
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from tests.otlp_requests import attributes, log, logs, metrics, number, span, traces

from tracepulse.receive.otlp_json_text import write_otlp_json
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire_fields import bytes_field, encode_varint

__all__ = ["Case", "Sent", "bombs", "call", "corpus", "mutants"]

CORPUS = Path(__file__).resolve().parents[1] / "cases" / "hostile_requests"
MIB = 1024 * 1024
PROTOBUF, JSON = "application/x-protobuf", "application/json"
SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it goes over the wire."""

    signal: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Case:
    """A request that is checked in, with what it has to be answered."""

    name: str
    sent: Sent
    status: int
    outcome: dict[str, int]
    """Records kept, rejected and mended, as far as the case says."""


def corpus() -> Iterator[Case]:
    """
    Yield the cases that are checked in, by name.

    A file has comments, the path, headers and `expect:`, an empty line, and the body: as text, or
    in hex under a line `hex`.
    """
    for path in sorted(CORPUS.glob("*.txt")):
        head, _, body = path.read_text().partition("\n\n")
        lines = [line for line in head.splitlines() if not line.startswith("#")]
        signal = lines[0].rpartition("/")[2]
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name: value.strip() for name, _, value in pairs}
        status, *outcome = headers.pop("expect").split()
        raw = body.rstrip("\n").encode()
        if body.startswith("hex\n"):
            raw = bytes.fromhex(body.removeprefix("hex\n"))
        counts = {name: int(value) for name, _, value in (each.partition("=") for each in outcome)}
        yield Case(path.stem, Sent(signal, headers, raw), int(status), counts)


async def call(app: Any, sent: Sent) -> tuple[int, dict[str, str], bytes]:
    """Put one request to an ASGI application, without a network; return status, headers, body."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/{sent.signal}",
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.headers.items()],
        "client": ("127.0.0.1", 1),
    }
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    await app(scope, receive, send)
    start, *rest = answers
    headers = {k.decode(): v.decode() for k, v in start["headers"]}
    return start["status"], headers, b"".join(each["body"] for each in rest)


# -- mutants ---------------------------------------------------------------------------------------


def _good(now_unix_ns: int) -> dict[Signal, list[Any]]:
    """Return requests that have something of everything."""
    item = span(trace=7, span_id=8, parent=9, start=now_unix_ns, a="x", b=1, c=2.5, d=True)
    item.events.add(time_unix_nano=now_unix_ns, name="exception", attributes=attributes({"m": "é"}))
    item.links.add(trace_id=number(1, 16), span_id=number(1, 8), trace_state="k=v")
    item.status.message = "broken"
    kinds = [Metric(name=kind, unit="1") for kind in ("g", "s", "h", "e", "q")]
    points: list[Any] = [
        kinds[0].gauge.data_points.add(as_double=1.5),
        kinds[1].sum.data_points.add(as_int=2),
        kinds[2].histogram.data_points.add(bucket_counts=[1, 2], explicit_bounds=[0.5]),
        kinds[3].exponential_histogram.data_points.add(count=4, scale=-1),
        kinds[4].summary.data_points.add(count=5),
    ]
    points[1].exemplars.add(as_int=1, span_id=b"12345678", time_unix_nano=now_unix_ns)
    points[3].positive.bucket_counts.extend([1, 300])
    points[4].quantile_values.add(quantile=0.5, value=1)
    for point in points:
        point.time_unix_nano = now_unix_ns
        point.attributes.extend(attributes({"route": "/pay"}))
    nested = {"list": [1, 2.5, None, {"k": b"\x01"}], "text": "€"}
    return {
        "traces": [traces(item, span(error=True, tags=["a", nested])), traces(span())],
        "logs": [logs(log("text", at=now_unix_ns, n=1), log(nested), host="h1")],
        "metrics": [metrics(kinds)],
    }


def _change_bytes(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body) + 1)
    match rng.choice((0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6)):
        case 0 if body:
            body[at % len(body)] = rng.randrange(256)
        case 1 if body:
            body[at % len(body)] ^= 1 << rng.randrange(8)
        case 2:
            body[at:at] = rng.randbytes(rng.randrange(1, 12))
        case 3:
            del body[at : at + rng.randrange(1, 12)]
        case 4:
            body[at:at] = encode_varint(rng.getrandbits(rng.choice((7, 14, 32, 64))))
        case 5:
            size = rng.randrange(1, 64)
            body[at:at] = body[at : at + size] * rng.randrange(1, 5)
        case _:
            del body[at:]


_WORDS = (
    b"null", b"true", b"-1", b"1e999", b"0.1", b'""', b"{}", b"[]", b'"NaN"', b"18446744073709551616",
    b'"\\ud800"', b'{"stringValue":1}', b'{"arrayValue":{"values":[{}]}}', b",", b'"traceId"', b"\xff",
)  # fmt: skip


def _change_json(body: bytearray, rng: random.Random) -> None:
    """Replace a value, or what looks like one, by another word of JSON."""
    start = body.find(b":", rng.randrange(len(body) + 1)) + 1
    end = start
    while end < len(body) and body[end] not in b",}]":
        end += 1
    body[start:end] = rng.choice(_WORDS)


def mutants(seed: int, now_unix_ns: int) -> Iterator[Sent]:
    """Yield changed requests of every signal, format and encoding, for ever."""
    rng = random.Random(seed)
    requests = _good(now_unix_ns)
    encoders: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("", bytes),
        ("gzip", lambda body: gzip.compress(body, 1, mtime=0)),
        ("zstd", zstandard.ZstdCompressor(level=1).compress),
    ]
    bodies = {
        (signal, kind): [
            write_otlp_json(each) if kind == JSON else each.SerializeToString() for each in made
        ]
        for signal, made in requests.items()
        for kind in (PROTOBUF, JSON)
    }
    while True:
        signal = rng.choice(SIGNALS)
        kind = rng.choice((PROTOBUF, PROTOBUF, JSON))
        body = bytearray(rng.choice(bodies[signal, kind]))
        for _ in range(rng.randrange(1, 4)):
            change = _change_json if kind == JSON and rng.random() < 0.7 else _change_bytes
            change(body, rng)
        encoding, encode = encoders[rng.choice((0, 0, 0, 1, 2))]
        packed = bytearray(encode(bytes(body)))
        if encoding and rng.random() < 0.3:
            _change_bytes(packed, rng)
        headers = {"content-type": kind}
        if encoding or rng.random() < 0.1:
            headers["content-encoding"] = encoding or rng.choice(("identity", "br", "gzip", " "))
        if rng.random() < 0.02:
            headers["content-type"] = rng.choice(("", "text/html", JSON, PROTOBUF, "a/b; c=d"))
        yield Sent(rng.choice(SIGNALS) if rng.random() < 0.05 else signal, headers, bytes(packed))


# -- bombs -----------------------------------------------------------------------------------------


def _gzip_of(piece: bytes, times: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    middle = b"".join(packer.compress(piece) for _ in range(times))
    return packer.compress(head) + middle + packer.compress(tail) + packer.flush()


def _zstd_of(piece: bytes, times: int) -> bytes:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return b"".join(packer.compress(piece) for _ in range(times)) + packer.flush()


def _group(records: bytes) -> bytes:
    """Return a request of one group around records as they lie in it."""
    return bytes_field(1, bytes_field(2, records))


def bombs() -> dict[str, Callable[[], Sent]]:
    """Return how to make small requests that would be large in memory, by name."""
    plain, packed = (
        {"content-type": PROTOBUF},
        {"content-type": PROTOBUF, "content-encoding": "gzip"},
    )
    as_json, zeros = {"content-type": JSON}, bytes(MIB)
    good = span().SerializeToString()
    return {
        "10 million empty spans in 20 KiB of gzip": lambda: Sent(
            "traces", packed, gzip.compress(_group(b"\x12\x00" * 10_000_000), 9)
        ),
        "4 million empty spans, plain": lambda: Sent(
            "traces", plain, _group(b"\x12\x00" * 4_000_000)
        ),
        "4 million empty log records, plain": lambda: Sent(
            "logs", plain, _group(b"\x12\x00" * 4_000_000)
        ),
        "4 million empty groups, plain": lambda: Sent("traces", plain, b"\x0a\x00" * 4_000_000),
        "4 million empty attributes on a span": lambda: Sent(
            "traces", plain, _group(bytes_field(2, good + b"\x4a\x00" * 4_000_000))
        ),
        "256 mebibytes of zeros in gzip": lambda: Sent("traces", packed, _gzip_of(zeros, 256)),
        "256 mebibytes of zeros in zstd": lambda: Sent(
            "traces", plain | {"content-encoding": "zstd"}, _zstd_of(zeros, 256)
        ),
        "gzip of gzip of 256 mebibytes": lambda: Sent(
            "traces", packed, gzip.compress(_gzip_of(zeros, 256), 9)
        ),
        "900 members of a mebibyte each": lambda: Sent(
            "traces", packed, gzip.compress(zeros, 9) * 900
        ),
        "JSON of 2.7 million empty objects": lambda: Sent(
            "traces", as_json, b'{"resourceSpans":[' + b"{}," * 2_700_000 + b"{}]}"
        ),
        "JSON of as many objects as are read": lambda: Sent(
            "traces", as_json, b'{"resourceSpans":[' + b"{}," * 690_000 + b"{}]}"
        ),
        "JSON of 1.6 million short texts": lambda: Sent(
            "traces", as_json, b'{"x":[' + b'"ab",' * 1_600_000 + b'""]}'
        ),
        "JSON of as many texts as are read": lambda: Sent(
            "traces", as_json, b'{"x":[' + b'"ab",' * 640_000 + b'""]}'
        ),
        "JSON a mebibyte deep": lambda: Sent("traces", as_json, b"[" * MIB),
    }
