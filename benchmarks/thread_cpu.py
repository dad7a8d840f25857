"""Which threads of a process take its processor time, by the names that they give themselves."""

import re
import threading
from collections import Counter
from pathlib import Path

__all__ = ["ThreadWatch"]

_EVERY_S = 0.1
_NUMBER = re.compile(r"[-_:]?\d+$")


class ThreadWatch:
    """
    Adds up the time of each thread under the name that it has at the time.

    Pools of the engine rename their threads with each job, so names are read ten times a second;
    what a thread did between the last look and its end is in no name.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._known: dict[str, int] = {}
        self._seen_ns: Counter[str] = Counter()

    def _look(self) -> None:
        for task in self._tasks.iterdir():
            try:
                name = (task / "comm").read_text().strip()
                spent_ns = int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue  # it ended meanwhile
            before_ns = self._known.get(task.name, 0)
            self._known[task.name] = spent_ns
            # A number that was used again by a new thread starts from nothing.
            step_ns = spent_ns - before_ns if spent_ns >= before_ns else spent_ns
            self._seen_ns[_NUMBER.sub("", name)] += step_ns

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._look()

    def __enter__(self) -> "ThreadWatch":
        self._look()
        self._seen_ns.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def seconds(self) -> dict[str, float]:
        """Return processor seconds by name, most first."""
        return {name: spent / 1e9 for name, spent in self._seen_ns.most_common() if spent}
