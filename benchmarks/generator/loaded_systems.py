"""
Requests through made-up systems under load, once as they are and once with one place slower.

    topology      where the slower place is
    serial        in a row with other calls
    parallel      at the same time as other calls
    nested        three or more calls below the root
    fan_out       one of many calls of which only a few are made at once
    queueing      in a service with few workers: calls wait to be taken up, before their server span
    pool          a query behind a pool of connections, or work with one in hand; waits are spans
    lock          a query behind a lock; waits show nowhere but as a gap in the caller
    background    beside work that goes on after the answer

Events are simulated one by one, so that whoever waits for a place waits for those who have it. Requests
of a second route go through the same places. The two runs have nothing in common but the system: every time
is drawn anew. Nothing here is known to the method under test but the spans and what is slower, by how much.
"""

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from benchmarks.generator.event_simulation import Join, Places, Process, Simulation, Take, Wait

from tracepulse.model.span import SpanColumns

__all__ = ["TOPOLOGIES", "LoadedPair", "Slower", "loaded_pair"]

TOPOLOGIES = (
    "serial",
    "parallel",
    "nested",
    "fan_out",
    "queueing",
    "pool",
    "lock",
    "background",
)
BEGIN_UNIX_NS = 1_750_000_000_000_000_000
MS = 1_000_000
OTHER_ROUTE_SHARE = 0.25

Steps = Generator[Any, None, None]


@dataclass(frozen=True, slots=True)
class Slower:
    """What is slower in the second run."""

    service: str
    operation: str
    """Name of its spans."""
    by_ns: int
    network: bool | None = None
    """Whether only calls that are answered by a span are meant, or only others; None for both."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPair:
    """One system, run twice."""

    topology: str
    route: str
    without: SpanColumns
    """As it is."""
    slowed: SpanColumns
    slower: Slower


@dataclass(slots=True)
class _Call:
    """A call, a query, or work that is left behind."""

    kind: str
    name: str
    median_ms: float = 1.0
    sigma: float = 0.3
    target: "_Operation | None" = None
    resource: str = ""
    behind: str = ""
    """Name of the places that are taken meanwhile."""
    shows_wait: bool = False
    share: float = 1.0


@dataclass(slots=True)
class _Operation:
    """Own work, then steps of calls, and work between them."""

    service: str
    name: str
    work_ms: float
    sigma: float
    steps: list[tuple[int, list[_Call]]] = field(default_factory=list)
    """How many are made at once (0: all), and the calls."""
    workers: str = ""
    """Name of the places of its service that it takes up while it works."""
    holds: str = ""
    """Name of a pool from which it takes a connection, and keeps it to its end."""


@dataclass(slots=True)
class _System:
    entry: _Operation
    other: _Operation
    places: dict[str, int]
    slower: Slower
    apart_ns: int


def loaded_pair(topology: str, seed: int, requests: int = 1_000) -> LoadedPair:
    """Return both runs of a system; the same arguments give the same bytes."""
    chooser = random.Random(f"{topology} {seed}")
    system = _system(topology, chooser)
    runs = [
        _Run(system, random.Random(f"{topology} {seed} {number}"), requests, slower).columns()
        for number, slower in enumerate((False, True))
    ]
    return LoadedPair(topology, system.entry.name, runs[0], runs[1], system.slower)


class _Maker:
    """Draws operations; every one has a name of its own."""

    def __init__(self, chooser: random.Random) -> None:
        self.chooser = chooser
        self.count = 0

    def operation(self, queries: int = 1, service: str = "") -> _Operation:
        """Return an operation that makes so many queries in a row."""
        self.count += 1
        drawn = self.chooser
        made = _Operation(
            service or f"svc-{self.count}",
            f"{drawn.choice(['GET', 'POST'])} /r{self.count}",
            drawn.uniform(1.0, 6.0),
            drawn.uniform(0.15, 0.5),
        )
        made.steps = [(0, [self.query()]) for _ in range(queries)]
        return made

    def query(self) -> _Call:
        """Return a query to a database."""
        self.count += 1
        drawn = self.chooser
        return _Call(
            "query",
            f"SELECT t{self.count}",
            drawn.uniform(0.8, 5.0),
            drawn.uniform(0.2, 0.5),
            resource=f"db-{drawn.randint(1, 3)}",
            share=drawn.choice([1.0, 1.0, 0.7]),
        )

    def call(self, target: _Operation, share: float = 1.0) -> _Call:
        """Return a call of an operation."""
        return _Call("call", f"call {target.name}", target=target, share=share)


def _system(topology: str, chooser: random.Random) -> _System:
    make = _Maker(chooser)
    entry, other = make.operation(0, "front"), make.operation(1, "front")
    entry.steps = [(0, [make.call(make.operation(chooser.randint(0, 2)))]) for _ in range(2)]
    places: dict[str, int] = {}
    target = make.operation(1)
    slow_name, slow_service = target.name, target.service
    usual_ms = target.work_ms
    held_ms = 0.0
    match topology:
        case "serial":
            entry.steps.insert(chooser.randint(0, 2), (0, [make.call(target)]))
        case "parallel":
            beside = [make.call(make.operation(chooser.randint(0, 2))) for _ in range(2)]
            entry.steps.append((0, [make.call(target), *beside]))
        case "nested":
            inner = target
            for _ in range(3):
                outer = make.operation(1)
                outer.steps.insert(chooser.randint(0, 1), (0, [make.call(inner)]))
                inner = outer
            entry.steps.append((0, [make.call(inner)]))
        case "fan_out":
            calls = [make.call(target) for _ in range(chooser.randint(5, 9))]
            entry.steps.append((chooser.randint(2, 3), calls))
        case "queueing":
            places["workers"] = chooser.randint(1, 3)
            target.workers = "workers"
            near = make.operation(0, target.service)
            near.workers = "workers"
            entry.steps.append((0, [make.call(target)]))
            other.steps.append((0, [make.call(near)]))
            held_ms = target.work_ms + 4.0
        case "pool":
            places["pool"] = chooser.randint(1, 4)
            entry.steps.append((0, [make.call(target)]))
            near = make.operation(1)
            other.steps.append((0, [make.call(near)]))
            if chooser.random() < 0.5:
                target.holds = near.holds = "pool"
                held_ms = target.work_ms + 4.0
            else:
                query = target.steps[0][1][0]
                for each in (query, near.steps[0][1][0]):
                    each.behind, each.shows_wait, each.share = "pool", True, 1.0
                slow_name, usual_ms, held_ms = query.name, query.median_ms, query.median_ms
        case "lock":
            places["lock"] = 1
            query = target.steps[0][1][0]
            elsewhere = make.query()
            other.steps.append((0, [_at(make, target.service, elsewhere)]))
            for each in (query, elsewhere):
                each.behind, each.share, each.resource = "lock", 1.0, "db-1"
            entry.steps.append((0, [make.call(target)]))
            slow_name, usual_ms, held_ms = query.name, query.median_ms, query.median_ms
        case "background":
            left = _Call("background", "refresh cache", chooser.uniform(10.0, 60.0))
            entry.steps.append((0, [make.call(target), left]))
    delay_ms = usual_ms * chooser.uniform(0.7, 3.0) + 2.0
    apart_ms = 20.0
    if held_ms:
        use = chooser.uniform(0.55, 0.85)
        apart_ms = (held_ms + delay_ms) / next(iter(places.values())) / use
    slower = Slower(slow_service, slow_name, int(delay_ms * MS))
    return _System(entry, other, places, slower, int(apart_ms * MS))


def _at(make: _Maker, service: str, query: _Call) -> _Call:
    """Return a call of another operation of a service that makes one query."""
    operation = make.operation(0, service)
    operation.steps = [(0, [query])]
    return make.call(operation)


class _Run:
    """One run of a system under load."""

    def __init__(self, system: _System, chance: random.Random, requests: int, slowed: bool) -> None:
        self._system, self._chance = system, chance
        self._slower = system.slower if slowed else None
        self._simulation = Simulation()
        self._places = {name: Places(name, count) for name, count in system.places.items()}
        self._rows: list[tuple[Any, ...]] = []
        self._trace = 0
        at_ns = 0
        for _ in range(requests):
            at_ns += int(chance.expovariate(1.0) * system.apart_ns)
            is_other = chance.random() < OTHER_ROUTE_SHARE
            entry = system.other if is_other else system.entry
            self._trace += 1
            self._simulation.start(self._serve(entry, self._trace, 0), at_ns)
        self._simulation.run()

    def _length(self, median_ms: float, sigma: float) -> int:
        return int(median_ms * MS * self._chance.lognormvariate(0.0, sigma))

    def _extra(self, service: str, name: str) -> int:
        slower = self._slower
        if slower is None or (slower.service, slower.operation) != (service, name):
            return 0
        return int(slower.by_ns * self._chance.uniform(0.95, 1.05))

    def _handed_over(self) -> Wait:
        return Wait(int(self._chance.uniform(0.005, 0.1) * MS))

    def _open(self) -> tuple[int, int]:
        """Return a new span's id and start."""
        self._rows.append(())
        return len(self._rows), self._simulation.now_ns

    def _close(
        self,
        span: tuple[int, int],
        trace: int,
        parent: int,
        service: str,
        name: str,
        kind: str,
        resource: str = "",
    ) -> None:
        number, start = span
        length = self._simulation.now_ns - start
        self._rows[number - 1] = (
            trace, number, parent, service, name, kind, start, length, resource
        )  # fmt: skip

    def _serve(self, operation: _Operation, trace: int, parent: int) -> Steps:
        """Answer one request, once a worker is free."""
        if operation.workers:
            yield Take(self._places[operation.workers])
            yield self._handed_over()
        span = self._open()
        work = self._length(operation.work_ms, operation.sigma)
        part = work // (len(operation.steps) + 1)
        if operation.holds:
            yield from self._acquire(operation.holds, operation.service, trace, span[0])
        yield Wait(part + self._extra(operation.service, operation.name))
        for at_once, calls in operation.steps:
            yield from self._step(at_once, calls, operation, trace, span[0])
            yield Wait(part)
        if operation.holds:
            self._simulation.give_back(self._places[operation.holds])
            yield Wait(int(0.05 * MS))
        self._close(span, trace, parent, operation.service, operation.name, "Server")
        if operation.workers:
            self._simulation.give_back(self._places[operation.workers])

    def _acquire(self, places: str, service: str, trace: int, parent: int) -> Steps:
        waiting = self._open()
        yield Wait(int(0.02 * MS))
        yield Take(self._places[places])
        yield self._handed_over()
        self._close(waiting, trace, parent, service, f"{places} acquire", "Internal")

    def _step(
        self, at_once: int, calls: list[_Call], caller: _Operation, trace: int, parent: int
    ) -> Steps:
        made = [each for each in calls if self._chance.random() < each.share]
        limit = Places("step", at_once or len(calls))
        begun: list[Process] = []
        for each in made:
            work = self._make(each, caller, trace, parent, limit)
            process = self._simulation.start(work)
            if each.kind != "background":
                begun.append(process)
        yield Join(tuple(begun))

    def _make(
        self, call: _Call, caller: _Operation, trace: int, parent: int, limit: Places
    ) -> Steps:
        yield Take(limit)
        yield Wait(int(self._chance.uniform(0.005, 0.05) * MS))
        if call.kind == "query":
            yield from self._query(call, caller, trace, parent)
        else:
            span = self._open()
            if call.target is not None:
                yield Wait(self._length(0.3, 0.3))
                yield from self._serve(call.target, trace, span[0])
                yield Wait(self._length(0.3, 0.3))
            else:
                yield Wait(self._length(call.median_ms, call.sigma))
            kind = "Internal" if call.target is None else "Client"
            self._close(span, trace, parent, caller.service, call.name, kind)
        self._simulation.give_back(limit)

    def _query(self, call: _Call, caller: _Operation, trace: int, parent: int) -> Steps:
        if call.behind and call.shows_wait:
            yield from self._acquire(call.behind, caller.service, trace, parent)
        elif call.behind:
            yield Take(self._places[call.behind])
            yield self._handed_over()
        span = self._open()
        extra = self._extra(caller.service, call.name)
        yield Wait(self._length(call.median_ms, call.sigma) + extra)
        self._close(span, trace, parent, caller.service, call.name, "Client", call.resource)
        if call.behind:
            self._simulation.give_back(self._places[call.behind])

    def columns(self) -> SpanColumns:
        """Return every span that was closed, in the order of its id."""
        rows = [row for row in self._rows if row]
        trace, number, parent, service, name, kind, start, length, resource = zip(
            *rows, strict=True
        )
        texts: dict[str, Any] = {
            "trace_id": [f"{each:032x}" for each in trace],
            "span_id": [f"{each:016x}" for each in number],
            "parent_span_id": [f"{each:016x}" if each else "" for each in parent],
            "service": service,
            "name": name,
            "kind": kind,
            "status_code": ["Unset"] * len(rows),
            "status_message": [""] * len(rows),
        }
        queried: dict[str, Mapping[str, str]] = {
            each: {"db.system.name": "postgresql", "server.address": each} if each else {}
            for each in sorted(set(resource))
        }
        origins: dict[str, Mapping[str, str]] = {
            each: {"service.name": each, "host.name": f"host-{each}"} for each in set(service)
        }
        texts = {key: np.array(values, dtype=object) for key, values in texts.items()}
        return SpanColumns(
            **texts,
            start_unix_ns=np.array(start, np.int64) + BEGIN_UNIX_NS,
            duration_ns=np.array(length, np.int64),
            attributes=tuple(queried[each] for each in resource),
            resource=tuple(origins[each] for each in service),
            linked_span_ids=(),
        )
