"""The state database for those who may not need it."""

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracepulse.store.state.records import StateStore

__all__ = ["DeferredState"]


class DeferredState:
    """The state database, opened when it is first asked: the libraries for it take long to load."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: StateStore | None = None
        self._lock = threading.Lock()

    def store(self) -> "StateStore":
        """Return the open database; raises OperatorError when it cannot be used."""
        from tracepulse.store.state.records import StateStore

        with self._lock:
            self._opened = self._opened or StateStore(self._url)
            return self._opened

    def close(self) -> None:
        """Close it, if it was ever opened."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
