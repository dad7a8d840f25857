"""Messages written in ways that no SDK writes, and protobuf reads: the decoder reads them the same."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tracepulse.journal.framing import frame, frames
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.receive.wire_fields import bytes_field
from tracepulse.store.load.decoded import Decoded
from tracepulse.store.load.inserts import read_segment
from tracepulse.store.load.row_types import Row
from tracepulse.store.load.texts import _double_text


def _decoded(body: bytes, signal: Signal) -> Decoded:
    admitted = admit(body, signal, SERVER_LIMITS)
    assert body == admitted.body
    data = frame(body, Receipt(1, "otlp_http", "loopback"))
    return read_segment(data, list(frames(data)), signal).decoded


def _span_with(attribute: bytes) -> bytes:
    span = bytes_field(1, b"t" * 16) + bytes_field(2, b"s" * 8) + bytes_field(9, attribute)
    return bytes_field(1, bytes_field(2, bytes_field(2, span)))


def _value_of(attribute: bytes) -> tuple[str, str]:
    body = _span_with(attribute)
    request = ExportTraceServiceRequest.FromString(body)
    (wanted,) = request.resource_spans[0].scope_spans[0].spans[0].attributes
    decoded = _decoded(body, "traces")
    (element,) = decoded.pairs(Row.SPAN).elements.tolist()
    return wanted.value.string_value, decoded.text_at(decoded.pair_text[element])


def test_a_value_in_two_messages_is_merged() -> None:
    """The second one says nothing, so what the first says stands."""
    text = bytes_field(1, b"stays")
    for second in (b"", b"\x98\x06\x07"):  # nothing, or a field that is not known
        wanted, found = _value_of(
            bytes_field(1, b"k") + bytes_field(2, text) + bytes_field(2, second)
        )
        assert ("stays", "stays") == (wanted, found)


def test_a_field_number_may_be_written_longer_than_it_needs() -> None:
    """A value's field 1 as the varint 8A 00 instead of 0A."""
    wanted, found = _value_of(bytes_field(1, b"k") + bytes_field(2, b"\x8a\x00\x05stays"))
    assert ("stays", "stays") == (wanted, found)


def test_small_zigzag_numbers_are_cut_to_32_bits() -> None:
    """As protobuf does with a scale that was written in ten bytes."""
    point = b"\x19" + (1).to_bytes(8, "little") + b"\x30" + b"\xfe" + b"\xff" * 8 + b"\x01"
    metric = bytes_field(10, bytes_field(1, point))
    body = bytes_field(1, bytes_field(2, bytes_field(2, metric)))
    request = ExportMetricsServiceRequest.FromString(body)
    made = request.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram
    decoded = _decoded(body, "metrics")
    assert [made.data_points[0].scale] == decoded.rows.cell(Row.EXPONENTIAL_POINT, "scale").tolist()


def test_what_numbers_look_like_is_not_kept_for_ever() -> None:
    """A server sees billions of doubles."""
    assert _double_text.cache_info().maxsize is not None
