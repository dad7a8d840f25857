"""
When a page had painted what its visitor waited for, and what that was spent on.

Of a page it is the largest contentful paint (LCP), in four parts; of an interaction the next paint
(INP), in three:

    |--ttfb--|--load_delay--|--load--|--render_delay--|      |--input_delay--|--processing--|--presentation--|
             first byte     asked    answered         LCP                                            next paint

Parts are whole ns, never negative, and sum to the whole exactly: an instant that lies before its
predecessor, or after the paint, is cut to it. An image kept by a cache may be answered before the
document was, and one that is drawn while it loads is painted before it was answered.

Source:
    https://web.dev/articles/optimize-lcp and the web-vitals library's attribution build, which
    leave the start of the request uncut; https://web.dev/articles/inp
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracepulse.derive.browser_phases import (
    INTERACTION_PARTS,
    Moments,
    milliseconds,
)
from tracepulse.model.vital import Vital

__all__ = ["Paint", "cut_into_parts", "lcp_paint", "next_paint", "painted_url", "told_last"]

LCP_PARTS = ("ttfb", "load_delay", "load", "render_delay")
INP_PARTS = ("input_delay", "processing", "presentation")
_TOLD = {
    "ttfb": ("ttfb_ms", "time_to_first_byte"),
    "load_delay": ("load_delay_ms", "resource_load_delay"),
    "load": ("load_ms", "resource_load_duration"),
    "render_delay": ("render_delay_ms", "element_render_delay"),
}
"""Names of parts: those of our own SDK, then those of Grafana Faro, both in ms."""


@dataclass(frozen=True, slots=True)
class Paint:
    """A paint that somebody waited for."""

    name: str
    """lcp or inp."""
    span_id: str
    """Of the page or interaction."""
    start_unix_ns: int
    """Since when it was waited for: a page made ready beforehand, from when it was shown."""
    end_unix_ns: int
    element: str
    """What was painted, or acted on; '' where that is not said."""
    url: str
    """Address of the image; '' for text, and where it is not said."""
    parts: tuple[tuple[str, int], ...]
    """Names and ns; they sum to the whole. Empty where nothing is known of them."""

    @property
    def duration_ns(self) -> int:
        """How long it was waited for."""
        return self.end_unix_ns - self.start_unix_ns


def cut_into_parts(
    names: Sequence[str], edges: Sequence[int], whole: int
) -> tuple[tuple[str, int], ...]:
    """
    Return lengths that are not negative and sum to a whole, from where each part but the last ends.

    Args:
        edges: one fewer than names, in ns from the start; cut to their predecessor and the whole.
    """
    parts, reached = [], 0
    for name, edge in zip(names, (*edges, whole), strict=True):
        end = min(max(edge, reached), whole)
        parts.append((name, end - reached))
        reached = end
    return tuple(parts)


def told_last(vitals: Sequence[Vital], name: str, span_id: str) -> Vital | None:
    """Return a vital as the page told it last: largest paints and slowest interactions only grow."""
    found = [
        each
        for each in vitals
        if each.name == name and each.span_id in ("", span_id) and each.value >= 0
    ]
    key = ("", span_id)
    return max(
        found,
        key=lambda each: (key.index(each.span_id), each.value, sorted(each.attributes.items())),
        default=None,
    )


def lcp_paint(
    told: Vital,
    span_id: str,
    start: int,
    moments: Moments,
    resource: tuple[int, int] | None,
) -> Paint:
    """
    Return the largest contentful paint of a page.

    Args:
        told: the vital.
        span_id, start: of the page's span; Unix ns.
        moments: instants of the page and of its request, Unix ns.
        resource: when the image was asked for and answered, Unix ns, if a span says so.
    """
    # Whoever is shown a page that was made ready beforehand waits from then on.
    shown = max(start, moments.get("activationStart", start))
    whole = milliseconds(repr(told.value)) or 0
    lengths = [_told_part(told.attributes, part) for part in LCP_PARTS]
    if any(length is not None for length in lengths):
        ends, reached = [], 0
        for length in lengths[:-1]:
            reached += length or 0
            ends.append(reached)
    else:
        first = moments.get("responseStart")
        asked, answered = resource or (0, 0)
        ends = [] if first is None else [first - shown, asked - shown, answered - shown]
    return Paint(
        name="lcp",
        span_id=span_id,
        start_unix_ns=shown,
        end_unix_ns=shown + whole,
        element=told.attributes.get("element", ""),
        url=painted_url(told),
        parts=cut_into_parts(LCP_PARTS, ends, whole) if ends else (),
    )


def painted_url(told: Vital) -> str:
    """Return the address of the image that was painted; '' for text, and where it is not said."""
    return told.attributes.get("url") or told.attributes.get("resource_url") or ""


def _told_part(attributes: Mapping[str, str], part: str) -> int | None:
    for key in _TOLD[part]:
        length = milliseconds(attributes.get(key))
        if length is not None:
            return length
    return None


def next_paint(span_id: str, start: int, attributes: Mapping[str, str]) -> Paint | None:
    """Return the paint that followed an interaction; None where the browser did not measure it."""
    lengths = [milliseconds(attributes.get(key)) for key in INTERACTION_PARTS]
    if lengths[1] is None:
        return None
    delay, processing, presentation = (length or 0 for length in lengths)
    whole = delay + processing + presentation
    return Paint(
        name="inp",
        span_id=span_id,
        start_unix_ns=start,
        end_unix_ns=start + whole,
        element=attributes.get("browser.element", ""),
        url="",
        parts=cut_into_parts(INP_PARTS, (delay, delay + processing), whole),
    )
