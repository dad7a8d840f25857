"""The API keys, read without SQLAlchemy: a start needs nothing else of the state at once."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tracepulse.receive.access import ApiKey, Scope

__all__ = ["VERSION", "keys_at_start"]

VERSION = "0002"
"""The newest migration; a database that has it needs nothing done."""


def keys_at_start(database: Path) -> tuple[ApiKey, ...] | None:
    """
    Return the keys in force of a SQLite state database, by id.

    None where the file is not there, is of another version or cannot be read: then whoever asks must
    open it in the ordinary way, which mends or explains that.
    """
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=5)) as opened:
            if opened.execute("SELECT version_num FROM alembic_version").fetchall() != [(VERSION,)]:
                return None
            rows = opened.execute(
                "SELECT key_id, name, scope, hashed FROM api_key"
                " WHERE revoked_unix_ns IS NULL ORDER BY key_id"
            ).fetchall()
        return tuple(ApiKey(row[0], row[1], Scope(row[2]), row[3]) for row in rows)
    except (sqlite3.Error, ValueError):
        return None
