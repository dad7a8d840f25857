"""
Sets of keys that lines and documents have, and what each key of a set becomes: tables for the compiled loops.

The loops tell an object by its keys in their order. One whose keys are not in the tables is left to
Python, which adds them; the next object of the same keys is then read without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.field_plans import FieldPlan, object_plan
from tracepulse.receive.log_fields import has_log_fields
from tracepulse.receive.loops.columns import PAIRS, ROW_COLUMNS
from tracepulse.receive.otlp_bytes import key_bytes

__all__ = [
    "LINES",
    "KeyShapes",
    "ObjectPlan",
    "Path",
    "Planner",
    "flat_names",
    "object_fields",
    "paths_of",
]

Path = tuple[str, ...]
"""Where a value stands in an object."""

_SLOTS = 4096
_ROWS = 2000
_PLAN_CELLS = 3 * 60_000
_POOL_BYTES = 4 * 1024 * 1024
"""When any of them is full, all is forgotten and learnt again: that bounds what odd senders take."""
_MOST_NEW = 64
"""Sets of keys learnt from one request."""
_VALUE_BYTES = 24
"""What an attribute takes beside its key and its value, at most."""
_FLATTENED_LEVELS = 4
_PREFIX_CHARACTERS = 256


@dataclass(slots=True)
class ObjectPlan:
    """What becomes of the values of an object, which are numbered in their order; -1 for none."""

    attributes: list[tuple[int, str]] = field(default_factory=list)
    """Value and name of each attribute, in the order in which a record has them."""
    stamp: int = -1
    """The time that the protocol gives; it must be an instant."""
    text: int = -1
    """A text that is read as a line."""
    message: int = -1
    later: bool = False
    """A message without a level beside it is read as a line."""
    places: tuple[int, ...] = ()
    """Texts that say where the record is from."""
    place_names: tuple[str, ...] = ()
    fields: FieldPlan | None = None
    """What the places mean."""
    level: tuple[int, str] = (-1, "")
    """Value and key, under which it is kept if it is no level; so for the following."""
    trace: tuple[int, str] = (-1, "")
    span: tuple[int, str] = (-1, "")
    time: tuple[int, str] = (-1, "")
    service: tuple[int, str] = (-1, "")

    def take_roles(self, plan: FieldPlan, numbers: dict[str, int]) -> None:
        """Take level, ids, time, service and message from the plan of the fields."""
        roles = [(numbers.get(key, -1), key) for key in plan[:6]]
        self.time, self.level, (self.message, _), self.service, self.trace, self.span = roles


Planner = Callable[[bytes], ObjectPlan | None]


class _Tables:
    def __init__(self) -> None:
        self.slots: NDArray[np.int32] = np.full(_SLOTS, -1, np.int32)
        self.rows: NDArray[np.int64] = np.zeros((_ROWS, ROW_COLUMNS), np.int64)
        self.plan: NDArray[np.int64] = np.zeros(_PLAN_CELLS, np.int64)
        self.pool: NDArray[np.uint8] = np.empty(_POOL_BYTES, np.uint8)
        self.known: dict[bytes, int] = {}
        self.plans: list[ObjectPlan | None] = []
        self.cells = self.bytes = 0


class KeyShapes:
    """The sets of keys seen last. Threads may share it: what is found in a table stays as it is."""

    def __init__(self, planners: Callable[[int], Planner]) -> None:
        """Begin with none; `planners` gives what plans the objects of a namespace."""
        self._planners = planners
        self._lock = Lock()
        self.tables = _Tables()

    def learn(self, found: Sequence[tuple[bytes, int]]) -> bool:
        """Add sets of keys, as the loops wrote them, with their hashes; returns whether any was new."""
        is_new = False
        with self._lock:
            for keys, hashed in dict(found[: 16 * _MOST_NEW]).items():
                if keys in self.tables.known:
                    continue
                plan = self._planners(keys[0])(keys)
                if not self._add(keys, hashed, plan):
                    self.tables = _Tables()
                    self._add(keys, hashed, plan)
                is_new = True
                if len(self.tables.known) % _MOST_NEW == 0:
                    break
        return is_new

    def _add(self, keys: bytes, hashed: int, plan: ObjectPlan | None) -> bool:
        tables = self.tables
        made = _Row(plan, tables.bytes + len(keys), tables.cells)
        if (
            len(tables.plans) >= _ROWS
            or made.pool_end > _POOL_BYTES - 8
            or tables.cells + len(made.cells) > _PLAN_CELLS
        ):
            return False
        # The slot comes last: other threads look into the tables meanwhile.
        pool = keys + b"".join(made.keys)
        tables.pool[tables.bytes : made.pool_end] = np.frombuffer(pool, np.uint8)
        tables.plan[tables.cells : tables.cells + len(made.cells)] = made.cells
        number = len(tables.plans)
        tables.rows[number] = [hashed, tables.bytes, len(keys), *made.columns]
        tables.plans.append(plan)
        tables.known[keys] = number
        tables.bytes, tables.cells = made.pool_end, tables.cells + len(made.cells)
        slot = hashed & (_SLOTS - 1)
        while tables.slots[slot] >= 0:
            slot = (slot + 1) & (_SLOTS - 1)
        tables.slots[slot] = number
        return True


class _Row:
    """A plan as numbers: see the columns of a set of keys in `loops/columns.py`."""

    def __init__(self, plan: ObjectPlan | None, pool_end: int, cell: int) -> None:
        self.pool_end = pool_end
        self.keys: list[bytes] = []
        self.cells: list[int] = []
        self.columns: list[int] = [0] * (ROW_COLUMNS - 3)
        if plan is None:
            return
        for value, name in plan.attributes:
            self.cells += [value, *self._key(name)]
        roles: list[int] = []
        for value, name in (plan.level, plan.trace, plan.span, plan.time, plan.service):
            roles += [value, *(self._key(name) if value >= 0 else (0, 0))]
        places_at = cell + len(self.cells)
        self.cells += plan.places
        size = sum(len(key) + _VALUE_BYTES for key in self.keys)
        self.columns = [
            1, len(plan.attributes), cell, plan.stamp, plan.text, size,
            plan.message, len(plan.places), places_at, int(plan.later), *roles,
        ]  # fmt: skip

    def _key(self, name: str) -> tuple[int, int]:
        key = key_bytes(name)
        self.keys.append(key)
        self.pool_end += len(key)
        return self.pool_end - len(key), len(key)


def paths_of(keys: bytes) -> list[Path] | None:
    """
    Return the paths of an object's values, in their order, from its keys as the loops wrote them.

    None where a key stands twice in an object, so that one of its values is not to be seen.
    """
    paths: list[Path] = []
    seen: set[Path] = set()
    path: Path = ()
    at = 1
    while at < len(keys):
        if keys[at] == 2:
            path = path[:-1]
            at += 1
            continue
        end = at
        while keys[end] > 1:
            end += 1
        inner = (*path, keys[at:end].decode())
        if inner in seen:
            return None
        seen.add(inner)
        if keys[end] == 1:
            path = inner
        else:
            paths.append(inner)
        at = end + 1
    return paths


def flat_names(paths: Sequence[Path]) -> list[str] | None:
    """Return the names that values have in a flattened object; None where that is not plain."""
    names = [".".join(path) for path in paths]
    if len(set(names)) < len(names):
        return None
    for path in paths:
        if len(path) > _FLATTENED_LEVELS or len(".".join(path[:-1])) > _PREFIX_CHARACTERS:
            return None
    return names


def line_plan(keys: bytes) -> ObjectPlan | None:
    """Plan a line of JSON or of pairs, as `SentLogs.add_object` reads it; None for Python to read it."""
    paths = paths_of(keys)
    names = flat_names(paths) if paths is not None else None
    if paths is None or names is None:
        return None
    tops = {path[0] for path in paths}
    if {"log", "stream"} <= tops or "response_code" in names:
        return None
    if keys[0] == PAIRS and (len(names) < 2 or not has_log_fields(dict.fromkeys(names))):
        return None
    return object_fields(names, dict(zip(names, range(len(names)), strict=True)))


def object_fields(names: Sequence[str], numbers: dict[str, int]) -> ObjectPlan | None:
    """Plan the flattened fields of an object; None for Python to read it."""
    fields = object_plan(tuple(names))
    if fields.traceparent:
        return None
    plan = ObjectPlan([(numbers[name], name) for name in fields.names])
    plan.take_roles(fields, numbers)
    return plan


def line_planner(_space: int) -> Planner:
    """Return what plans the objects of lines."""
    return line_plan


LINES = KeyShapes(line_planner)
"""Of all lines, whoever sends them."""
