"""How many bytes the stored records take once their parts are merged, after the server ended."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

__all__ = ["StoredSize", "stored_size"]

_PARTS = """
SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts
FROM system.parts WHERE active AND database != 'system' GROUP BY table
"""
_TABLES = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')
"""
_COLUMNS = """
SELECT table, column, sum(column_bytes_on_disk) AS bytes
FROM system.parts_columns WHERE active AND database != 'system' GROUP BY table, column
"""


@dataclass(frozen=True, slots=True)
class StoredSize:
    """Active parts of every table, marks and indexes included."""

    rows: dict[str, int]
    """By table."""
    table_bytes: dict[str, int]
    column_bytes: dict[str, dict[str, int]]
    """By table and column, without indexes."""
    parts: dict[str, int]

    def per_row(self, table: str, *roll_ups: str) -> float:
        """Return bytes of a row of the table, with its share of its roll-ups."""
        total = sum(self.table_bytes.get(each, 0) for each in (table, *roll_ups))
        return total / max(1, self.rows.get(table, 0))


def stored_size(engine_folder: Path) -> StoredSize:
    """Open the folder, which no server may hold now, and sum up its parts."""
    connection = chdb.connect(str(engine_folder))  # type: ignore[no-untyped-call]
    try:

        def rows(sql: str) -> list[dict[str, Any]]:
            text = str(connection.query(sql, "JSONEachRow"))
            return [json.loads(line) for line in text.splitlines() if line]

        # As after some hours: fresh parts are compact, of which the engine knows no sizes by column.
        for row in rows(_TABLES):
            connection.query(f"OPTIMIZE TABLE `{row['name']}` FINAL")
        parts, columns = rows(_PARTS), rows(_COLUMNS)
    finally:
        connection.close()
    by_table: dict[str, dict[str, int]] = {}
    for row in columns:
        by_table.setdefault(row["table"], {})[row["column"]] = int(row["bytes"])
    return StoredSize(
        rows={row["table"]: int(row["rows"]) for row in parts},
        table_bytes={row["table"]: int(row["bytes"]) for row in parts},
        column_bytes=by_table,
        parts={row["table"]: int(row["parts"]) for row in parts},
    )
