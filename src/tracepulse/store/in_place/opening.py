"""From an address to telemetry that can be asked: connect, look what is there, and say so."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tracepulse.store.clickhouse import ClickHouseEngine
from tracepulse.store.in_place.detect import Tables, detect, named_tables
from tracepulse.store.in_place.engine import InPlaceEngine
from tracepulse.store.in_place.sources import Sources
from tracepulse.store.in_place.telemetry import InPlaceTelemetry

__all__ = ["InPlace", "open_in_place"]


@dataclass(frozen=True, slots=True)
class InPlace:
    """A database of others, as it was found at the start."""

    engine: InPlaceEngine
    telemetry: InPlaceTelemetry
    tables: Tables
    sets_limits: bool
    """False where its user may set none, so that only the server's own hold."""


def open_in_place(url: str, tables: Sequence[str], look_back_days: int) -> InPlace:
    """
    Open the database of a Collector's exporter, to read and no more.

    Args:
        url: http://user:password@host:8123/database.
        tables: the operator's names for them, `traces=spans`.
        look_back_days: how far back from the newest row a question looks that names no time.
    Raises:
        BadSetting: the address or a name cannot be used.
        Unavailable: nothing answers there, it refuses us, or the tables are not there.
    """
    named = named_tables(tables)
    with ExitStack() as unless_used:
        inside = ClickHouseEngine(url, read_only=True)
        unless_used.callback(inside.close)
        found = detect(inside, inside.database, named)
        unless_used.pop_all()
    sources = Sources(found, look_back_days)
    engine = InPlaceEngine(inside, sources)
    return InPlace(engine, InPlaceTelemetry(engine, sources), found, inside.sets_limits)
