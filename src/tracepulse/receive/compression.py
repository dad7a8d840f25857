"""Bodies unpacked within bounds: gzip and zstd, one layer."""

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
    """The Content-Encoding is none of identity, gzip and zstd."""


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
    if name == "gzip":
        return _gunzip(body, limits)
    if name == "zstd":
        return _unzstd(body, limits)
    raise UnsupportedEncoding(
        f"Content-Encoding {encoding!r} is not supported; use gzip, zstd or identity"
    )


def _check(produced: int, wire: int, limits: Limits) -> None:
    too_large = produced > limits.body_bytes
    too_dense = produced > limits.ratio_floor_bytes and produced > wire * limits.ratio_max
    if too_large or too_dense:
        raise LimitExceeded(
            f"body unpacks to more than {min(produced, limits.body_bytes):,} bytes"
            f" from {wire:,}; at most {limits.body_bytes:,} and {limits.ratio_max} to 1 are accepted"
        )


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
