"""Details that go along with every event of a request, task or thread."""

from contextvars import ContextVar, Token
from typing import Any, Dict, Optional, Tuple

from debugqueue.snapshot import snapshot

__all__ = ["Binding", "bind", "bound"]

Bound = Tuple[Dict[str, Any], int]
"""The attributes and the bytes that they are reckoned to hold. Never changed: events point at it."""

_bound: "ContextVar[Optional[Bound]]" = ContextVar("debugqueue_bound", default=None)

bound = _bound.get
"""Return what is bound here, or None."""


class Binding:
    """What `bind` returns: as a context manager, it takes the binding back at the end."""

    def __init__(self, token: "Optional[Token[Optional[Bound]]]") -> None:
        self._token = token

    def __enter__(self) -> "Binding":
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def undo(self) -> None:
        """Take the binding back; harmless the second time, and in another context."""
        token, self._token = self._token, None
        if token is not None:
            try:
                _bound.reset(token)
            except (RuntimeError, ValueError):  # used, or made in another context
                pass


def bind(details: Dict[str, Any]) -> Binding:
    """Bind details to the events of the current context, in addition to what is bound."""
    around = _bound.get()
    copy = snapshot(details)
    if around is not None:
        copy = snapshot({**around[0], **copy.attributes})  # within the limits of one event
    return Binding(_bound.set((copy.attributes, copy.bytes)))
