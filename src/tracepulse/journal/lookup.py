"""Whether a request is in the journal, for those who must know after a crash."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tracepulse.errors import MalformedBody
from tracepulse.journal.framing import body_of, frames, receipt_of
from tracepulse.journal.segment import OPEN, SEALED, STORED
from tracepulse.receive.signals import Signal

__all__ = ["holds_message"]

_MESSAGE = ".message"


def holds_message(
    journal: Path, aside: Path, signal: Signal, received_unix_ns: int, checksum: int
) -> bool:
    """
    Return whether a request is in the journal, stored from there lately, or set aside.

    To be asked before the store is opened to loading, which drops old segments.

    Args:
        received_unix_ns: of its receipt.
        checksum: CRC-32 of its body.
    """
    stamp = struct.pack("<Q", received_unix_ns)
    for path in _files(journal, aside, signal):
        data = path.read_bytes()
        if stamp not in data:
            continue
        for each in frames(data):
            try:
                receipt = receipt_of(each.message)
            except MalformedBody:
                continue
            if receipt.received_unix_ns == received_unix_ns:
                if zlib.crc32(body_of(each.message)) == checksum:
                    return True
    return False


def _files(journal: Path, aside: Path, signal: Signal) -> Iterator[Path]:
    """Yield what may hold it, the newest first: that is where it is, if anywhere."""
    endings = tuple(f".{signal}{ending}" for ending in (OPEN, SEALED, STORED))
    segments = [path for path in journal.iterdir() if path.name.endswith(endings)]
    yield from sorted(segments, key=lambda path: path.name, reverse=True)
    if aside.is_dir():
        yield from sorted(aside.glob(f"*.{signal}{_MESSAGE}"))
