"""
Copy what a caller hands over, so that nothing of the host's is left to change, run or grow.

Only code of the standard library runs here, and none of it is bound to what the host overrode: an
object of a class of the host's stands as `<module.Class>`, its `__repr__`, `__str__`, `__iter__` and
properties are never called. Texts are cut here, because a queue that holds them is bounded in bytes.
"""

import enum
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from debugqueue.limits import (
    ATTRIBUTE_BYTES,
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_EVENT_CHARS,
    MAX_LOOKED_AT,
    MAX_NAME_CHARS,
    MAX_VALUE_CHARS,
    MAX_VALUES,
)

__all__ = ["Snapshot", "cut", "name_of", "plain_text", "quick_copy", "snapshot", "type_name"]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_PLAIN = frozenset({bool, float, type(None)})
_QUICK_BYTES = 4096
"""A quick copy is no larger: fewer attributes than the limit, no name or text past it."""

_name_of_type = type.__dict__["__qualname__"].__get__
_module_of_type = type.__dict__["__module__"].__get__


class Snapshot(NamedTuple):
    """A copy that holds only None, bool, int, float, str, lists and dicts of these."""

    attributes: Dict[str, Any]
    message: Any
    """A text that was given in place of details, or None."""
    error: Any
    """The first exception among the details, or None: it is captured by the caller."""
    bytes: int
    """What it is reckoned to hold."""
    left_out: int
    """Attributes past the limits."""


_EMPTY = Snapshot({}, None, None, 0, 0)


def snapshot(details: object) -> Snapshot:
    """Return a copy of a dict of details; a text is the message, anything else is `details`."""
    if details is None:
        return _EMPTY
    if type(details) is dict:
        quick = quick_copy(details)
        return Snapshot(quick[0], None, None, quick[1], 0) if quick else _copied(_items(details))
    if issubclass(type(details), str):
        text = plain_text(details)
        return Snapshot({}, text, None, _text_bytes(text), 0)
    if issubclass(type(details), dict):
        return _copied(_items(details))
    return _copied([("details", details)])


def quick_copy(details: Dict[Any, Any]) -> Optional[Tuple[Dict[str, Any], int]]:
    """Return a copy and its bytes where a flat copy is enough: short texts, numbers and such."""
    copy = details.copy()
    size = ATTRIBUTE_BYTES * len(copy)
    for key, value in copy.items():
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind is int:
            if not INT64_MIN <= value <= INT64_MAX:
                return None
        elif kind not in _PLAIN:
            return None
        if type(key) is not str:
            return None
        size += len(key)
    return (copy, size) if size <= _QUICK_BYTES else None


def _copied(items: List[Tuple[Any, Any]]) -> Snapshot:
    return _Copier().details(items)


def _items(value: Any, most: int = MAX_LOOKED_AT) -> List[Tuple[Any, Any]]:
    """Return the first items of a dict; not by `copy`, which asks a subclass for its keys."""
    items: List[Tuple[Any, Any]] = []
    try:
        for item in dict.items(value):
            items.append(item)
            if len(items) >= most:
                break
    except RuntimeError:  # another thread changed it
        pass
    return items


def cut(text: str, chars: int) -> str:
    """Return a text of at most so many characters; a cut one ends in an ellipsis."""
    return text if len(text) <= chars else text[: chars - 1] + "…"


def plain_text(text: Any, chars: int = MAX_VALUE_CHARS) -> str:
    """Return an exact `str` of a text or of an instance of a subclass, cut, without its code."""
    head = str.__getitem__(text, slice(0, chars + 1))
    return cut(head, chars)


def type_name(kind: type) -> str:
    """Return module and name of a class, whatever its metaclass says."""
    name, module = _name_of_type(kind), _module_of_type(kind)
    if type(module) is not str or module == "builtins":
        return plain_text(name, MAX_NAME_CHARS)
    return plain_text(f"{module}.{name}", MAX_NAME_CHARS)


def name_of(key: Any) -> str:
    """Return a tag or an attribute's name for whatever was given as one."""
    kind = type(key)
    if issubclass(kind, str):
        return plain_text(key, MAX_NAME_CHARS)
    if kind is int:
        return repr(key) if INT64_MIN <= key <= INT64_MAX else "[int]"
    return repr(key) if kind is float or kind is bool or key is None else f"<{type_name(kind)}>"


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else 4 * len(text)


class _Copier:
    """Copies one event's details within the event's allowance."""

    def __init__(self) -> None:
        self._chars = MAX_EVENT_CHARS
        self._values = MAX_VALUES
        self._bytes = 0
        self._path: List[int] = []
        self._left_out = 0
        self._error: Any = None

    def details(self, items: List[Tuple[Any, Any]]) -> Snapshot:
        """Copy the items of a dict."""
        attributes: Dict[str, Any] = {}
        for key, value in items:
            if len(attributes) >= MAX_ATTRIBUTES or self._chars <= 0:
                self._left_out += 1
                continue
            if self._error is None and issubclass(type(value), BaseException):
                self._error = value
                continue
            attributes[self._name(key)] = self._copy(value)
        return Snapshot(attributes, None, self._error, max(1, self._bytes), self._left_out)

    def _name(self, key: object) -> str:
        name = name_of(key)
        self._spend(name)
        self._bytes += ATTRIBUTE_BYTES
        return name

    def _spend(self, text: str) -> None:
        self._chars -= len(text)
        self._bytes += _text_bytes(text)

    def _text(self, text: Any) -> str:
        kept = plain_text(text, min(MAX_VALUE_CHARS, max(1, self._chars)))
        self._spend(kept)
        return kept

    def _copy(self, value: Any) -> Any:
        self._values -= 1
        if self._values < 0:
            return "[too deep]"
        self._bytes += 16
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if issubclass(kind, str):
            return self._text(value)
        if issubclass(kind, int):
            return self._text(_enum_name(value)) if _is_enum(kind) else self._int(value)
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, (dict, list, tuple, set, frozenset)):
            return self._container(value, kind)
        try:
            return self._text(_described(value, kind))
        except Exception:
            return "[unreadable]"

    def _int(self, value: int) -> Any:
        exact = int.__int__(value)
        return exact if INT64_MIN <= exact <= INT64_MAX else f"[int of {exact.bit_length()} bits]"

    def _container(self, value: Any, kind: type) -> Any:
        if id(value) in self._path:
            return "[cycle]"
        if len(self._path) >= MAX_DEPTH:
            return "[too deep]"
        self._path.append(id(value))
        try:
            if issubclass(kind, dict):
                return self._dict(value)
            return [self._copy(each) for each in _elements(value, kind) if self._chars > 0]
        finally:
            self._path.pop()

    def _dict(self, value: Dict[Any, Any]) -> Dict[str, Any]:
        copied: Dict[str, Any] = {}
        for key, each in _items(value, MAX_ELEMENTS):
            if len(copied) >= MAX_ELEMENTS or self._chars <= 0 or self._values <= 0:
                break
            copied[self._name(key)] = self._copy(each)
        return copied


def _elements(value: Any, kind: type) -> List[Any]:
    if issubclass(kind, list):
        return list.__getitem__(value, slice(0, MAX_ELEMENTS))
    if issubclass(kind, tuple):
        return list(tuple.__getitem__(value, slice(0, MAX_ELEMENTS)))
    base: Any = set if issubclass(kind, set) else frozenset
    elements: List[Any] = []
    try:
        for each in base.__iter__(value):
            elements.append(each)
            if len(elements) >= MAX_ELEMENTS:
                break
    except RuntimeError:  # another thread changed it
        pass
    return elements


def _is_enum(kind: type) -> bool:
    return issubclass(type(kind), enum.EnumMeta)


def _enum_name(value: Any) -> str:
    return f"{_name_of_type(type(value))}.{object.__getattribute__(value, '_name_')}"


def _described(value: Any, kind: type) -> str:
    """Return a text for what is no container and no number, by classes of the standard library alone."""
    if _is_one_of(kind, "datetime", "datetime", "date", "time"):
        return _instant(value)
    if kind in (bytes, bytearray, memoryview):
        return f"[{value.nbytes if kind is memoryview else len(value)} bytes]"
    if _is_enum(kind):
        return _enum_name(value)
    if _is_one_of(kind, "uuid", "UUID") or _is_one_of(kind, "datetime", "timedelta"):
        return str(value)
    if _is_one_of(kind, "decimal", "Decimal") and sys.getsizeof(value) < 1024:
        return str(value)
    if _is_one_of(kind, "pathlib", "PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath"):
        return str(value)
    if issubclass(kind, type):
        return type_name(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, getattr(numpy, "generic", ())):
        return str(value.item())
    return f"<{type_name(kind)}>"


def _instant(value: Any) -> str:
    zone = getattr(value, "tzinfo", None)
    known = zone is None or _is_one_of(type(zone), "datetime", "timezone")
    if known or _is_one_of(type(zone), "zoneinfo", "ZoneInfo"):
        return str(value.isoformat())
    return str(value.replace(tzinfo=None).isoformat())


def _is_one_of(kind: type, module: str, *names: str) -> bool:
    """Return whether it is a class of a module, without loading the module: it would be loaded."""
    loaded = sys.modules.get(module)
    return loaded is not None and any(kind is getattr(loaded, name, None) for name in names)
