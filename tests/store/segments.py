"""Segments written by hand, and tables read back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message

from tracepulse.journal.framing import frame, frames
from tracepulse.journal.segment import Segment
from tracepulse.receive.admission import Receipt, admit
from tracepulse.receive.limits import SERVER_LIMITS
from tracepulse.receive.signals import Signal
from tracepulse.store.edges.recent import RecentEnds
from tracepulse.store.engine import Engine
from tracepulse.store.load.inserts import Vocabularies, read_segment

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


def load_all(
    engine: Engine,
    segment: Segment,
    tables: Sequence[str] = (),
    recent: RecentEnds | None = None,
) -> None:
    """Load a segment as the loader does; or only into some of its tables."""
    data = segment.path.read_bytes()
    read = read_segment(data, list(frames(data)), segment.signal)
    everything = np.ones(len(read.keys.keys), np.bool_)
    for load in read.loads(segment.segment_id, everything, Vocabularies()):
        for insert in load.inserts:
            if not tables or insert.table in tables:
                assert insert.rows == engine.insert(insert.table, insert.columns, insert.build())
        if recent is not None:
            recent.add(read.decoded, load.data_set, load.spans)


def rows(engine: Engine, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows of a query; maps as dicts."""
    answer: list[dict[str, Any]] = engine.query(sql, parameters).to_pylist()
    return answer
