"""Access logs of Envoy and Istio as JSON: under Istio's names, Envoy Gateway's, or much-copied ones."""

from collections.abc import Mapping
from typing import Any

from tracepulse.receive.access_records import (
    NUMBER_FIELDS,
    OTHER_FIELDS,
    TEXT_FIELDS,
    AccessRecord,
    access_record,
    ids_of,
)
from tracepulse.receive.any_value import plain_text
from tracepulse.receive.key_plans import remembered_by_keys

__all__ = ["is_access_record", "read_access_fields"]

_ALIASES: dict[str, str] = {
    "authority_for": "authority",
    ":authority": "authority",
    "host": "authority",
    "x-envoy-origin-path": "path",
    "x-envoy-original-path": "path",
    ":path": "path",
    ":method": "method",
    "x-envoy-upstream-service-time": "upstream_service_time",
    "x-forwarded-for": "x_forwarded_for",
    "user-agent": "user_agent",
    "x-request-id": "request_id",
    "x_request_id": "request_id",
    "upstream_cluster_raw": "upstream_cluster",
    "grpc_status_number": "grpc_status",
    "x-b3-traceid": "trace_id",
    "x_b3_traceid": "trace_id",
    "b3_trace_id": "trace_id",
    "traceid": "trace_id",
    "x-b3-spanid": "span_id",
    "x_b3_spanid": "span_id",
    "b3_span_id": "span_id",
    "spanid": "span_id",
}
_IDS = ("traceparent", "trace_id", "span_id")
_ORDER = (*TEXT_FIELDS, *NUMBER_FIELDS, *OTHER_FIELDS, *_IDS)
_PLACES = {name: place for place, name in enumerate(_ORDER)}
_NUMBERS_AT = len(TEXT_FIELDS)
_OTHERS_AT = _NUMBERS_AT + len(NUMBER_FIELDS)
_IDS_AT = _OTHERS_AT + len(OTHER_FIELDS)


def is_access_record(fields: Mapping[str, Any]) -> bool:
    """Tell whether the fields of a JSON line are those of an Envoy access log."""
    return "response_code" in fields and (
        "response_flags" in fields or "upstream_cluster" in fields or "upstream_host" in fields
    )


def read_access_fields(fields: Mapping[str, Any]) -> AccessRecord:
    """Return what one line's fields say; values are texts or numbers, unknown fields are kept."""
    values = [""] * len(_ORDER)
    more = []
    for (key, value), place in zip(fields.items(), _places(tuple(fields)), strict=True):
        if value is None or value == "-" or value == "":
            continue
        if place is None:
            more.append((key, value))
        else:
            values[place] = value if type(value) is str else plain_text(value)
    record = access_record(
        values[:_NUMBERS_AT],
        values[_NUMBERS_AT:_OTHERS_AT],
        values[_OTHERS_AT:_IDS_AT],
        ids=ids_of(*values[_IDS_AT:]),
    )
    record.attributes.extend(more)
    return record


@remembered_by_keys
def _places(keys: tuple[str, ...]) -> tuple[int | None, ...]:
    """Return where each field goes: a place in _ORDER, or None for among the rest."""
    return tuple(_PLACES.get(_ALIASES.get(key.lower(), key.lower())) for key in keys)
