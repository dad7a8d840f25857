"""Segments written by hand, and tables read back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from tracepulse.journal.framing import frame
from tracepulse.journal.segment import Segment
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.store.engine import Engine
from tracepulse.store.load.statements import tables

__all__ = ["RECEIVED", "framed", "load_all", "rows", "write_segment"]

RECEIVED = 1_790_000_000_123_456_789


def framed(
    request: Message, signal: Signal, data_set: str = "", received_unix_ns: int = RECEIVED
) -> bytes:
    """Return a request as the journal holds it, after admission."""
    admitted = admit(request.SerializeToString(), signal, SERVER_LIMITS)
    return frame(admitted.body, Receipt(received_unix_ns, "otlp_http", "loopback", data_set))


def write_segment(
    folder: Path,
    segment_id: str,
    signal: Signal,
    requests: Sequence[Message],
    data_set: str = "",
    suspect: bool = False,
) -> Segment:
    """Write a sealed segment of some requests."""
    path = folder / f"{segment_id}.{signal}.sealed"
    path.write_bytes(b"".join(framed(each, signal, data_set) for each in requests))
    return Segment(segment_id, signal, path, suspect)


def load_all(engine: Engine, segment: Segment, token: str = "") -> None:
    """Load a segment into every table of its signal, as one try of the loader does."""
    for table in tables(segment.signal):
        engine.load(table, segment.path, segment.segment_id, token or segment.segment_id)


def rows(engine: Engine, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of a query; maps as dicts."""
    answer: list[dict[str, Any]] = engine.query(sql, parameters).to_pylist()
    return answer
