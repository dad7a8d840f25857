"""What becomes of the values of Elasticsearch's documents and Splunk's events, by their sets of keys."""

from collections.abc import Sequence

from tracepulse.receive.field_plans import FieldPlan, document_plan
from tracepulse.receive.key_shapes import (
    KeyShapes,
    ObjectPlan,
    Path,
    Planner,
    flat_names,
    object_fields,
    paths_of,
)

__all__ = ["DOCUMENTS", "ELASTIC_ID", "ELASTIC_INDEX", "SPLUNK", "SPLUNK_METADATA", "elastic_space"]

ELASTIC_INDEX, ELASTIC_ID = "elasticsearch.index", "elasticsearch.id"
"""Fields that say where a document was put, and under which id."""
_ELASTIC = 4
SPLUNK = 8
"""Namespaces of keys."""
SPLUNK_METADATA = {
    "host": "host.name",
    "source": "com.splunk.source",
    "sourcetype": "com.splunk.sourcetype",
    "index": "com.splunk.index",
}
"""Attributes of the resource that the metadata of an event become."""


def elastic_space(has_index: bool, has_id: bool) -> int:
    """Return the namespace of documents with an index or an id beside them."""
    return _ELASTIC + has_index + 2 * has_id


def _others(plan: FieldPlan, names: Sequence[str]) -> list[str]:
    """Return the fields that are attributes of the record, in the order of `plan.names`."""
    taken = {*plan[:7], *(key for key, _ in plan.place_pairs)}
    return [name for name in names if name not in taken]


def _elastic_plan(keys: bytes) -> ObjectPlan | None:
    paths = paths_of(keys)
    names = flat_names(paths) if paths is not None else None
    if names is None or "response_code" in names or {ELASTIC_INDEX, ELASTIC_ID} & set(names):
        return None
    numbers = dict(zip(names, range(len(names)), strict=True))
    stamp = numbers.get("@timestamp", -1)
    fields = [name for name in names if name != "@timestamp"]
    fields += [ELASTIC_INDEX] * bool(keys[0] - _ELASTIC & 1)
    fields += [ELASTIC_ID] * bool(keys[0] - _ELASTIC & 2)
    plan = document_plan(tuple(fields))
    if plan.traceparent:
        return None
    others = zip(_others(plan, fields), plan.names, strict=True)
    made = ObjectPlan([(numbers[key], name) for key, name in others if key != ELASTIC_ID])
    made.take_roles(plan, numbers)
    made.stamp, made.later = stamp, True
    _take_places(made, plan, numbers)
    return made


def _take_places(made: ObjectPlan, plan: FieldPlan, numbers: dict[str, int]) -> None:
    made.fields = plan
    made.place_names = tuple(name for name in plan.place_keys if name in numbers)
    made.places = tuple(numbers[name] for name in made.place_names)


def _splunk_plan(keys: bytes) -> ObjectPlan | None:
    paths = paths_of(keys)
    if paths is None:
        return None
    numbers = dict(zip(paths, range(len(paths)), strict=True))
    tops = {path[0] for path in paths if len(path) > 1}
    if ("fields",) in numbers or tops & {"time", *SPLUNK_METADATA}:
        return None
    beside = _beside(paths, numbers)
    made = _fields_plan(beside) if beside is not None else None
    if made is None:
        return None
    made.stamp = numbers.get(("time",), -1)
    made.text = numbers.get(("event",), -1)
    if "event" in tops:
        return made if _take_content(made, paths, numbers) else None
    return made if made.text >= 0 else None


def _beside(paths: Sequence[Path], numbers: dict[Path, int]) -> dict[str, int] | None:
    """Return the fields beside an event, its metadata among them, by name."""
    given = [path for path in paths if path[0] == "fields"]
    names = flat_names([path[1:] for path in given])
    if names is None:
        return None
    fields = dict(zip(names, (numbers[path] for path in given), strict=True))
    for key, name in SPLUNK_METADATA.items():
        if (key,) in numbers:
            if name in fields:
                return None
            fields[name] = numbers[key,]
    return fields


def _fields_plan(fields: dict[str, int]) -> ObjectPlan | None:
    if any(name.startswith(("metric_name", "otel.log.severity.")) for name in fields):
        return None
    plan = document_plan(tuple(fields))
    if plan.level or plan.trace or plan.span or plan.traceparent:
        return None
    others = zip(_others(plan, list(fields)), plan.names, strict=True)
    made = ObjectPlan([(fields[key], name) for key, name in others])
    made.attributes += [(fields[key], key) for key in (plan.message, plan.time) if key]
    _take_places(made, plan, fields)
    return made


def _take_content(made: ObjectPlan, paths: Sequence[Path], numbers: dict[Path, int]) -> bool:
    """Add what becomes of an event that is an object; False for Python to read it."""
    inner = [path for path in paths if path[0] == "event"]
    names = flat_names([path[1:] for path in inner])
    if names is None or "response_code" in names or any(path[1] == "line" for path in inner):
        return False
    plan = object_fields(names, dict(zip(names, (numbers[path] for path in inner), strict=True)))
    if plan is None:
        return False
    made.attributes += plan.attributes
    made.level, made.trace, made.span = plan.level, plan.trace, plan.span
    made.time, made.service, made.message = plan.time, plan.service, plan.message
    return True


def _planner(space: int) -> Planner:
    return _splunk_plan if space == SPLUNK else _elastic_plan


DOCUMENTS = KeyShapes(_planner)
"""Of all documents and events, whoever sends them."""
