"""The seam between TracePulse and ClickHouse, embedded or as a server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

__all__ = ["NO_ROOM", "Engine", "Parameter", "QueryLimits", "encode_parameter"]

NO_ROOM = (
    "NOT_ENOUGH_SPACE",
    "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    "CANNOT_CREATE_FILE",
    "TOO_MANY_PARTS",
    "TOO_MANY_SIMULTANEOUS_QUERIES",
    "TABLE_IS_READ_ONLY",
)
"""The engine's names for what passes: a statement refused so is tried again, not set aside."""
Parameter = str | int | float | bool | Sequence[str] | Sequence[int]


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def encode_parameter(value: Parameter) -> str:
    """Return a value as ClickHouse reads query parameters: escaped, and quoted inside arrays."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return "[" + ",".join(_quoted(each) for each in value) + "]"


def _quoted(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "'" + value.translate(_ESCAPES).replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one question may cost; past it the engine stops and the asker is told."""

    time_s: float = 15.0
    memory_bytes: int = 512 * 1024 * 1024
    rows: int = 2_000_000
    rows_read: int = 0
    """Rows that may be read for it; 0 is no limit."""


class Engine(Protocol):
    """Runs statements of ours; never one that was written outside TracePulse."""

    @property
    def name(self) -> str:
        """What it is and where, without secrets."""

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        """
        Answer a SELECT; values only ever go in as parameters, `{name:Type}` in the text.

        Raises:
            BadQuestion: it took too long or too much memory.
            Overloaded: the engine has no room at the moment.
            EngineError: the engine refused it.
        """

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing; raises as `query`."""

    def insert(
        self, table: str, columns: Sequence[str], block: Iterable[bytes | memoryview]
    ) -> int:
        """
        Insert a block of rows, which becomes one part of the table or none.

        Args:
            columns: names of the block's columns, in its order.
            block: in ClickHouse's `Native` format; all rows of one partition.
        Returns:
            How many rows were written.
        Raises:
            EngineError: it was refused.
            BadQuestion, Overloaded, Unavailable: it may pass later; it may have been written.
        """

    def table_engine(self, aggregating: bool = False) -> str:
        """Return the ENGINE clause for a table."""

    def close(self) -> None:
        """Let go of files and connections."""
