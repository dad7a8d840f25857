"""Bodies unpacked within bounds: gzip and zstd, one layer."""

import zlib

import zstandard

from tracepulse.errors import LimitExceeded, MalformedBody, SenderError
from tracepulse.receive.limits import Limits

__all__ = ["UnsupportedEncoding", "decompress"]

_STEP_BYTES = 256 * 1024


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
    rest = body
    while rest:
        unpacker = zlib.decompressobj(wbits=31)
        while True:
            try:
                out += unpacker.decompress(rest, _STEP_BYTES)
            except zlib.error as error:
                raise MalformedBody(f"damaged gzip body: {error}") from None
            _check(len(out), len(body), limits)
            rest = unpacker.unconsumed_tail
            if unpacker.eof:
                rest = unpacker.unused_data
                break
            if not rest:
                raise MalformedBody("gzip body is cut off")
    return bytes(out)


def _unzstd(body: bytes, limits: Limits) -> bytes:
    out = bytearray()
    reader = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).stream_reader(
        body, read_across_frames=True
    )
    try:
        while chunk := reader.read(_STEP_BYTES):
            out += chunk
            _check(len(out), len(body), limits)
    except zstandard.ZstdError as error:
        raise MalformedBody(f"damaged zstd body: {error}") from None
    if body and not out:
        raise MalformedBody("zstd body is empty or cut off")
    return bytes(out)
