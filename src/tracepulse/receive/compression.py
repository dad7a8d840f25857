"""Bodies unpacked within bounds: gzip, zstd, deflate and blocks of snappy, one layer."""

import zlib
from typing import Any

import zstandard

from tracepulse.errors import LimitExceeded, MalformedBody, SenderError
from tracepulse.receive.limits import Limits

__all__ = ["UnsupportedEncoding", "decompress"]

_STEP_BYTES = 64 * 1024
_ZSTD_STEP_BYTES = 256
"""A block of 4 bytes can hold 128 KiB, and a step of zstd's cannot be bounded by what comes out."""
_MAX_MEMBERS = 1000
"""Members or frames in one body. Each costs some time whatever it holds; senders write one."""


class UnsupportedEncoding(SenderError):
    """The Content-Encoding is none that we unpack."""


def decompress(body: bytes, encoding: str, limits: Limits) -> bytes:
    """
    Return a body as it was before it was packed.

    Args:
        encoding: the Content-Encoding header; '' and 'identity' mean as it is.
    Raises:
        UnsupportedEncoding: any other encoding, or more than one.
        MalformedBody: the packed bytes are damaged or cut off.
        LimitExceeded: it unpacks to more than the limits allow.
    """
    name = encoding.strip().lower()
    if len(body) > limits.wire_bytes:
        raise LimitExceeded(
            f"body of {len(body):,} bytes; at most {limits.wire_bytes:,} are accepted,"
            " send smaller batches"
        )
    if name in ("", "identity"):
        if len(body) > limits.body_bytes:
            raise LimitExceeded(f"body of {len(body):,} bytes; at most {limits.body_bytes:,}")
        return body
    if name in ("gzip", "x-gzip"):
        return _gunzip(body, limits)
    if name == "deflate":
        return _inflate(body, limits)
    if name == "snappy":
        return _unsnap(body, limits)
    if name == "zstd":
        return _unzstd(body, limits)
    raise UnsupportedEncoding(
        f"Content-Encoding {encoding!r} is not supported; use gzip, zstd, deflate or identity"
    )


def _check(produced: int, wire: int, limits: Limits) -> None:
    too_large = produced > limits.body_bytes
    too_dense = produced > limits.ratio_floor_bytes and produced > wire * limits.ratio_max
    if too_large or too_dense:
        raise LimitExceeded(
            f"body unpacks to more than {min(produced, limits.body_bytes):,} bytes"
            f" from {wire:,}; at most {limits.body_bytes:,} and {limits.ratio_max} to 1 are accepted"
        )


def _inflate(body: bytes, limits: Limits) -> bytes:
    """Unpack what HTTP calls deflate: zlib's format, by some senders without its header."""
    try:
        has_header = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
        unpacker = zlib.decompressobj(wbits=15 if has_header else -15)
        out = bytearray(unpacker.decompress(body, _STEP_BYTES))
        while unpacker.unconsumed_tail:
            _check(len(out), len(body), limits)
            out += unpacker.decompress(unpacker.unconsumed_tail, _STEP_BYTES)
    except zlib.error as error:
        raise MalformedBody(f"damaged deflate body: {error}") from None
    _check(len(out), len(body), limits)
    if not unpacker.eof:
        raise MalformedBody("deflate body is cut off")
    if unpacker.unused_data:
        raise MalformedBody("damaged deflate body: something follows its end")
    return bytes(out)


def _unsnap(body: bytes, limits: Limits) -> bytes:
    """Unpack a block of snappy, which begins with the length of what is in it."""
    length = shift = 0
    for byte in body[:5]:
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise MalformedBody(f"damaged snappy body: no length in its first {len(body[:5])} bytes")
    _check(length, len(body), limits)
    import pyarrow  # it takes a moment, and only senders of these need it

    try:
        return bytes(pyarrow.decompress(body, length, "snappy", asbytes=True))
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise MalformedBody(f"damaged snappy body: {error}") from None


def _gunzip(body: bytes, limits: Limits) -> bytes:
    out = bytearray()
    rest = memoryview(body)
    for _ in range(_MAX_MEMBERS):
        if not rest:
            return bytes(out)
        rest = _gunzip_member(rest, out, len(body), limits)
    raise LimitExceeded(f"gzip body of more than {_MAX_MEMBERS:,} members")


def _gunzip_member(source: memoryview, out: bytearray, wire: int, limits: Limits) -> memoryview:
    """Add what a member holds to `out`; return what follows it."""
    unpacker = zlib.decompressobj(wbits=31)
    pos = 0
    while not unpacker.eof:
        chunk = unpacker.unconsumed_tail
        if not chunk:
            chunk = bytes(source[pos : pos + _STEP_BYTES])
            pos += len(chunk)
        try:
            piece = unpacker.decompress(chunk, _STEP_BYTES)
        except zlib.error as error:
            raise MalformedBody(f"damaged gzip body: {error}") from None
        if not chunk and not piece and not unpacker.eof:
            raise MalformedBody("gzip body is cut off")
        out += piece
        _check(len(out), wire, limits)
    return source[pos - len(unpacker.unused_data) :]


def _unzstd(body: bytes, limits: Limits) -> bytes:
    out = bytearray()
    unpack = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024)
    rest = memoryview(body)
    for _ in range(_MAX_MEMBERS):
        if not rest:
            return bytes(out)
        rest = _unzstd_frame(unpack.decompressobj(), rest, out, len(body), limits)
    raise LimitExceeded(f"zstd body of more than {_MAX_MEMBERS:,} frames")


def _unzstd_frame(
    unpacker: Any,
    source: memoryview,
    out: bytearray,
    wire: int,
    limits: Limits,
) -> memoryview:
    """Add what a frame holds to `out`; return what follows it."""
    pos = 0
    while not unpacker.eof:
        chunk = source[pos : pos + _ZSTD_STEP_BYTES]
        if not chunk:
            raise MalformedBody("zstd body is cut off")
        pos += len(chunk)
        try:
            out += unpacker.decompress(chunk)
        except zstandard.ZstdError as error:
            raise MalformedBody(f"damaged zstd body: {error}") from None
        _check(len(out), wire, limits)
    return source[pos - len(unpacker.unused_data) :]
