"""
Run the command line, and kill the process by SIGKILL at a named point.

`python killed_at.py POINT serve …`; the points are the keys of _POINTS.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tracepulse.cli import main
from tracepulse.journal.journal import Journal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.load.loader import Loader

# Class, method, whether before or after it.
_POINTS: dict[str, tuple[type[Any], str, bool]] = {
    "before-load": (ChdbEngine, "load", True),
    "after-load": (ChdbEngine, "load", False),
    "after-checkpoint": (Journal, "stored", False),
    "before-rebuild": (Loader, "_rebuild", True),
    "after-rebuild": (Loader, "_rebuild", False),
}


def _kill_at(owner: type[Any], method: str, before: bool) -> None:
    original: Callable[..., Any] = getattr(owner, method)

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        if not before:
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, method, stand_in)


if __name__ == "__main__":
    _kill_at(*_POINTS[sys.argv[1]])
    sys.argv[1:] = sys.argv[2:]
    main()
