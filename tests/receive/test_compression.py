"""Packed bodies: within bounds, or refused with a reason."""

import contextlib
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace

import pyarrow
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tracepulse.errors import LimitExceeded, MalformedBody, SenderError
from tracepulse.receive.compression import UnsupportedEncoding, decompress
from tracepulse.receive.limits import SERVER_LIMITS, Limits

MIB = 1024 * 1024
ROOMY = replace(SERVER_LIMITS, ratio_max=100_000)


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(body)


def _snappy(body: bytes) -> bytes:
    return bytes(pyarrow.compress(body, "snappy", asbytes=True))


def _raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "zstd": _zstd,
    "deflate": zlib.compress,
    "snappy": _snappy,
}


@pytest.mark.parametrize("encoding", [*PACK, "GZip", " zstd "])
@given(body=st.binary(max_size=300))
@settings(max_examples=20, deadline=None)
def test_what_was_packed_comes_out(encoding: str, body: bytes) -> None:
    """Each encoding gives back the body, the empty one too."""
    packed = PACK[encoding.strip().lower()](body)
    assert body == decompress(packed, encoding, SERVER_LIMITS)


@given(body=st.binary(max_size=300))
@settings(max_examples=20, deadline=None)
def test_deflate_may_come_without_its_header(body: bytes) -> None:
    """Some senders leave out what the standard asks for."""
    assert body == decompress(_raw_deflate(body), "deflate", SERVER_LIMITS)


@pytest.mark.parametrize("head", [b"", b"\xff", b"\xff\xff\xff\xff\xff\xff", b"\x05\x10abc"])
def test_a_block_of_snappy_that_cannot_be_read_is_refused(head: bytes) -> None:
    """Neither its length nor its bytes are trusted."""
    with pytest.raises(SenderError):
        decompress(head, "snappy", SERVER_LIMITS)


@pytest.mark.parametrize("encoding", ["br", "lz4", "gzip, gzip", "gzip,zstd", "x", "gzip;q=1"])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    """What cannot be unpacked is said, and two layers are one too many."""
    with pytest.raises(UnsupportedEncoding, match="use gzip, zstd, deflate or identity"):
        decompress(b"x", encoding, SERVER_LIMITS)


def test_two_layers_of_gzip_are_unpacked_once() -> None:
    """A second layer is left as it is: it is no OTLP then."""
    inner = gzip.compress(b"spans")
    assert inner == decompress(gzip.compress(inner), "gzip", SERVER_LIMITS)


def test_members_and_frames_that_follow_one_another_are_joined() -> None:
    """Members of gzip and zstd frames may be concatenated."""
    assert b"abcd" == decompress(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", ROOMY)
    assert b"abcd" == decompress(_zstd(b"ab") + _zstd(b"cd"), "zstd", ROOMY)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate", "snappy"])
def test_a_body_cut_anywhere_is_refused(encoding: str) -> None:
    """No prefix of a packed body passes for a shorter one."""
    body = b"".join(b"%d," % i for i in range(400))
    packed = PACK[encoding](body)
    for size in range(1, len(packed)):
        with pytest.raises(MalformedBody):
            decompress(packed[:size], encoding, ROOMY)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate", "snappy"])
def test_rubbish_after_the_body_is_refused(encoding: str) -> None:
    """What follows a packed body is not passed over in silence."""
    packed = PACK[encoding](b"spans")
    with pytest.raises(MalformedBody):
        decompress(packed + b"rubbish", encoding, ROOMY)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_bodies_are_refused_or_read(encoding: str, data: st.DataObject) -> None:
    """A flipped byte is an error of the sender, never one of ours."""
    body = b"0123456789" * 30
    packed = bytearray(gzip.compress(body) if encoding == "gzip" else _zstd(body))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(SenderError):
        decompress(bytes(packed), encoding, ROOMY)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("limits", [SERVER_LIMITS, ROOMY], ids=["ratio", "size"])
def test_a_bomb_is_refused_in_little_memory(encoding: str, limits: Limits) -> None:
    """A heap of zeros stops at the first limit that it crosses."""
    if encoding == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        zeros = bytes(MIB)
        packed = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    else:
        zstd = zstandard.ZstdCompressor(level=3).compressobj()
        packed = b"".join(zstd.compress(bytes(MIB)) for _ in range(128)) + zstd.flush()
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="unpacks to more than"):
            decompress(packed, encoding, limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_flood_of_empty_members_is_refused_quickly(encoding: str) -> None:
    """Hundreds of thousands of members that hold nothing do not keep a thread busy."""
    empty = gzip.compress(b"") if encoding == "gzip" else _zstd(b"")
    flood = empty * (SERVER_LIMITS.wire_bytes // len(empty))
    started = time.process_time()
    with pytest.raises(SenderError):
        decompress(flood, encoding, SERVER_LIMITS)
    assert time.process_time() - started < 2.0


def test_a_body_too_large_to_look_at_says_so() -> None:
    """The limit on the wire comes before any unpacking."""
    with pytest.raises(LimitExceeded, match="send smaller batches"):
        decompress(bytes(SERVER_LIMITS.wire_bytes + 1), "gzip", SERVER_LIMITS)


def test_a_wide_zstd_window_is_refused() -> None:
    """A frame that asks for a window of hundreds of megabytes gets none."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"spans" * 100) + packer.flush()
    with pytest.raises(MalformedBody, match="zstd"):
        decompress(packed, "zstd", ROOMY)
