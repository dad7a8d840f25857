"""
Requests through made-up systems of services, with one place that was slowed on purpose, or none.

    shape          what is slowed
    serial         an operation that its caller calls in a row with others
    parallel       an operation that its caller calls at the same time as others
    nested         an operation three or more calls below the root
    shared         a database that several operations ask, for all of them
    intermittent   an operation or a database, in a part of the requests of one and the same time
    nothing        nothing

In all but the last two the slowing begins at an instant. Own times are log-normal, some calls are
made in a part of the requests only, some are made at once, work goes on after some answers, some
hosts have their clock off by up to 3 ms, and in some systems up to 1% of the spans are lost. The
same seed gives the same bytes. What the method under test may see is `columns` and, where there is
one, `changed_unix_ns`.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracepulse.model.span import SpanColumns

__all__ = ["SHAPES", "SlowCase", "Truth", "slow_case"]

SHAPES = ("serial", "parallel", "nested", "shared", "intermittent", "nothing")
REQUESTS = 400
"""In each of the two times; all of them in one where nothing changes at an instant."""
BEGIN_UNIX_NS = 1_750_000_000_000_000_000
LEAST_SLOWDOWN = 0.08
"""Of the mean of requests that are slowed: less is hidden by what goes on at the same time."""
MS = 1_000_000

Times = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Truth:
    """What was slowed."""

    service: str
    operation: str
    """'' for a resource, whoever asks it."""
    resource: str
    """'' for an operation."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowCase:
    """One system under load, and what is to be found."""

    shape: str
    columns: SpanColumns
    changed_unix_ns: int | None
    """Requests from here on are the later cohort; None where all are of one time."""
    truth: Truth | None
    requests: int


@dataclass(slots=True)
class _Call:
    """One call that an operation makes, or a query, or a message."""

    kind: str
    target: "_Operation | None" = None
    resource: str = ""
    statement: str = ""
    share: float = 1.0
    """Of the requests that make it."""
    length_ms: float = 1.0
    """Of a query."""


@dataclass(slots=True)
class _Operation:
    """One operation of a service: own work, then steps of calls made together, and work between."""

    service: str
    name: str
    work_ms: float
    sigma: float
    depth: int
    steps: list[list[_Call]] = field(default_factory=list)


@dataclass(slots=True)
class _System:
    """Everything of one made-up system."""

    root: _Operation
    operations: list[_Operation]
    resources: list[str]
    skew_ns: Mapping[str, int]
    loss: float


def slow_case(shape: str, seed: int, requests: int = REQUESTS) -> SlowCase:
    """
    Return the spans of a made-up system and what was slowed in it.

    Args:
        shape: one of SHAPES.
        seed: decides the system, its load and what is slowed.
        requests: in each of the two times.
    """
    chooser = random.Random(f"{shape} {seed}")
    while True:
        system = _system(chooser)
        culprits = _culprits(system, shape)
        if culprits or shape == "nothing":
            break
    noise = np.random.default_rng(chooser.getrandbits(63))
    changes = shape not in ("intermittent", "nothing") or (shape == "nothing" and seed % 2 == 0)
    truth = chooser.choice(culprits) if culprits else None
    both = 2 * requests
    run = _Run(system, both, noise)
    usual_ns = float(np.median(run.root_length_ns()))
    if truth is not None:
        later = np.arange(both) >= requests
        chosen = noise.random(both) < chooser.uniform(0.08, 0.25)
        slowed = chosen if shape == "intermittent" else later
        least, most = (0.6, 2.0) if shape == "intermittent" else (0.15, 1.0)
        delay_ns = chooser.uniform(least, most) * usual_ns
        run = _Run(system, both, noise, truth, slowed, delay_ns)
        while run.slowdown() < LEAST_SLOWDOWN:  # hidden by what goes on beside it
            delay_ns *= 1.5
            run = _Run(system, both, noise, truth, slowed, delay_ns)
    columns = run.columns(noise)
    changed = BEGIN_UNIX_NS + requests * _apart_ns() if changes else None
    return SlowCase(shape, columns, changed, truth, both)


def _apart_ns() -> int:
    """Return how far requests are apart."""
    return 500 * MS


def _system(chooser: random.Random) -> _System:
    services = [f"svc-{letter}" for letter in "abcdefghijkl"[: chooser.randint(4, 12)]]
    resources = [f"db-{number}" for number in range(chooser.randint(1, 3))]
    operations: list[_Operation] = []
    root = _grown(chooser, services, resources, operations, 0)
    skew = {
        name: chooser.randint(-3 * MS, 3 * MS) if chooser.random() < 0.2 else 0 for name in services
    }
    skew[root.service] = 0
    return _System(root, operations, resources, skew, chooser.choice([0.0, 0.0, 0.003, 0.01]))


def _grown(
    chooser: random.Random,
    services: list[str],
    resources: list[str],
    operations: list[_Operation],
    depth: int,
) -> _Operation:
    service = services[0] if depth == 0 else chooser.choice(services[1:])
    name = f"{chooser.choice(['GET', 'POST'])} /r{len(operations)}"
    work = chooser.lognormvariate(0.5, 0.7)
    operation = _Operation(service, name, work, chooser.uniform(0.15, 0.5), depth)
    operations.append(operation)
    deepest = 5
    for _ in range(chooser.randint(1, 3) if depth < deepest else 0):
        together = chooser.choice([1, 1, 1, 2, 3])
        step = []
        for _ in range(together):
            step.append(_call(chooser, services, resources, operations, depth))
        operation.steps.append(step)
    if not operation.steps and chooser.random() < 0.7:
        operation.steps.append([_query(chooser, resources)])
    return operation


def _query(chooser: random.Random, resources: list[str]) -> _Call:
    table = chooser.choice(["orders", "items", "users", "carts"])
    verb = chooser.choice(["SELECT", "UPDATE"])
    return _Call(
        "query",
        resource=chooser.choice(resources),
        statement=f"{verb} {table}",
        share=chooser.choice([1.0, 1.0, 0.7]),
        length_ms=chooser.lognormvariate(0.2, 0.6),
    )


def _call(
    chooser: random.Random,
    services: list[str],
    resources: list[str],
    operations: list[_Operation],
    depth: int,
) -> _Call:
    drawn = chooser.random()
    if drawn < 0.35 or len(operations) > 14:
        return _query(chooser, resources)
    if drawn < 0.42:
        return _Call("background", length_ms=chooser.uniform(5, 40), statement="refresh cache")
    target = _grown(chooser, services, resources, operations, depth + 1)
    if drawn < 0.47:
        return _Call("message", target)
    return _Call("call", target, share=chooser.choice([1.0, 1.0, 1.0, 0.6, 0.85]))


def _culprits(system: _System, shape: str) -> list[Truth]:
    """Return what may be slowed: waited for in at least a third of the requests."""
    found: list[Truth] = []
    callers: dict[str, set[tuple[str, str]]] = {}
    for operation, step, call, share in _waited_calls(system.root, 1.0):
        if call.kind == "query":
            callers.setdefault(call.resource, set()).add((operation.service, operation.name))
        if call.target is None or share < 0.35:
            continue
        target = Truth(call.target.service, call.target.name, "")
        fits = {
            "serial": len(step) == 1,
            "parallel": len(step) > 1,
            "nested": call.target.depth >= 3,
            "intermittent": True,
        }
        if fits.get(shape, False):
            found.append(target)
    if shape in ("shared", "intermittent"):
        found += [Truth("", "", name) for name, by in sorted(callers.items()) if len(by) > 1]
    return found


def _waited_calls(
    operation: _Operation, share: float
) -> Iterator[tuple[_Operation, list[_Call], _Call, float]]:
    for step in operation.steps:
        for call in step:
            if call.kind in ("message", "background"):
                continue
            yield operation, step, call, share * call.share
            if call.target is not None:
                yield from _waited_calls(call.target, share * call.share)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """One place in the tree of calls, with its span in every request that has it."""

    place: int
    parent: int
    service: str
    name: str
    kind: str
    start: Times
    end: Times
    there: Mask
    attributes: Mapping[str, str]


class _Run:
    """Requests through a system, all of them at once: every time is an array, one cell a request."""

    def __init__(
        self,
        system: _System,
        requests: int,
        noise: np.random.Generator,
        truth: Truth | None = None,
        slowed: Mask | None = None,
        delay_ns: float = 0.0,
    ) -> None:
        self._system, self._requests, self._noise = system, requests, noise
        self._truth, self._delay_ns = truth, delay_ns
        self._slowed = np.zeros(requests, np.bool_) if slowed is None else slowed
        self.drawn: list[_Drawn] = []
        everywhere = np.ones(requests, np.bool_)
        self._serve(system.root, -1, np.zeros(requests), everywhere)

    def root_length_ns(self) -> Times:
        """Return how long each request took."""
        root = next(each for each in self.drawn if each.parent == -1)
        return root.end - root.start

    def slowdown(self) -> float:
        """Return by what share of the others' mean slowed requests take longer in the mean."""
        length = self.root_length_ns()
        slowed, usual = length[self._slowed].mean(), length[~self._slowed].mean()
        return float(slowed / usual - 1.0)

    def _random_ns(self, median_ms: float, sigma: float) -> Times:
        drawn: Times = median_ms * MS * np.exp(sigma * self._noise.standard_normal(self._requests))
        return drawn

    def _extra_ns(self, service: str, operation: str, resource: str) -> Times:
        if self._truth != Truth(service, operation, resource):
            return np.zeros(self._requests)
        spread = self._noise.uniform(0.7, 1.3, self._requests)
        extra: Times = np.where(self._slowed, self._delay_ns * spread, 0.0)
        return extra

    def _serve(self, operation: _Operation, parent: int, start: Times, there: Mask) -> Times:
        """Let an operation answer requests that come in at `start`; returns when it has."""
        place = len(self.drawn)
        kind = "Server"
        self.drawn.append(_Drawn(place, parent, "", "", kind, start, start, there, {}))
        work = self._random_ns(operation.work_ms, operation.sigma)
        work = work + self._extra_ns(operation.service, operation.name, "")
        parts = len(operation.steps) + 1
        now = start + work / parts
        for step in operation.steps:
            ends = [now]
            for call in step:
                ends.append(self._make(call, operation, place, now, there))
            now = np.maximum.reduce(ends) + work / parts
        self.drawn[place] = _Drawn(
            place, parent, operation.service, operation.name, kind, start, now, there, {}
        )
        return now

    def _make(
        self, call: _Call, caller: _Operation, parent: int, start: Times, there: Mask
    ) -> Times:
        """Make a call; returns when the caller goes on."""
        made = there & (self._noise.random(self._requests) < call.share)
        place = len(self.drawn)
        start = start + self._noise.uniform(0.005, 0.05, self._requests) * MS
        if call.kind == "background":
            end = start + self._random_ns(call.length_ms, 0.3)
            name = call.statement
            self._add(place, parent, caller.service, name, "Internal", start, end, made, {})
            return start
        if call.kind == "query":
            length = self._random_ns(call.length_ms, 0.3)
            end = start + length + self._extra_ns("", "", call.resource)
            said = {"db.system.name": "postgresql", "server.address": call.resource}
            self._add(
                place, parent, caller.service, call.statement, "Client", start, end, made, said
            )
            return np.where(made, end, start)
        assert call.target is not None
        way, back = (self._random_ns(0.3, 0.3) for _ in range(2))
        producer = call.kind == "message"
        kind = "Producer" if producer else "Client"
        self._add(place, parent, caller.service, "", kind, start, start, made, {})
        if producer:
            begun = start + self._random_ns(3.0, 0.5)
            self._serve(call.target, place, begun, made)
            served = self.drawn[place + 1]
            self.drawn[place + 1] = replace(served, kind="Consumer")
            end = start + way
        else:
            end = self._serve(call.target, place, start + way, made) + back
        name = f"{'send' if producer else 'call'} {call.target.name}"
        self.drawn[place] = _Drawn(place, parent, caller.service, name, kind, start, end, made, {})
        return np.where(made, end, start)

    def _add(
        self,
        place: int,
        parent: int,
        service: str,
        name: str,
        kind: str,
        start: Times,
        end: Times,
        there: Mask,
        attributes: Mapping[str, str],
    ) -> None:
        self.drawn.append(_Drawn(place, parent, service, name, kind, start, end, there, attributes))

    def columns(self, noise: np.random.Generator) -> SpanColumns:
        """Return every span, by place in the tree, then by request."""
        requests, places = self._requests, len(self.drawn)
        ids = noise.permutation(requests * places).reshape(places, requests) + 1
        begun = BEGIN_UNIX_NS + np.arange(requests, dtype=np.int64) * _apart_ns()
        parts: dict[str, list[object]] = {name: [] for name in _TEXTS}
        starts, lengths = [], []
        attributes: list[Mapping[str, str]] = []
        resource: list[Mapping[str, str]] = []
        of = {
            name: {"service.name": name, "host.name": f"host-{name}"}
            for name in self._system.skew_ns
        }
        for each in self.drawn:
            lost = noise.random(requests) < (self._system.loss if each.parent >= 0 else 0.0)
            rows = np.flatnonzero(each.there & ~lost)
            skew = self._system.skew_ns[each.service]
            starts.append(begun[rows] + each.start[rows].astype(np.int64) + skew)
            lengths.append((each.end[rows] - each.start[rows]).astype(np.int64))
            parts["trace_id"] += [f"{row + 1:032x}" for row in rows]
            parts["span_id"] += [f"{number:016x}" for number in ids[each.place][rows]]
            parents = ids[each.parent][rows] if each.parent >= 0 else []
            parts["parent_span_id"] += [f"{number:016x}" for number in parents] or [""] * len(rows)
            for name, value in (
                ("service", each.service),
                ("name", each.name),
                ("kind", each.kind),
                ("status_code", "Unset"),
                ("status_message", ""),
            ):
                parts[name] += [value] * len(rows)
            attributes += [each.attributes] * len(rows)
            resource += [of[each.service]] * len(rows)
        texts: dict[str, Any] = {
            name: np.array(values, dtype=object) for name, values in parts.items()
        }
        return SpanColumns(
            **texts,
            start_unix_ns=np.concatenate(starts),
            duration_ns=np.concatenate(lengths),
            attributes=tuple(attributes),
            resource=tuple(resource),
            linked_span_ids=(),
        )


_TEXTS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "service",
    "name",
    "kind",
    "status_code",
    "status_message",
)
