"""What the fields of records mean: worked out once for each set of keys, then only picked."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from tracepulse.receive.key_plans import remembered_by_keys
from tracepulse.receive.log_fields import FieldRoles
from tracepulse.receive.resource_names import attribute_names, is_of_resource, resource_name
from tracepulse.receive.service_names import naming_fields

__all__ = ["FieldPlan", "document_plan", "object_plan"]

Fields = dict[str, Any]


class FieldPlan(NamedTuple):
    """Which key of a record is what; '' where none is."""

    time: str
    level: str
    message: str
    service: str
    trace: str
    span: str
    traceparent: str
    """Also among the others: it says more than the trace."""
    names: tuple[str, ...]
    """Of the attributes that all others become, in order."""
    pick: Callable[[Fields], tuple[Any, ...]]
    """Returns their values."""
    place_pairs: tuple[tuple[str, str], ...] = ()
    """Keys of the resource, and the names of its attributes."""
    place_keys: tuple[str, ...] = ()
    """Those and others that may name the service."""
    pick_place: Callable[[Fields], tuple[Any, ...]] = lambda _: ()
    """Returns their values, which settle resource and service."""


@remembered_by_keys
def object_plan(keys: tuple[str, ...]) -> FieldPlan:
    """Plan a record whose resource is known from elsewhere: all fields are of the record."""
    roles = _roles(keys)
    taken = set(roles[:-1])
    others = tuple(key for key in keys if key not in taken)
    return FieldPlan(*roles, others, _picker(others))


@remembered_by_keys
def document_plan(keys: tuple[str, ...]) -> FieldPlan:
    """Plan a record that says itself where it is from."""
    pairs = [(key, resource_name(key)) for key in keys if is_of_resource(key)]
    pairs += [(key, "service.name") for key in keys if key in ("service.name", "service_name")]
    placed = {key for key, _ in pairs}
    naming = [key for key in naming_fields(keys) if key not in placed]
    place_keys = (*(key for key, _ in pairs), *naming)
    roles = _roles(tuple(key for key in keys if key not in placed))._replace(service="")
    taken = {*roles[:-1], *placed}
    others = tuple(key for key in keys if key not in taken)
    return FieldPlan(
        *roles,
        attribute_names(others),
        _picker(others),
        tuple(pairs),
        place_keys,
        _picker(place_keys),
    )


class _Roles(NamedTuple):
    time: str
    level: str
    message: str
    service: str
    trace: str
    span: str
    traceparent: str


def _roles(keys: tuple[str, ...]) -> _Roles:
    found = {role: key for key, role in FieldRoles().of(dict.fromkeys(keys))}
    return _Roles(*(found.get(role, "") for role in _Roles._fields))


def _picker(keys: tuple[str, ...]) -> Callable[[Fields], tuple[Any, ...]]:
    if not keys:
        return lambda _: ()
    if len(keys) == 1:
        return lambda fields: (fields[keys[0]],)
    return itemgetter(*keys)
