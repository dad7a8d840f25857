"""The documents of a request, read by the compiled loops as far as they can."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tracepulse.receive.document_plans import DOCUMENTS, ELASTIC_INDEX
from tracepulse.receive.line_batches import Cells, run
from tracepulse.receive.log_writer import Resource
from tracepulse.receive.loops.columns import (
    AFTER_START,
    DONE,
    END,
    IDS,
    ITEM_COLUMNS,
    KNOWN,
    KNOWN_COLUMNS,
    LAYOUT_COLUMNS,
    READ_LATER,
    START,
)
from tracepulse.receive.sent_logs import Kept, SentLogs, place_of

__all__ = ["DocumentBatch", "Kind"]


class Kind(NamedTuple):
    """What documents have in common that is not in them."""

    space: int
    """Namespace of their keys."""
    index_name: str = ""


class DocumentBatch:
    """The documents of one request, after the loops have seen them."""

    def __init__(
        self,
        sender: str,
        data: bytes,
        places: Cells,
        kinds: Sequence[Kind],
        kind_of: Sequence[int] | None = None,
        after: Sequence[bytes] = (),
    ) -> None:
        """
        Have the loops read documents.

        Args:
            sender: what tells whose lines the messages are, together with their service.
            places: from and to of each document in `data`.
            kinds: the kinds there are; `kind_of` is that of each document, the first by default.
            after: further attributes of each as bytes; () where none has any.
        """
        items: Cells = np.zeros((len(places), ITEM_COLUMNS), np.int64)
        items[:, START : END + 1] = places
        items[:, IDS] = -1
        if kind_of is not None:
            items[:, KNOWN] = kind_of
        if after:
            ends = np.cumsum(np.fromiter(map(len, after), np.int64, len(after))) + len(data)
            items[:, AFTER_START + 1] = ends
            items[0, AFTER_START] = len(data)
            items[1:, AFTER_START] = ends[:-1]
            data = b"".join((data, *after))
        known: Cells = np.zeros((len(kinds), KNOWN_COLUMNS), np.int64)
        known[:, -1] = [kind.space for kind in kinds]
        layouts: Cells = np.zeros((1, LAYOUT_COLUMNS), np.int64)
        batch = run(data, items, known, layouts, DOCUMENTS)
        self._out = batch.out
        self._sender = sender
        self._rows: list[list[int]] = batch.items.tolist()
        self._places = [self._place(batch.plans[at >> 32], kinds[at & 0xFFFF_FFFF], values)
                        for at, values in batch.groups]  # fmt: skip

    @staticmethod
    def _place(plan, kind: Kind, values: bytes) -> tuple[Resource, str]:  # type: ignore[no-untyped-def]
        fields: dict[str, str] = {}
        at = 0
        for name in plan.place_names:
            size = int.from_bytes(values[at : at + 4], "little")
            fields[name] = values[at + 4 : at + 4 + size].decode()
            at += 4 + size
        if kind.index_name:
            fields[ELASTIC_INDEX] = kind.index_name
        return place_of(plan.fields, fields)

    def undone(self) -> list[int]:
        """Return which documents are left to Python."""
        return [at for at, row in enumerate(self._rows) if row[9] not in (DONE, READ_LATER)]

    def add(self, logs: SentLogs, at: int) -> bool:
        """Add the record of a document, or note the line that its message is; False if it is undone."""
        row = self._rows[at]
        status, start, end = row[9:12]
        if status == DONE:
            logs.writer.add_written(self._places[row[13]][0], self._out[start:end], 1)
            return True
        if status != READ_LATER:
            return False
        kept_start, kept_end, ids = row[14:]
        resource, service = self._places[row[13]]
        line = Kept(
            resource,
            service,
            self._out[start:end],
            row[3],
            self._out[kept_start:kept_end],
            self._out[ids : ids + 24],
        )
        logs.keep(f"{self._sender}/{service}", line)
        return True
