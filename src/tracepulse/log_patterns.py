"""
Log patterns of a window: what the store counts by shape, put together by template.

Templates come from all shapes of a service that are kept, whatever the window, so that the same line
has the same template whenever it is asked for. Counts come from the lines themselves, each of which has
one shape, and each shape one template: they add up to the number of lines.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tracepulse.context.template_names import mined
from tracepulse.derive.comparisons import pattern_state
from tracepulse.derive.log_templates import LogTemplate
from tracepulse.derive.template_parameters import template_parameters
from tracepulse.errors import NotFound
from tracepulse.model.log_pattern import KnownShape, LogPattern, MinuteLines, ShapeCount
from tracepulse.model.question import Window
from tracepulse.store.queries.patterns import PatternQueries

__all__ = ["log_pattern", "log_patterns", "pattern_minutes"]

_EXAMPLES = 5


def log_patterns(
    telemetry: PatternQueries, window: Window, service: str = "", data_set: str = ""
) -> tuple[LogPattern, ...]:
    """
    Return the patterns of a window, by number of lines, then service and text.

    Lines whose shape has no text, because there were too many shapes, are one pattern for each service,
    without id and text. The lines of all patterns add up to those of the window.
    """
    known: defaultdict[str, list[KnownShape]] = defaultdict(list)
    for shape in telemetry.known_shapes(service, data_set):
        known[shape.service].append(shape)
    counts = _by_service(telemetry.shape_counts(window, service, data_set))
    before = _by_service(telemetry.shape_counts(_before(window), service, data_set))
    found = [
        pattern
        for name in sorted(counts.keys() | before.keys())
        for pattern in _of_service(known[name], counts[name], before[name])
        if pattern.lines or pattern.state == "vanished"
    ]
    return tuple(sorted(found, key=lambda each: (-each.lines, each.service, each.text)))


def _before(window: Window) -> Window:
    """Return as long a stretch before a window, as far as time goes back."""
    length_ns = window.end_unix_ns - window.start_unix_ns
    end_unix_ns = max(1, window.start_unix_ns)
    return Window(max(0, window.start_unix_ns - length_ns), end_unix_ns)


def _by_service(counts: Iterable[ShapeCount]) -> defaultdict[str, list[ShapeCount]]:
    found: defaultdict[str, list[ShapeCount]] = defaultdict(list)
    for count in counts:
        found[count.service].append(count)
    return found


def log_pattern(
    telemetry: PatternQueries, template_id: str, window: Window, service: str, data_set: str = ""
) -> LogPattern:
    """
    Return one pattern of a service by its id, or by that of any of its shapes.

    Raises:
        NotFound: no template of the service has that id, or it has no lines in the window.
    """
    known = telemetry.known_shapes(service, data_set)
    shapes = next(
        (each.shapes for each in mined(known) if template_id in each.shapes), (template_id,)
    )
    for pattern in log_patterns(telemetry, window, service, data_set):
        if set(pattern.shapes) & set(shapes):
            return pattern
    raise NotFound(
        f"no lines of template {template_id} of {service} in this window; GET /api/log-patterns"
        " lists those that have some"
    )


def pattern_minutes(
    telemetry: PatternQueries, pattern: LogPattern, window: Window, data_set: str = ""
) -> tuple[MinuteLines, ...]:
    """Return the lines of a pattern by minute; they add up to its lines."""
    return telemetry.shape_minutes(window, pattern.service, pattern.shapes, data_set)


def _of_service(
    known: Sequence[KnownShape], counts: Sequence[ShapeCount], before: Sequence[ShapeCount]
) -> list[LogPattern]:
    template_of = {shape: each for each in mined(known) for shape in each.shapes}
    examples = {each.shape_id: each.examples for each in known}
    counted: defaultdict[str, tuple[list[ShapeCount], list[ShapeCount]]] = defaultdict(
        lambda: ([], [])
    )
    for n, some in enumerate((counts, before)):
        for count in some:
            template = template_of.get(count.shape_id)
            counted[template.template_id if template else ""][n].append(count)
    by_id = {each.template_id: each for each in template_of.values()}
    return [
        _pattern(by_id.get(template_id), now, earlier, examples)
        for template_id, (now, earlier) in sorted(counted.items())
    ]


def _pattern(
    template: LogTemplate | None,
    counts: Sequence[ShapeCount],
    before: Sequence[ShapeCount],
    examples: Mapping[str, tuple[str, ...]],
) -> LogPattern:
    bodies = [body for shape in (template.shapes if template else ()) for body in examples[shape]]
    text = template.text if template else ""
    lines, lines_before = (sum(each.lines for each in some) for some in (counts, before))
    told = counts or before
    return LogPattern(
        template_id=template.template_id if template else "",
        service=told[0].service,
        text=text,
        lines=lines,
        lines_before=lines_before,
        state=pattern_state(lines_before, lines) if template else "steady",
        severity_number=max(each.severity_number for each in told),
        first_unix_ns=min(each.first_unix_ns for each in told),
        last_unix_ns=max(each.last_unix_ns for each in told),
        shapes=tuple(sorted({each.shape_id for each in (*counts, *before)})),
        examples=tuple(sorted(set(bodies))[:_EXAMPLES]),
        parameters=template_parameters(text, bodies),
    )
