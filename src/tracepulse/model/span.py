"""Spans as columns: the shape in which traces leave the store and enter a derivation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpanColumns"]

Strings = NDArray[np.object_]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpanColumns:
    """
    Spans, one per row, of any number of traces, in any order.

    All arrays have the same length. Ids are lower-case hex; an absent parent is ''.
    """

    trace_id: Strings
    span_id: Strings
    parent_span_id: Strings
    service: Strings
    """`service.name` of the resource."""
    name: Strings
    kind: Strings
    """Unspecified, Internal, Server, Client, Producer or Consumer."""
    status_code: Strings
    """Unset, Ok or Error."""
    status_message: Strings
    start_unix_ns: Integers
    duration_ns: Integers
    """Never negative."""
    attributes: tuple[Mapping[str, str], ...]
    """Span attributes, values as text."""
    resource: tuple[Mapping[str, str], ...]
    """Resource attributes, values as text."""
    linked_span_ids: tuple[tuple[str, ...], ...] = ()
    """Per span: the spans of its own trace that it is linked to. Empty where links were not read."""
    scope: Strings | None = None
    """Name of the instrumentation scope; None where nobody asked for it."""
    moments: tuple[tuple[tuple[str, int], ...], ...] = ()
    """Per span of a browser: name and Unix ns of its events. Empty where events were not read."""

    def __len__(self) -> int:
        return len(self.span_id)
