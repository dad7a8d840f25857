"""
The same records as each protocol's senders write them.

Every function takes a batch of records and returns one request's bytes, uncompressed but where
the protocol demands it. Nothing here imports the code that reads these requests. The forms follow
what real senders were seen to send:

- Loki: https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
- Elasticsearch: bulk requests with ECS documents, as Filebeat makes them
- Splunk: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector
- Zipkin: https://zipkin.io/zipkin-api/#/default/post_spans
- Remote write: https://prometheus.io/docs/specs/prw/remote_write_spec/ and …_spec_2_0/
- Envoy: Istio's default text format, as of Istio 1.9 and newer
"""

import itertools
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from benchmarks.generator.records import AccessRecord, LogRecord, PointRecord, SpanRecord
from benchmarks.generator.wire import prefix

__all__ = [
    "batches",
    "elastic_bulk",
    "envoy_line",
    "faro",
    "hec_events",
    "log_line",
    "loki_access",
    "loki_json",
    "loki_protobuf",
    "remote_write_1",
    "remote_write_2",
    "syslog_frames",
    "syslog_message",
    "zipkin_json",
]

_SYSLOG_SEVERITIES = {"DEBUG": 7, "INFO": 6, "WARN": 4, "ERROR": 3}
_LOCAL0 = 16
_LAYOUTS = ("json", "logfmt", "text")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _rfc3339(unix_ms: int) -> str:
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes_field(number: int, payload: bytes) -> bytes:
    return prefix(number, len(payload)) + payload


def _text_field(number: int, value: str) -> bytes:
    return _bytes_field(number, value.encode())


def _varint(value: int) -> bytes:
    return prefix(1, value)[1:]


def _integer_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _snappy(payload: bytes) -> bytes:
    """Return a block of raw snappy, without the framing of streams."""
    packed: bytes = pa.compress(payload, codec="snappy", asbytes=True)
    return packed


def log_line(record: LogRecord) -> str:
    """Return the line as its service writes it: each writes JSON, logfmt or text."""
    layout = _LAYOUTS[len(record.service) % 3]
    at = _rfc3339(record.time_unix_ns // 1_000_000)
    fields: dict[str, str | int] = {}
    if record.trace_id:
        fields = {"trace_id": record.trace_id, "span_id": record.span_id}
    if layout == "json":
        head = {"time": at, "level": record.severity.lower(), "msg": record.message}
        return _json(head | fields | dict(record.attributes)).decode()
    if layout == "logfmt":
        fields |= dict(record.attributes)
        pairs = " ".join(f"{name}={value}" for name, value in fields.items())
        text = record.message.replace('"', '\\"')
        return f'ts={at} level={record.severity.lower()} msg="{text}" {pairs}'
    tail = f" trace_id={record.trace_id} span_id={record.span_id}" if record.trace_id else ""
    return f"{at} {record.severity} [{record.service}] {record.message}{tail}"


def _streams(records: Iterable[LogRecord]) -> Mapping[tuple[str, str], list[LogRecord]]:
    streams: dict[tuple[str, str], list[LogRecord]] = {}
    for record in records:
        streams.setdefault((record.service, record.host), []).append(record)
    return streams


def loki_json(records: Sequence[LogRecord]) -> bytes:
    """Return a push request in JSON; lines within a trace carry its id as structured metadata."""
    streams = []
    for (service, host), lines in _streams(records).items():
        values: list[list[Any]] = []
        for record in lines:
            value: list[Any] = [str(record.time_unix_ns), log_line(record)]
            if record.trace_id:
                value.append({"trace_id": record.trace_id, "span_id": record.span_id})
            values.append(value)
        labels = {"app": service, "instance": host, "namespace": "shop"}
        streams.append({"stream": labels, "values": values})
    return _json({"streams": streams})


def loki_protobuf(records: Sequence[LogRecord], *, packed: bool = True) -> bytes:
    """Return a `logproto.PushRequest`, as snappy block where `packed`."""
    streams = []
    for (service, host), lines in _streams(records).items():
        labels = f'{{app="{service}", instance="{host}", namespace="shop"}}'
        entries = []
        for record in lines:
            seconds, nanos = divmod(record.time_unix_ns, 1_000_000_000)
            at = _integer_field(1, seconds) + _integer_field(2, nanos)
            entry = _bytes_field(1, at) + _text_field(2, log_line(record))
            if record.trace_id:
                ids = (("trace_id", record.trace_id), ("span_id", record.span_id))
                for name, value in ids:
                    entry += _bytes_field(3, _text_field(1, name) + _text_field(2, value))
            entries.append(_bytes_field(2, entry))
        streams.append(_bytes_field(1, _text_field(1, labels) + b"".join(entries)))
    payload = b"".join(streams)
    return _snappy(payload) if packed else payload


def elastic_bulk(records: Sequence[LogRecord], index: str = "") -> bytes:
    """Return a bulk request; `index` '' leaves the index to the request's path."""
    action = _json({"create": {"_index": index} if index else {}})
    lines = []
    for record in records:
        document: dict[str, Any] = {
            "@timestamp": _rfc3339(record.time_unix_ns // 1_000_000),
            "message": record.message,
            "log": {"level": record.severity.lower()},
            "service": {"name": record.service},
            "host": {"name": record.host},
            "ecs": {"version": "8.0.0"},
        }
        if record.trace_id:
            document |= {"trace": {"id": record.trace_id}, "span": {"id": record.span_id}}
        lines += [action, _json(document | dict(record.attributes))]
    return b"\n".join(lines) + b"\n"


def hec_events(records: Sequence[LogRecord]) -> bytes:
    """Return events one after another: every second as fields, the others as a line."""
    events = []
    for number, record in enumerate(records):
        event: dict[str, Any] = {
            "time": record.time_unix_ns // 1_000_000 / 1000,
            "host": record.host,
            "source": f"/var/log/{record.service}.log",
            "sourcetype": "_json" if number % 2 else "app",
            "index": "main",
            "fields": {"service.name": record.service},
        }
        ids = {"trace_id": record.trace_id, "span_id": record.span_id} if record.trace_id else {}
        if number % 2:
            inner: dict[str, Any] = {"message": record.message, "level": record.severity.lower()}
            event["event"] = inner | ids | dict(record.attributes)
        else:
            event["event"] = log_line(record)
        events.append(_json(event))
    return b"\n".join(events)


def faro(records: Sequence[LogRecord], session: str = "session-1") -> bytes:
    """Return what a page reports, as if its console had written the records."""
    logs = []
    for record in records:
        log: dict[str, Any] = {
            "message": record.message,
            "level": record.severity.lower(),
            "timestamp": _rfc3339(record.time_unix_ns // 1_000_000),
            "context": {name: str(value) for name, value in record.attributes},
        }
        if record.trace_id:
            log["trace"] = {"trace_id": record.trace_id, "span_id": record.span_id}
        logs.append(log)
    meta = {
        "sdk": {"name": "@grafana/faro-core", "version": "1.19.0"},
        "app": {"name": records[0].service, "version": "1.4.2", "environment": "production"},
        "session": {"id": session, "attributes": {"locale": "sv-SE"}},
        "page": {"url": "https://shop.example/basket?step=2"},
        "browser": {"name": "Firefox", "version": "145.0", "os": "Linux", "mobile": False},
    }
    return _json({"meta": meta, "logs": logs})


def zipkin_json(spans: Sequence[SpanRecord]) -> bytes:
    """Return a list of spans of version 2."""
    documents = []
    for span in spans:
        document: dict[str, Any] = {
            "traceId": span.trace_id,
            "id": span.span_id,
            "name": span.name.lower(),
            "kind": span.kind,
            "timestamp": span.start_unix_us,
            "duration": span.duration_us,
            "localEndpoint": {"serviceName": span.service, "ipv4": "10.20.1.7", "port": 8080},
            "tags": dict(span.tags) | ({"error": "upstream failed"} if span.failed else {}),
        }
        if span.parent_id:
            document["parentId"] = span.parent_id
        if span.peer:
            document["remoteEndpoint"] = {"serviceName": span.peer, "ipv4": "10.20.2.9"}
        documents.append(document)
    return _json(documents)


def _series(points: Iterable[PointRecord]) -> Mapping[tuple[Any, ...], list[PointRecord]]:
    series: dict[tuple[Any, ...], list[PointRecord]] = {}
    for point in points:
        labels = (("__name__", point.name), *point.labels)
        series.setdefault(labels, []).append(point)
    return series


def _sample(point: PointRecord) -> bytes:
    return b"\x09" + struct.pack("<d", point.value) + _integer_field(2, point.time_unix_ms)


def remote_write_1(points: Sequence[PointRecord]) -> bytes:
    """Return a `prometheus.WriteRequest` in snappy, with the metadata of its metrics."""
    parts = []
    for labels, samples in _series(points).items():
        inner = b"".join(
            _bytes_field(1, _text_field(1, name) + _text_field(2, value)) for name, value in labels
        )
        inner += b"".join(_bytes_field(2, _sample(point)) for point in samples)
        parts.append(_bytes_field(1, inner))
    for name, counter in sorted({(point.name, point.counter) for point in points}):
        kind = _integer_field(1, 1 if counter else 2)
        parts.append(_bytes_field(3, kind + _text_field(2, name) + _text_field(4, f"{name} help")))
    return _snappy(b"".join(parts))


def remote_write_2(points: Sequence[PointRecord]) -> bytes:
    """Return an `io.prometheus.write.v2.Request` in snappy."""
    symbols: dict[str, int] = {"": 0}

    def reference(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    series = []
    for labels, samples in _series(points).items():
        references = b"".join(_varint(reference(text)) for pair in labels for text in pair)
        inner = _bytes_field(1, references)
        inner += b"".join(_bytes_field(2, _sample(point)) for point in samples)
        metadata = _integer_field(1, 1 if samples[0].counter else 2)
        metadata += _integer_field(3, reference(f"{samples[0].name} help"))
        series.append(_bytes_field(5, inner + _bytes_field(5, metadata)))
    return _snappy(b"".join(_text_field(4, text) for text in symbols) + b"".join(series))


def syslog_message(record: LogRecord) -> bytes:
    """Return one message of RFC 5424, its ids as structured data."""
    priority = _LOCAL0 * 8 + _SYSLOG_SEVERITIES[record.severity]
    at = _rfc3339(record.time_unix_ns // 1_000_000)
    data = "-"
    if record.trace_id:
        data = f'[trace@32473 trace_id="{record.trace_id}" span_id="{record.span_id}"]'
    head = f"<{priority}>1 {at} {record.host} {record.service} 1234 - {data} "
    return (head + record.message).encode()


def syslog_frames(records: Iterable[LogRecord]) -> bytes:
    """Return messages with octet counts, RFC 6587, section 3.4.1."""
    messages = (syslog_message(record) for record in records)
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


_ENVOY = (
    '[{at}] "{r.method} {r.path} HTTP/1.1" {r.status} {r.flags} via_upstream - "-" '
    "{r.bytes_received} {r.bytes_sent} {r.duration_ms} {r.upstream_ms} "
    '"-" "{r.user_agent}" "{r.request_id}" "{host}:8080" "{r.upstream_host}" '
    "outbound|8080||{r.callee}.svc.cluster.local {r.caller_address}:{port} "
    "10.96.0.12:8080 {r.caller_address}:{port2} - default"
)


def envoy_line(record: AccessRecord) -> str:
    """Return the line of a caller's proxy, in Istio's default text format."""
    return _ENVOY.format(
        at=_rfc3339(record.time_unix_ms),
        r=record,
        host=record.callee.split(".")[0],
        port=40_000 + record.duration_ms % 20_000,
        port2=35_000 + record.bytes_sent % 5_000,
    )


def loki_access(records: Sequence[AccessRecord]) -> bytes:
    """Return a push request of proxies' lines, as an agent on the node reads them."""
    streams: dict[str, list[list[str]]] = {}
    for record in records:
        line = [str(record.time_unix_ms * 1_000_000), envoy_line(record)]
        streams.setdefault(record.caller, []).append(line)
    documents = []
    for caller, values in streams.items():
        app, _, namespace = caller.partition(".")
        labels = {"app": app, "namespace": namespace, "container": "istio-proxy"}
        documents.append({"stream": labels, "values": values})
    return _json({"streams": documents})


def batches(records: Iterable[Any], size: int) -> Iterable[Sequence[Any]]:
    """Yield the records in lists of so many."""
    remaining = iter(records)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
