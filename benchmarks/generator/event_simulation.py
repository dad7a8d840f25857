"""
A small simulation of events in time: processes that wait, queue for places, and wait for others.

A process is a generator. It yields what it waits for: `Wait`, `Take` or `Join`; a place that was
taken is given back by `Simulation.give_back`. Places are given in the order in which they were asked for.
"""

import heapq
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Join", "Places", "Process", "Simulation", "Take", "Wait"]


@dataclass(slots=True)
class Places:
    """Something of which there are so many: connections, workers, a lock."""

    name: str
    free: int
    waiting: deque["Process"] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    ns: int


@dataclass(frozen=True, slots=True)
class Take:
    """Wait until there is a free place, and take it."""

    places: Places


@dataclass(slots=True, eq=False)
class Process:
    """Something that goes on; `begun` is what it does."""

    begun: Generator["Wait | Take | Join", None, None]
    done: bool = False
    joined_by: list["Process"] = field(default_factory=list)
    waits_for: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """Wait until all of these are done."""

    processes: tuple[Process, ...]


class Simulation:
    """Runs processes; time is in ns from 0."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._events: list[tuple[int, int, Process]] = []
        self._number = 0

    def start(self, work: Generator[Any, None, None], at_ns: int | None = None) -> Process:
        """Let something go on beside all else, from an instant or from now."""
        process = Process(work)
        self._at(self.now_ns if at_ns is None else at_ns, process)
        return process

    def run(self) -> None:
        """Run until nothing is left to do."""
        while self._events:
            self.now_ns, _, process = heapq.heappop(self._events)
            self._go_on(process)

    def give_back(self, places: Places) -> None:
        """Free a place; who waits longest gets it at once."""
        if places.waiting:
            self._at(self.now_ns, places.waiting.popleft())
        else:
            places.free += 1

    def _at(self, at_ns: int, process: Process) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_ns, self._number, process))

    def _go_on(self, process: Process) -> None:
        while True:
            wanted = next(process.begun, None)
            match wanted:
                case None:
                    process.done = True
                    for other in process.joined_by:
                        other.waits_for -= 1
                        if not other.waits_for:
                            self._at(self.now_ns, other)
                    return
                case Wait(ns):
                    self._at(self.now_ns + ns, process)
                    return
                case Take(places):
                    if not places.free:
                        places.waiting.append(process)
                        return
                    places.free -= 1
                case Join(processes):
                    under_way = [each for each in processes if not each.done]
                    if under_way:
                        process.waits_for = len(under_way)
                        for each in under_way:
                            each.joined_by.append(process)
                        return
