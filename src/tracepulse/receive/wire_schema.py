"""
The parts of OTLP's message types that the wire scan knows, as lookup tables.

A row of a table is a message type, a column a field number. Field numbers are those of
opentelemetry-proto 1.x (https://github.com/open-telemetry/opentelemetry-proto).
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACTION",
    "CHILD",
    "ENTER",
    "MAX_FIELD",
    "ROOT",
    "WIRE",
    "Action",
    "Enter",
    "Message",
]

MAX_FIELD = 32
FIXED64_LIST = 254
VARINT_LIST = 253
UNKNOWN = 255


class Message(IntEnum):
    """Message types that the scan walks into."""

    TRACES = 0
    RESOURCE_SPANS = 1
    SCOPE_SPANS = 2
    SPAN = 3
    EVENT = 4
    LINK = 5
    STATUS = 6
    LOGS = 7
    RESOURCE_LOGS = 8
    SCOPE_LOGS = 9
    LOG_RECORD = 10
    METRICS = 11
    RESOURCE_METRICS = 12
    SCOPE_METRICS = 13
    METRIC = 14
    GAUGE = 15
    SUM = 16
    HISTOGRAM = 17
    EXPONENTIAL_HISTOGRAM = 18
    SUMMARY = 19
    NUMBER_POINT = 20
    HISTOGRAM_POINT = 21
    EXPONENTIAL_POINT = 22
    SUMMARY_POINT = 23
    EXEMPLAR = 24
    BUCKETS = 25
    QUANTILE = 26
    RESOURCE = 27
    SCOPE = 28
    KEY_VALUE = 29
    ANY_VALUE = 30
    ARRAY = 31
    KEY_VALUE_LIST = 32
    BODY_VALUE = 33
    """An AnyValue that is a log record's body: the same fields, a longer text allowed."""
    ENTITY_REF = 34


class Action(IntEnum):
    """What the scan does with a known field."""

    SKIP = 0
    TEXT_NAME = 1
    TEXT_KEY = 2
    TEXT_VALUE = 3
    TEXT_BODY = 4
    TRACE_ID = 5
    SPAN_ID = 6
    TRACE_ID_OR_NONE = 7
    SPAN_ID_OR_NONE = 8
    ENTER = 9
    TIME = 10
    BYTES_VALUE = 11
    SECOND_TIME = 12
    """A span's end, when a log line was observed, where a series of points started."""


class Enter(IntEnum):
    """What is counted when the scan walks into a message."""

    NOTHING = 0
    CONTAINER = 1
    RECORD = 2
    POINT = 3
    ATTRIBUTE = 4
    EVENT = 5
    LINK = 6
    RESOURCE = 7
    NESTED = 8


SIZE = len(Message)
WIRE: NDArray[np.uint8] = np.full((SIZE, MAX_FIELD), UNKNOWN, np.uint8)
ACTION: NDArray[np.uint8] = np.zeros((SIZE, MAX_FIELD), np.uint8)
CHILD: NDArray[np.uint8] = np.zeros((SIZE, MAX_FIELD), np.uint8)
ENTER: NDArray[np.uint8] = np.zeros((SIZE,), np.uint8)
ROOT = {"traces": Message.TRACES, "logs": Message.LOGS, "metrics": Message.METRICS}

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def _plain(message: Message, wire: int, *fields: int) -> None:
    for field in fields:
        WIRE[message, field] = wire


def _act(message: Message, field: int, action: Action) -> None:
    is_time = action in (Action.TIME, Action.SECOND_TIME)
    WIRE[message, field] = FIXED64 if is_time else BYTES
    ACTION[message, field] = action


def _enter(message: Message, field: int, child: Message) -> None:
    WIRE[message, field] = BYTES
    ACTION[message, field] = Action.ENTER
    CHILD[message, field] = child


def _groups(root: Message, resource: Message, scope: Message, record: Message) -> None:
    """Lay out request > resource group > scope group > record, the same for every signal."""
    _enter(root, 1, resource)
    _enter(resource, 1, Message.RESOURCE)
    _enter(resource, 2, scope)
    _act(resource, 3, Action.TEXT_NAME)
    _enter(scope, 1, Message.SCOPE)
    _enter(scope, 2, record)
    _act(scope, 3, Action.TEXT_NAME)
    ENTER[resource] = ENTER[scope] = Enter.CONTAINER
    ENTER[record] = Enter.RECORD


def _span() -> None:
    span = Message.SPAN
    _act(span, 1, Action.TRACE_ID)
    _act(span, 2, Action.SPAN_ID)
    _act(span, 3, Action.TEXT_NAME)
    _act(span, 4, Action.SPAN_ID_OR_NONE)
    _act(span, 5, Action.TEXT_NAME)
    _plain(span, VARINT, 6, 10, 12, 14)
    _act(span, 7, Action.TIME)
    _act(span, 8, Action.SECOND_TIME)
    _enter(span, 9, Message.KEY_VALUE)
    _enter(span, 11, Message.EVENT)
    _enter(span, 13, Message.LINK)
    _enter(span, 15, Message.STATUS)
    _plain(span, FIXED32, 16)
    _act(Message.EVENT, 1, Action.TIME)
    _act(Message.EVENT, 2, Action.TEXT_NAME)
    _enter(Message.EVENT, 3, Message.KEY_VALUE)
    _plain(Message.EVENT, VARINT, 4)
    _act(Message.LINK, 1, Action.TRACE_ID)
    _act(Message.LINK, 2, Action.SPAN_ID)
    _act(Message.LINK, 3, Action.TEXT_NAME)
    _enter(Message.LINK, 4, Message.KEY_VALUE)
    _plain(Message.LINK, VARINT, 5)
    _plain(Message.LINK, FIXED32, 6)
    _act(Message.STATUS, 2, Action.TEXT_VALUE)
    _plain(Message.STATUS, VARINT, 3)
    ENTER[Message.EVENT] = Enter.EVENT
    ENTER[Message.LINK] = Enter.LINK


def _log_record() -> None:
    record = Message.LOG_RECORD
    _act(record, 1, Action.TIME)
    _plain(record, VARINT, 2, 7)
    _act(record, 3, Action.TEXT_NAME)
    _enter(record, 5, Message.BODY_VALUE)
    _enter(record, 6, Message.KEY_VALUE)
    _plain(record, FIXED32, 8)
    _act(record, 9, Action.TRACE_ID_OR_NONE)
    _act(record, 10, Action.SPAN_ID_OR_NONE)
    _act(record, 11, Action.SECOND_TIME)
    _act(record, 12, Action.TEXT_NAME)


def _metric() -> None:
    metric = Message.METRIC
    for field in (1, 2, 3):
        _act(metric, field, Action.TEXT_NAME)
    kinds = (
        (5, Message.GAUGE, Message.NUMBER_POINT),
        (7, Message.SUM, Message.NUMBER_POINT),
        (9, Message.HISTOGRAM, Message.HISTOGRAM_POINT),
        (10, Message.EXPONENTIAL_HISTOGRAM, Message.EXPONENTIAL_POINT),
        (11, Message.SUMMARY, Message.SUMMARY_POINT),
    )
    for field, kind, point in kinds:
        _enter(metric, field, kind)
        _enter(kind, 1, point)
        _plain(kind, VARINT, 2, 3)
        _act(point, 2, Action.SECOND_TIME)
        _act(point, 3, Action.TIME)
        ENTER[point] = Enter.POINT
    _enter(metric, 12, Message.KEY_VALUE)
    _enter(Message.NUMBER_POINT, 7, Message.KEY_VALUE)
    _plain(Message.NUMBER_POINT, FIXED64, 4, 6)
    _enter(Message.NUMBER_POINT, 5, Message.EXEMPLAR)
    _plain(Message.NUMBER_POINT, VARINT, 8)
    _enter(Message.HISTOGRAM_POINT, 9, Message.KEY_VALUE)
    _plain(Message.HISTOGRAM_POINT, FIXED64, 4, 5, 11, 12)
    _plain(Message.HISTOGRAM_POINT, FIXED64_LIST, 6, 7)
    _enter(Message.HISTOGRAM_POINT, 8, Message.EXEMPLAR)
    _plain(Message.HISTOGRAM_POINT, VARINT, 10)
    _enter(Message.EXPONENTIAL_POINT, 1, Message.KEY_VALUE)
    _plain(Message.EXPONENTIAL_POINT, FIXED64, 4, 5, 7, 12, 13, 14)
    _plain(Message.EXPONENTIAL_POINT, VARINT, 6, 10)
    _enter(Message.EXPONENTIAL_POINT, 8, Message.BUCKETS)
    _enter(Message.EXPONENTIAL_POINT, 9, Message.BUCKETS)
    _enter(Message.EXPONENTIAL_POINT, 11, Message.EXEMPLAR)
    _plain(Message.BUCKETS, VARINT, 1)
    _plain(Message.BUCKETS, VARINT_LIST, 2)
    _enter(Message.SUMMARY_POINT, 7, Message.KEY_VALUE)
    _plain(Message.SUMMARY_POINT, FIXED64, 4, 5)
    _enter(Message.SUMMARY_POINT, 6, Message.QUANTILE)
    _plain(Message.SUMMARY_POINT, VARINT, 8)
    _plain(Message.QUANTILE, FIXED64, 1, 2)
    _act(Message.EXEMPLAR, 2, Action.TIME)
    _plain(Message.EXEMPLAR, FIXED64, 3, 6)
    _act(Message.EXEMPLAR, 4, Action.SPAN_ID_OR_NONE)
    _act(Message.EXEMPLAR, 5, Action.TRACE_ID_OR_NONE)
    _enter(Message.EXEMPLAR, 7, Message.KEY_VALUE)


def _values() -> None:
    _enter(Message.RESOURCE, 1, Message.KEY_VALUE)
    _plain(Message.RESOURCE, VARINT, 2)
    _enter(Message.RESOURCE, 3, Message.ENTITY_REF)
    for field in (1, 2, 3, 4):
        _act(Message.ENTITY_REF, field, Action.TEXT_NAME)
    ENTER[Message.RESOURCE] = ENTER[Message.SCOPE] = Enter.RESOURCE
    _act(Message.SCOPE, 1, Action.TEXT_NAME)
    _act(Message.SCOPE, 2, Action.TEXT_NAME)
    _enter(Message.SCOPE, 3, Message.KEY_VALUE)
    _plain(Message.SCOPE, VARINT, 4)
    _act(Message.KEY_VALUE, 1, Action.TEXT_KEY)
    _enter(Message.KEY_VALUE, 2, Message.ANY_VALUE)
    _plain(Message.KEY_VALUE, VARINT, 3)
    ENTER[Message.KEY_VALUE] = Enter.ATTRIBUTE
    for value, text in (
        (Message.ANY_VALUE, Action.TEXT_VALUE),
        (Message.BODY_VALUE, Action.TEXT_BODY),
    ):
        _act(value, 1, text)
        _plain(value, VARINT, 2, 3, 8)
        _plain(value, FIXED64, 4)
        _enter(value, 5, Message.ARRAY)
        _enter(value, 6, Message.KEY_VALUE_LIST)
        _act(value, 7, Action.BYTES_VALUE)
    _enter(Message.ARRAY, 1, Message.ANY_VALUE)
    _enter(Message.KEY_VALUE_LIST, 1, Message.KEY_VALUE)
    ENTER[Message.ARRAY] = ENTER[Message.KEY_VALUE_LIST] = Enter.NESTED


_groups(Message.TRACES, Message.RESOURCE_SPANS, Message.SCOPE_SPANS, Message.SPAN)
_groups(Message.LOGS, Message.RESOURCE_LOGS, Message.SCOPE_LOGS, Message.LOG_RECORD)
_groups(Message.METRICS, Message.RESOURCE_METRICS, Message.SCOPE_METRICS, Message.METRIC)
_span()
_log_record()
_metric()
_values()
