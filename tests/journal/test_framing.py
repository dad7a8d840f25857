"""Messages in a segment: what was written is read, what was damaged is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.otlp_requests import span, traces

from tracepulse.journal.framing import frame, frames
from tracepulse.journal.segment import contents
from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import REQUEST_TYPES

RECEIPT = Receipt(1_700_000_000_000_000_000, "otlp_http", "loopback", "set")
BODIES = [traces(span(span_id=i), service=f"s{i}").SerializeToString() for i in range(1, 5)]


def _segment() -> tuple[bytes, list[int]]:
    """Return a segment of four messages and where each ends."""
    data, ends = b"", []
    for body in BODIES:
        data += frame(body, RECEIPT)
        ends.append(len(data))
    return data, ends


@given(
    st.lists(st.binary(max_size=200), max_size=5),
    st.integers(0, 2**64 - 1),
    st.text(max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_what_was_framed_is_read(bodies: list[bytes], at: int, name: str) -> None:
    """Each message starts with the sender's bytes, in the order written, with nothing between."""
    receipt = Receipt(at, name, "loopback", name)
    data = b"".join(frame(body, receipt) for body in bodies)
    read = list(frames(data))
    assert bodies == [bytes(f.message)[: len(b)] for f, b in zip(read, bodies, strict=True)]
    assert [0, *(f.end for f in read)] == [*(f.start for f in read), len(data)]


def test_other_readers_of_otlp_skip_our_fields() -> None:
    """A message of a segment is still the sender's request to any protobuf reader."""
    (read,) = frames(frame(BODIES[0], RECEIPT))
    request = REQUEST_TYPES["traces"].FromString(bytes(read.message))
    request.DiscardUnknownFields()
    assert BODIES[0] == request.SerializeToString()


def test_a_tail_cut_at_any_byte_loses_the_last_message_only() -> None:
    """Whatever is left of a write that did not end, the messages before it are whole."""
    data, ends = _segment()
    for size in range(len(data)):
        whole = sum(end <= size for end in ends)
        held = contents(data[:size], "traces")
        trusted = ends[whole - 1] if whole else 0
        assert (whole, whole, trusted) == (held.messages, held.records, held.trusted_bytes)


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_anywhere_is_seen(bit: int) -> None:
    """No damaged message is ever taken for a whole one."""
    data, ends = _segment()
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        hit = sum(end <= at for end in ends)
        read = [bytes(f.message) for f in frames(bytes(damaged))]
        assert hit == len(read), f"byte {at}"
        assert [bytes(f.message) for f in frames(data)][:hit] == read
