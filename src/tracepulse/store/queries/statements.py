"""
How a question becomes a statement: the text from a `.sql` file, conditions, and values as parameters.

What several statements share is written here once, above all what they read from: `@spans` and
`@logs` are the telemetry, `@span_bins` and `@log_bins` the roll-ups of it (see `TABLES`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa

from tracepulse.model.call_shapes import MARKS, MASKS, TEXT_CHARS, TEXT_KEYS
from tracepulse.model.cohort import PATH_KEYS
from tracepulse.model.question import AttributeFilter, Window
from tracepulse.store.edges.calls import PEER_KEYS
from tracepulse.store.engine import Engine, Parameter, QueryLimits

__all__ = ["TABLES", "Filters", "Queries", "integers", "strings", "window_parameters"]

TABLES: Mapping[str, str] = {
    "spans": "otel_traces",
    "logs": "otel_logs",
    "kept_shapes": "log_shapes",
    "gauges": "otel_metrics_gauge",
    "sums": "otel_metrics_sum",
    "histograms": "otel_metrics_histogram",
    "exponential_histograms": "otel_metrics_exponential_histogram",
    "summaries": "otel_metrics_summary",
    # Beside its bins, a roll-up has a row for each segment that it holds.
    "span_bins": "(SELECT * FROM span_bins WHERE SpanKind != 'segment')",
    "span_minutes": "(SELECT * FROM span_minutes WHERE SpanKind != 'segment')",
    "log_bins": "(SELECT * FROM log_bins WHERE SeverityNumber != 255)",
    # Resources of spans and log records, in the form that is cheapest to compare.
    "resource": "ResourceText",
    "version_of_resource": "JSONExtractString(resource, 'service.version')",
    "pod_of_resource": "JSONExtractString(resource, 'k8s.pod.name')",
    "address_of_resource": (
        "if(JSONExtractString(resource, 'k8s.pod.ip') != '',"
        " JSONExtractString(resource, 'k8s.pod.ip'), JSONExtractString(resource, 'host.ip'))"
    ),
    # A minute that was worked out again has two rows until they are merged.
    "edge_minutes": "edge_minutes FINAL",
}
"""What statements read from, by the name that they use for it."""

_HTTP_STATUS = (
    "toUInt16OrZero(if(SpanAttributes['http.response.status_code'] != '',"
    " SpanAttributes['http.response.status_code'], SpanAttributes['http.status_code']))"
)


def _first_of(keys: Sequence[str]) -> str:
    """Return what yields the first attribute of some that a span has; '' where it has none."""
    # Not by multiIf, which would look up each attribute row by row: five times as long.
    values = ", ".join(
        f"mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), '{key}')]" for key in keys
    )
    return f"arrayFirst(v -> v != '', [{values}])"


def _first_said(names: Sequence[str], ports: Sequence[str]) -> str:
    """Return what yields a host's name; with its port where the host is this machine."""
    name, port = _first_of(names), _first_of(ports)
    near = "('localhost', '127.0.0.1', '::1')"
    return f"if({name} IN {near} AND {port} != '', concat('127.0.0.1:', {port}), {name})"


_IS_PATH_KEY = f"arrayMap(k -> k IN {PATH_KEYS}, mapKeys(SpanAttributes))"
_PATH_NAMES = f"arrayFilter((k, is) -> is, mapKeys(SpanAttributes), {_IS_PATH_KEY})"
_PATH_TEXTS = (
    "arrayMap((v, k) -> if(k = 'cache.key', '', v),"
    f" arrayFilter((v, is) -> is, mapValues(SpanAttributes), {_IS_PATH_KEY}), {_PATH_NAMES})"
)


def _quoted(text: str) -> str:
    """Return a text as it stands in a statement."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _call_shape() -> str:
    """Return what yields a span's statement or address without values; see `call_shape`."""
    shape = f"substringUTF8({_first_of(TEXT_KEYS)}, 1, {TEXT_CHARS})"
    for pattern, instead in MASKS:
        shape = f"replaceRegexpAll({shape}, {_quoted(pattern)}, {_quoted(instead)})"
    return shape


def _call_marks() -> str:
    """Return what yields the bits of a span; see `call_marks`."""
    values = {keys: f"substringUTF8({_first_of(keys)}, 1, {TEXT_CHARS})" for _, keys, _ in MARKS}
    tests = [f"{bit} * match({values[keys]}, {_quoted(pattern)})" for bit, keys, pattern in MARKS]
    return f"toUInt16({' '.join(['bitOr(' + each + ',' for each in tests])} 0{')' * len(tests)})"


_EXPRESSIONS: Mapping[str, str] = {
    "call_shape": _call_shape(),
    "call_marks": _call_marks(),
    "path_keys": _PATH_NAMES,
    "path_values": _PATH_TEXTS,
    "node_key": f"cityHash64(ServiceName, SpanName, SpanKind, {_PATH_NAMES}, {_PATH_TEXTS})",
    "failed": f"toUInt8(StatusCode = 'Error' OR {_HTTP_STATUS} >= 400)",
    # As in store/edges/calls.py: kinds there, and places in CONNECTIONS.
    "kind_code": (
        "toUInt8(multiIf(SpanKind IN ('Server', 'Consumer'), 1,"
        " SpanKind IN ('Client', 'Producer'), 2, 0))"
    ),
    "connection_code": (
        "toUInt8(multiIf(SpanAttributes['db.system.name'] != ''"
        " OR SpanAttributes['db.system'] != '', 2,"
        " SpanAttributes['messaging.system'] != '', 3,"
        " SpanAttributes['rpc.system'] != '', 1, 0))"
    ),
    "said_address": _first_said(
        ("server.address", "net.peer.name", "net.host.name", "peer.service"),
        ("server.port", "net.peer.port", "net.host.port"),
    ),
    "peer_address": _first_of(
        ("network.peer.address", "net.sock.peer.addr", "net.peer.ip", "client.address")
    ),
    "peer": (
        "multiIf("
        + "".join(
            f"SpanAttributes['{key}'] != '', SpanAttributes['{key}'], " for key in PEER_KEYS[:-1]
        )
        + f"SpanAttributes['{PEER_KEYS[-1]}'])"
    ),
}
"""What several statements work out alike."""


@dataclass(slots=True)
class Filters:
    """Conditions with their values; values are only ever parameters."""

    conditions: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)

    def add(self, condition: str, **values: Parameter) -> None:
        """Add a condition, with the values of its parameters."""
        self.conditions.append(condition)
        self.parameters.update(values)

    def attributes(self, wanted: Sequence[AttributeFilter], columns: Sequence[str]) -> None:
        """Ask for attributes that stand in any of these columns."""
        for i, each in enumerate(wanted):
            values: dict[str, Parameter] = {f"key{i}": each.key, f"value{i}": each.value}
            tests = [f"{c}[{{key{i}:String}}] = {{value{i}:String}}" for c in columns]
            if "ResourceText" in columns:
                # As it stands in the JSON text: within its strings a quote follows a backslash,
                # never a comma or brace.
                tests[columns.index("ResourceText")] = (
                    f"startsWith(ResourceText, concat('{{', {{pair{i}:String}}))"
                    f" OR position(ResourceText, concat(',', {{pair{i}:String}})) > 0"
                )
                values[f"pair{i}"] = ":".join(
                    json.dumps(text, ensure_ascii=False) for text in (each.key, each.value)
                )
            self.add(f"({' OR '.join(tests)})", **values)

    def fill(self, sql: str) -> str:
        """Return a statement with the conditions in place of `@filters`."""
        return sql.replace("@filters", "".join(f"\n    AND {each}" for each in self.conditions))


@cache
def _text(name: str) -> str:
    return files("tracepulse.store.queries").joinpath(f"{name}.sql").read_text()


def _statement(name: str, tables: Mapping[str, str]) -> str:
    known = {**tables, **_EXPRESSIONS}
    return re.sub(r"@([a-z_]+)", lambda found: known.get(found[1], found[0]), _text(name))


def window_parameters(window: Window) -> dict[str, Parameter]:
    """Return a window as the parameters `start` and `end`."""
    return {"start": window.start_unix_ns, "end": window.end_unix_ns}


class Queries:
    """What every group of questions has: the engine, and a way to ask it a file's statement."""

    def __init__(self, engine: Engine, tables: Mapping[str, str] = TABLES) -> None:
        """
        Remember whom to ask.

        Args:
            tables: what to read from, under the names of `TABLES`: tables, or SELECTs in brackets
                that yield the same columns.
        """
        self._engine = engine
        self._resource = tables["resource"]
        self._statement = cache(lambda name: _statement(name, tables))

    def _ask(
        self,
        name: str,
        parameters: Mapping[str, Parameter],
        filters: Filters | None = None,
        direction: str = "",
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        chosen = filters or Filters()
        sql = chosen.fill(self._statement(name)).replace("@direction", direction)
        return self._engine.query(sql, {**parameters, **chosen.parameters}, limits)


def integers(table: pa.Table, name: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return a column of whole numbers."""
    return np.asarray(table.column(name).to_numpy(), dtype=np.int64)


def strings(table: pa.Table, name: str) -> "np.ndarray[Any, np.dtype[np.object_]]":
    """Return a column of texts."""
    return np.array(table.column(name).to_pylist(), dtype=object)
