"""An engine that reads the telemetry of others, and can do nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import pyarrow as pa

from tracepulse.errors import EngineError, InternalError, Unavailable
from tracepulse.store.clickhouse import error_code
from tracepulse.store.engine import Engine, Parameter, QueryLimits
from tracepulse.store.in_place.readable import readable
from tracepulse.store.in_place.sources import Sources

__all__ = ["MAX_ROWS_READ", "InPlaceEngine"]

_CHANGED = (10, 16, 47, 60, 81, 497)
"""No such column, identifier, table or database, no right: after an ALTER, a DROP or a REVOKE."""
MAX_ROWS_READ = 1_000_000_000
"""Rows that one question may read of somebody else's table; past it, it is refused."""


class InPlaceEngine:
    """Puts their tables into our statements, and lets nothing but questions pass."""

    def __init__(self, inside: Engine, sources: Sources) -> None:
        """Ask `inside`; what to read is in `sources`."""
        self._inside = inside
        self._sources = sources
        self.name = f"{inside.name} (in place)"
        """What it is and where."""

    def expanded(self, sql: str) -> str:
        """Return a statement of ours as it is sent."""
        return self._sources.expand(sql)

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        """Answer a SELECT over tables of ours from theirs; see `Engine.query`."""
        cost = replace(limits or QueryLimits(), rows_read=MAX_ROWS_READ)
        try:
            return readable(self._inside.query(self.expanded(sql), parameters, cost))
        except EngineError as error:
            if error_code(error) in _CHANGED:
                raise Unavailable(
                    f"{self.name}: the tables are not as they were at the start, or may no longer"
                    f" be read ({error}); grant SELECT on them, or start again to look anew"
                ) from error
            raise

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> NoReturn:
        """Refuse: nothing is changed there."""
        raise InternalError("a statement that is not a question was meant for a database of others")

    def insert(
        self, table: str, columns: Sequence[str], block: Iterable[bytes | memoryview]
    ) -> NoReturn:
        """Refuse: nothing is written there."""
        raise InternalError("telemetry was to be written into a database of others")

    def table_engine(self, aggregating: bool = False) -> NoReturn:
        """Refuse: no table is made there."""
        raise InternalError("a table was to be made in a database of others")

    def close(self) -> None:
        """Let go of the connection."""
        self._inside.close()
