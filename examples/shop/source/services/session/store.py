"""Sessions, kept in a table so that a restart loses none."""

import secrets
import time
from dataclasses import dataclass

from ..runtime.database import Database
from ..runtime.logs import log

SESSION_TTL_S = 30 * 60

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    created_at REAL NOT NULL
);
"""


class UnknownSessionError(Exception):
    """There is no such session."""


class ExpiredSessionError(Exception):
    """The session was too old."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one customer."""

    id: str
    user: str
    age_s: float


class SessionStore:
    """Opens, finds and closes sessions."""

    def __init__(self) -> None:
        self._database = Database("session", SCHEMA)

    def open(self, user: str) -> str:
        """Start a session and return its id."""
        session_id = secrets.token_hex(8)
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO sessions (id, user, created_at) VALUES (?, ?, ?)",
                (session_id, user, time.time()),
            )
        return session_id

    def get(self, session_id: str) -> Session:
        """Return a live session; one that is too old is dropped."""
        with self._database.transaction() as cursor:
            cursor.execute("SELECT user, created_at FROM sessions WHERE id = ?", (session_id,))
            row = cursor.fetchone()
        if row is None:
            raise UnknownSessionError(session_id)
        session = Session(session_id, row[0], time.time() - row[1])
        if session.age_s > SESSION_TTL_S:
            self.close(session_id)
            log.warning("SESSION_DROP session %s expired after %d s", session_id, session.age_s)
            raise ExpiredSessionError(session_id)
        return session

    def close(self, session_id: str) -> None:
        """Forget a session; forgetting it twice is fine."""
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
