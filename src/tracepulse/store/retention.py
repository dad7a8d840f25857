"""Live telemetry that is past its time; data sets stay."""

import datetime

from tracepulse.store.engine import Engine
from tracepulse.store.load.tables import tables

__all__ = ["drop_expired"]

_DAY_NS = 86_400 * 1_000_000_000
_FIRST_DAY = 18_262
"""2020-01-01 in days since 1970."""


def drop_expired(engine: Engine, now_unix_ns: int, retention_days: int) -> tuple[str, ...]:
    """
    Drop whole days of live telemetry that were received before the retention began.

    What was "received" before 2020 came while the clock was wrong: nothing is known of its age, and it
    stays.

    Returns:
        What was dropped, as `table partition`.
    """
    oldest_day = (now_unix_ns - retention_days * _DAY_NS) // _DAY_NS
    dropped = []
    for table in (*tables("traces"), *tables("logs"), "log_shapes", *tables("metrics")):
        found = engine.query(
            "SELECT DISTINCT partition_id, partition FROM system.parts"
            " WHERE database = currentDatabase() AND table = {table:String} AND active"
            " ORDER BY partition",
            {"table": table},
        )
        for row in found.to_pylist():
            data_set, day = _parse(row["partition"])
            if data_set == "" and day is not None and _FIRST_DAY <= day < oldest_day:
                engine.execute(
                    f"ALTER TABLE {table} DROP PARTITION ID {{id:String}}",
                    {"id": row["partition_id"]},
                )
                dropped.append(f"{table} {row['partition']}")
    return tuple(dropped)


def _parse(partition: str) -> tuple[str, int | None]:
    """Read ('name','2026-11-22') or ('name',20779) as the data set and days since 1970."""
    name, _, day = partition.strip("()").rpartition(",")
    day = day.strip("'")
    if day.isdigit():
        return name.strip("'"), int(day)
    try:
        date = datetime.date.fromisoformat(day)
    except ValueError:
        return name.strip("'"), None
    return name.strip("'"), (date - datetime.date(1970, 1, 1)).days
