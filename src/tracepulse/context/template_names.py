"""
One identity for log lines everywhere: the template of their shape.

The store counts by shape. What triggers, findings and lists tell of is the template that a shape
belongs to, by its id; a shape that is not kept, and every one where none are, stands for itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from tracepulse.derive.comparisons import is_new, is_surging
from tracepulse.derive.limits.detection import LOG_WARNING_SEVERITY
from tracepulse.derive.log_templates import LogShape, LogTemplate, log_templates
from tracepulse.model.bins import LogBins
from tracepulse.model.findings import LogShapeChange, Window
from tracepulse.model.log_pattern import KnownShape
from tracepulse.model.log_shape import shape_of
from tracepulse.model.trigger import Trigger
from tracepulse.store.queries.telemetry import Telemetry

__all__ = ["TemplateNames", "mined"]

_MINED_SERVICES = 256
_MOST_SHAPES = 50_000
"""Of a window, those with the most lines; what is beyond has one line each or little more."""
_EXAMPLES = 50

Key = tuple[str, str]
"""Service and id of a shape."""


@lru_cache(maxsize=_MINED_SERVICES)
def _templates(shapes: tuple[LogShape, ...]) -> tuple[LogTemplate, ...]:
    """Mine the shapes of a service, once for as long as they stay the same."""
    return log_templates(shapes)


def mined(known: Sequence[KnownShape]) -> tuple[LogTemplate, ...]:
    """Return the templates of a service's shapes, sorted by text."""
    return _templates(
        tuple(LogShape(each.shape_id, each.examples, each.first_seen_unix_ns) for each in known)
    )


class TemplateNames:
    """Knows which template a shape belongs to; asks the store again when a shape is new."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._known: dict[Key, Key] = {}

    def of(self, shapes: Iterable[Key]) -> Mapping[Key, Key]:
        """Return id and text of the template of each shape whose text is kept."""
        if not self._telemetry.keeps_shapes:
            return {}
        wanted = set(shapes)
        for service in sorted({service for service, _ in wanted - self._known.keys()}):
            if len(self._known) > 4 * _MOST_SHAPES:
                self._known = {}
            known = self._telemetry.known_shapes(service)
            # One that is not kept stands for itself, and is not asked for again.
            self._known.update({key: (key[1], "") for key in wanted if key[0] == service})
            for template in mined(known):
                named = (template.template_id, template.text)
                self._known.update({(service, shape): named for shape in template.shapes})
        return {key: self._known[key] for key in wanted if key in self._known}

    def bins(self, bins: LogBins) -> LogBins:
        """Return bins by template in place of shape, from WARN on."""
        loud = bins.severity_number >= LOG_WARNING_SEVERITY
        keys = list(zip(bins.service.tolist(), bins.template_id.tolist(), strict=True))
        names = self.of({key for key, one in zip(keys, loud.tolist(), strict=True) if one})
        if not names:
            return bins
        told = [
            (names[key][0], names[key][1] or text) if one and key in names else (key[1], text)
            for key, one, text in zip(keys, loud.tolist(), bins.template.tolist(), strict=True)
        ]
        return replace(
            bins,
            template_id=np.array([each for each, _ in told], object),
            template=np.array([each for _, each in told], object),
        )

    def trigger(self, trigger: Trigger) -> Trigger:
        """Return a trigger by the id that its template has now."""
        key = (trigger.service, trigger.template_id)
        if not trigger.template_id:
            return trigger
        return replace(trigger, template_id=self.of([key]).get(key, (trigger.template_id, ""))[0])

    def changes(self, window: Window, limit: int) -> tuple[LogShapeChange, ...]:
        """
        Return the templates that changed around an onset, and all at WARN and above.

        Loud ones first, then by lines since the onset.
        """
        shapes = self._telemetry.log_shapes(window, _MOST_SHAPES)
        names = self.of((each.service, each.template_id) for each in shapes)
        members: defaultdict[Key, list[LogShapeChange]] = defaultdict(list)
        for each in shapes:
            template_id, _ = names.get((each.service, each.template_id), (each.template_id, ""))
            members[each.service, template_id].append(each)
        found = [(_together(template_id, some), some) for (_, template_id), some in members.items()]
        told = sorted(
            (pair for pair in found if _is_told(pair[0], window)),
            key=lambda pair: (
                pair[0].severity_number < LOG_WARNING_SEVERITY,
                -pair[0].count_after,
                pair[0].service,
                pair[0].template_id,
            ),
        )[:limit]
        lines = self._telemetry.shape_examples(
            window, sorted({each.template_id for _, some in told for each in some})
        )
        return tuple(_with_text(change, some, names, lines) for change, some in told)


def _together(template_id: str, shapes: Sequence[LogShapeChange]) -> LogShapeChange:
    after = [each.first_after_unix_ns for each in shapes if each.first_after_unix_ns is not None]
    return LogShapeChange(
        service=shapes[0].service,
        template_id=template_id,
        template="",
        severity_number=max(each.severity_number for each in shapes),
        count_before=sum(each.count_before for each in shapes),
        count_after=sum(each.count_after for each in shapes),
        first_seen_unix_ns=min(each.first_seen_unix_ns for each in shapes),
        first_after_unix_ns=min(after, default=None),
        trust=min(each.trust for each in shapes),
    )


def _is_told(change: LogShapeChange, window: Window) -> bool:
    return change.count_after > 0 and (
        change.severity_number >= LOG_WARNING_SEVERITY
        or not change.count_before
        or is_new(change)
        or is_surging(change, window)
    )


def _with_text(
    change: LogShapeChange,
    shapes: Sequence[LogShapeChange],
    names: Mapping[Key, Key],
    lines: Mapping[Key, tuple[tuple[int, str], ...]],
) -> LogShapeChange:
    found = sorted(
        line for each in shapes for line in lines.get((each.service, each.template_id), ())
    )[:_EXAMPLES]
    _, text = names.get((change.service, shapes[0].template_id), ("", ""))
    bodies = tuple(body for _, body in found)
    return replace(
        change,
        template=text or (shape_of(min(bodies)) if bodies else ""),
        examples=bodies,
    )
