"""
What a browser was at while a page loaded or answered a click: phases of each of its spans.

A browser says when each phase began and ended: as events of spans (Resource Timing, Navigation
Timing), or as lengths (Event Timing). A phase lasts until the next one begins:

    redirectStart  fetchStart  domainLookupStart  connectStart  secure…  requestStart  responseStart
    |---redirect---|--stalled--|-------dns--------|-----tcp-----|--tls---|---request---|--response--|

    responseEnd  domInteractive     domContentLoadedEventEnd  loadEventStart  loadEventEnd
    |---parse----|---main_thread----|---------loading---------|--main_thread--|

Instants out of order are cut to their predecessors, so that no phase has a negative length, and
a phase that took no time, as a connection that was at hand, is none.

Source:
    W3C Resource Timing, Navigation Timing 2, Event Timing, Long Animation Frames; events named as
    OpenTelemetry's document-load instrumentation and our own SDK name them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracepulse.derive.span_codes import PAGE_FETCH
from tracepulse.model.span import SpanColumns

__all__ = [
    "INTERACTION_PARTS",
    "LONG_FRAME",
    "PAGES",
    "RESTORED",
    "Moments",
    "Phase",
    "Step",
    "Steps",
    "interaction_steps",
    "merged_steps",
    "milliseconds",
    "moments_of",
    "page_steps",
    "phases_within",
    "span_steps",
]

PAGE_LOAD, RESTORED, LONG_FRAME, ROUTE = (
    "documentLoad", "pageRestore", "longAnimationFrame", "routeChange",
)  # fmt: skip
PAGES = frozenset({PAGE_LOAD, RESTORED})
"""Names of the spans that are a page as it is loaded, or as it comes back."""
INTERACTION_PARTS = (
    "browser.interaction.input_delay_ms",
    "browser.interaction.processing_ms",
    "browser.interaction.presentation_ms",
)


class Phase(StrEnum):
    """What a browser was at."""

    REDIRECT = "redirect"
    """The address answered with another address."""
    WORKER = "worker"
    """A service worker was being started."""
    STALLED = "stalled"
    """Nothing was under way: the page before was put away, or a connection was not free."""
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    REQUEST = "request"
    """From the request to the first byte of the answer."""
    RESPONSE = "response"
    """From the first byte of the answer to the last."""
    FETCH = "fetch"
    """A request as a whole, of which the browser says no more, as of one to another origin."""
    PARSE = "parse"
    """The parser was at work, or held up by what it had come to."""
    MAIN_THREAD = "main_thread"
    """Scripts ran."""
    LOADING = "loading"
    """The document was there, and something that it names was not."""
    DISCOVERY = "discovery"
    """The largest content had not been asked for yet."""
    RESOURCE_LOAD = "resource_load"
    """The largest content was on its way."""
    RENDER = "render"
    """Style, layout and paint."""
    INPUT_DELAY = "input_delay"
    """From the input to the first handler: the main thread was taken."""
    PROCESSING = "processing"
    """Handlers of the input ran."""
    PRESENTATION = "presentation"
    """From the last handler to the next paint."""
    RESTORE = "restore"
    """The page came back as it was."""


@dataclass(frozen=True, slots=True)
class Step:
    """From an instant on, the browser was at something."""

    start_unix_ns: int
    phase: Phase | None
    """None: nobody says."""


Steps = tuple[Step, ...]
"""By start; each lasts until the next one, the last without end."""
Moments = Mapping[str, int]
"""Instants in Unix ns by the browser's own names."""


def moments_of(columns: SpanColumns, row: int) -> dict[str, int]:
    """Return the instants that a span's events name; of several of one name the first."""
    found: dict[str, int] = {}
    for name, at in sorted(columns.moments[row]) if columns.moments else ():
        found.setdefault(name, at)
    return found


def milliseconds(text: str | None) -> int | None:
    """Return a length that is written in ms in whole ns; None for what is none, or negative."""
    try:
        length = float(text or "")
    except ValueError:
        return None
    return round(length * 1e6) if 0 <= length < 1e12 else None


def span_steps(columns: SpanColumns, row: int) -> Steps:
    """Return the phases of a span of a browser by itself; none where nobody says."""
    name, start = columns.name[row], int(columns.start_unix_ns[row])
    moments = moments_of(columns, row)
    if name == LONG_FRAME:
        render = moments.get("renderStart") or moments.get("styleAndLayoutStart")
        steps = [Step(start, Phase.MAIN_THREAD)]
        return tuple([*steps, Step(max(start, render), Phase.RENDER)] if render else steps)
    if name == RESTORED:
        return (Step(start, Phase.RESTORE),)
    if name == ROUTE:
        return (Step(start, Phase.MAIN_THREAD),)
    if name in PAGES:
        return page_steps(start, moments)
    attributes = columns.attributes[row]
    if INTERACTION_PARTS[1] in attributes:
        return interaction_steps(start, attributes)
    if name in (PAGE_FETCH, "resourceFetch") or columns.kind[row] == "Client":
        return _fetch_steps(start, moments)
    return ()


def _fetch_steps(start: int, moments: Moments) -> Steps:
    if not moments.keys() & {"requestStart", "responseStart"}:
        return (Step(start, Phase.FETCH),)
    steps = list(_network(start, moments))
    if "responseEnd" in moments:
        # What has come has to be taken by a script yet.
        steps.append(Step(max(steps[-1].start_unix_ns, moments["responseEnd"]), Phase.MAIN_THREAD))
    return tuple(steps)


_NETWORK = (
    ("redirectStart", Phase.REDIRECT),
    ("redirectEnd", Phase.STALLED),
    ("workerStart", Phase.WORKER),
    ("fetchStart", Phase.STALLED),
    ("domainLookupStart", Phase.DNS),
    ("domainLookupEnd", Phase.STALLED),
    ("connectStart", Phase.TCP),
    ("secureConnectionStart", Phase.TLS),
    ("connectEnd", Phase.STALLED),
    ("requestStart", Phase.REQUEST),
    ("responseStart", Phase.RESPONSE),
)
_LOADING = (
    ("responseEnd", Phase.PARSE),
    ("domInteractive", Phase.MAIN_THREAD),
    ("domContentLoadedEventEnd", Phase.LOADING),
    ("loadEventStart", Phase.MAIN_THREAD),
    ("loadEventEnd", None),
)
_BEGUN_UNSAID = {"domainLookupStart": "domainLookupEnd", "connectStart": "connectEnd"}
"""Instants that our SDK leaves out where they are those of `fetchStart`, and what shows that."""


def _network(start: int, moments: Moments) -> Iterator[Step]:
    """Yield the phases of a request, from its start to the first byte and on."""
    reached = start
    yield Step(start, Phase.STALLED)
    for name, phase in _NETWORK:
        at = moments.get(name)
        if at is None and name in _BEGUN_UNSAID and _BEGUN_UNSAID[name] in moments:
            at = max(reached, moments.get("fetchStart", start))
        if at is not None:
            reached = max(reached, at)
            yield Step(reached, phase)


def page_steps(start: int, moments: Moments) -> Steps:
    """Return the phases of a page up to the end of its load, from its own instants and its request's."""
    if not moments:
        return ()
    steps = list(_network(start, moments))
    for name, phase in _LOADING:
        if name in moments:
            # Without an instant of the parser's own, nobody says what follows the document.
            told = phase if "domInteractive" in moments else None
            steps.append(Step(max(steps[-1].start_unix_ns, moments[name]), told))
    return tuple(steps)


def interaction_steps(start: int, attributes: Mapping[str, str]) -> Steps:
    """Return the phases of an interaction up to the next paint, from their lengths."""
    steps, reached = [], start
    phases = (Phase.INPUT_DELAY, Phase.PROCESSING, Phase.PRESENTATION)
    for key, phase in zip(INTERACTION_PARTS, phases, strict=True):
        steps.append(Step(reached, phase))
        reached += milliseconds(attributes.get(key)) or 0
    return (*steps, Step(reached, None))


def merged_steps(first: Steps, other: Steps) -> Steps:
    """Return the first phases, and the others from where the first say nothing any more."""
    if not first or first[-1].phase is not None:
        return first or other
    end = first[-1].start_unix_ns
    return (*first[:-1], *(Step(max(end, start), phase) for start, phase in _runs(other, end)))


def _runs(steps: Steps, end: int) -> Iterator[tuple[int, Phase | None]]:
    """Yield the steps that go on after an instant."""
    for place, step in enumerate(steps):
        if place + 1 == len(steps) or steps[place + 1].start_unix_ns > end:
            yield step.start_unix_ns, step.phase


def phases_within(steps: Steps, start: int, end: int) -> Iterator[tuple[int, int, Phase | None]]:
    """Yield [start, end) cut into phases: none empty, no gap, neighbours different."""
    at, phase = start, None
    for step in steps:
        if step.start_unix_ns >= end:
            break
        if step.start_unix_ns > at and step.phase is not phase:
            yield at, step.start_unix_ns, phase
            at = step.start_unix_ns
        phase = step.phase
    if at < end:
        yield at, end, phase
