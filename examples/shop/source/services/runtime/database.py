"""A SQLite file that the threads of one service share."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class Database:
    """One connection; each use is a transaction."""

    def __init__(self, name: str, schema: str) -> None:
        path = Path(os.environ["DATA_DIR"]) / f"{name}.db"
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=5.0, check_same_thread=False)
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor; commit at the end, roll back on an error."""
        with self._lock, closing(self._connection.cursor()) as cursor:
            try:
                yield cursor
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()
