"""
Recorded Chrome traces as a page would have told of itself, and what the trace itself says.

A page learns of its requests by Resource Timing, of its long tasks as long animation frames, and of
its largest paint; a trace of Chrome's holds the same instants, and more: the task that ran, when
the picture was asked for. What the product is given is only the former.
"""

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracepulse.model.vital import Vital
from tracepulse.testing import DrawnSpan

__all__ = ["RecordedPage", "recorded_pages"]

WEB = {"telemetry.sdk.language": "webjs"}
LONG_TASK_US = 50_000
_TIMING = (
    ("domainLookupStart", "dnsStart"), ("domainLookupEnd", "dnsEnd"),
    ("connectStart", "connectStart"), ("secureConnectionStart", "sslStart"),
    ("connectEnd", "connectEnd"), ("requestStart", "sendStart"),
    ("responseStart", "receiveHeadersEnd"),
)  # fmt: skip
_MARKS = (
    "domInteractive", "domContentLoadedEventEnd", "loadEventStart", "loadEventEnd",
    "firstContentfulPaint",
)  # fmt: skip
_INITIATORS = {"Image": "img", "Stylesheet": "link", "Script": "script", "Font": "css"}

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """One load of one page."""

    name: str
    spans: tuple[DrawnSpan, ...]
    vitals: tuple[Vital, ...]
    lcp_ns: int
    """From the start of the navigation, by the trace."""
    truth_ns: dict[str, int]
    """Parts of LCP that the trace itself marks, by our names for them; those that it marks."""
    longest_task_ns: int
    """Before the paint, on the page's main thread."""
    interactions: tuple[tuple[int, int, int, int], ...]
    """Start, delay, processing and whole length of each that was measured, ns."""


def recorded_pages(folder: Path) -> Iterator[RecordedPage]:
    """Yield the loads that are recorded in a folder's traces, by file name."""
    for file in sorted([*folder.glob("*.json.xz"), *folder.glob("*.json")]):
        raw = lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
        found = json.loads(raw)
        events = found.get("traceEvents") if isinstance(found, dict) else found
        if isinstance(events, list) and any(_is_start(each) for each in events):
            page = _page(file.name, events)
            if page is not None:
                yield page


def _is_start(event: Event) -> bool:
    data = event.get("args", {}).get("data", {})
    return (
        event.get("name") == "navigationStart"
        and bool(data.get("isLoadingMainFrame"))
        and str(data.get("documentLoaderURL", "")).startswith("http")
    )


def _page(name: str, events: list[Event]) -> RecordedPage | None:
    events = sorted(events, key=lambda event: event.get("ts", 0))
    start = [each for each in events if _is_start(each)][-1]
    frame, begun = start["args"]["frame"], start["ts"]
    own = [e for e in events if e.get("ts", 0) >= begun]
    paints = [
        e for e in own
        if e["name"] == "largestContentfulPaint::Candidate" and e["args"].get("frame") == frame
    ]  # fmt: skip
    if not paints:
        return None
    paint = paints[-1]
    requests = _requests(own, begun)
    document = requests.get(str(start["args"]["data"].get("navigationId")))
    if document is None:
        return None
    url = _painted(own, paint, frame)
    marks = {e["name"]: _ns(e["ts"] - begun) for e in own if e["name"] in _MARKS and _of(e, frame)}
    tasks = _long_tasks(own, start)
    value = paint["ts"] - begun
    page = DrawnSpan(
        "P", duration_ns=max(marks.get("loadEventEnd", 0), _ns(value)), name="documentLoad",
        service="web", resource=WEB, moments=tuple(marks.items()),
    )  # fmt: skip
    spans = [page, *_spans(requests, document), *_frames(tasks)]
    return RecordedPage(
        name=name,
        spans=tuple(spans),
        vitals=(
            Vital("lcp", value / 1000, "P", {"url": url} if url else {}),
            *(
                [Vital("fcp", marks["firstContentfulPaint"] / 1e6, "P", {})]
                if "firstContentfulPaint" in marks
                else []
            ),
        ),
        lcp_ns=_ns(value),
        truth_ns=_truth(paint, document, requests, url),
        longest_task_ns=max((_ns(d) for s, d in tasks if s < value), default=0),
        interactions=tuple(_interactions(own)),
    )


def _ns(us: float) -> int:
    return round(us * 1000)


def _of(event: Event, frame: str) -> bool:
    return bool(event.get("args", {}).get("frame", frame) == frame)


def _painted(events: list[Event], paint: Event, frame: str) -> str:
    """Return the address of the picture that was the largest; '' for text."""
    if paint["args"]["data"].get("type") != "image":
        return ""
    urls = [
        e["args"]["data"].get("imageUrl", "")
        for e in events
        if e["name"] == "LargestImagePaint::Candidate"
        and _of(e, frame)
        and e["args"]["data"].get("DOMNodeId") == paint["args"]["data"].get("nodeId")
    ]
    return str(urls[-1]) if urls else ""


def _requests(events: list[Event], begun: int) -> dict[str, dict[str, Any]]:
    """Return what is known of each request, instants in ns from the start of the navigation."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        data = event.get("args", {}).get("data", {})
        key = str(data.get("requestId", ""))
        if event["name"] == "ResourceSendRequest" and not data["url"].startswith("data:"):
            at = _ns(event["ts"] - begun)
            found.setdefault(key, {"url": data["url"], "start": at, **data, "moments": {}})
        elif event["name"] == "ResourceReceiveResponse" and key in found:
            timing = data.get("timing") or {}
            origin = timing.get("requestTime", 0) * 1e6 - begun
            for name, theirs in _TIMING:
                if timing.get(theirs, -1) >= 0:
                    found[key]["moments"][name] = _ns(origin + timing[theirs] * 1000)
            found[key]["mimeType"] = data.get("mimeType", "")
        elif event["name"] == "ResourceFinish" and key in found:
            finish = data.get("finishTime", 0) * 1e6 or event["ts"]
            found[key]["end"] = _ns(finish - begun)
    return {key: each for key, each in found.items() if "end" in each}


def _spans(requests: dict[str, dict[str, Any]], document: dict[str, Any]) -> Iterator[DrawnSpan]:
    for number, (_, each) in enumerate(sorted(requests.items())):
        moments = dict(each["moments"])
        is_page = each is document
        start = 0 if is_page else min([each["start"], *moments.values()])
        end = max([each["end"], *moments.values()])
        yield DrawnSpan(
            f"R{number}", "P", start, end - start,
            kind="Client" if is_page else "Internal", service="web", resource=WEB,
            name="documentFetch" if is_page else "resourceFetch",
            attributes=_attributes(each),
            moments=tuple({**moments, "fetchStart": start, "responseEnd": end}.items()),
        )  # fmt: skip


def _attributes(request: dict[str, Any]) -> dict[str, str]:
    mime, kind = request.get("mimeType", ""), request.get("resourceType", "")
    if not kind:
        kind = {"image": "Image", "font": "Font"}.get(mime.split("/")[0], "")
        kind = kind or ("Stylesheet" if "css" in mime else "Script" if "javascript" in mime else "")
    said = {"url.full": request["url"]}
    if kind in _INITIATORS:
        said["browser.resource.initiatorType"] = _INITIATORS[kind]
    if "renderBlocking" in request:
        is_blocking = request["renderBlocking"] == "blocking"
        said["browser.resource.renderBlockingStatus"] = (
            "blocking" if is_blocking else "non-blocking"
        )
    return said


def _long_tasks(events: list[Event], start: Event) -> list[tuple[int, int]]:
    """Return start and length of the tasks that page would have been told of, us."""
    return [
        (e["ts"] - start["ts"], e["dur"])
        for e in events
        if e["name"].endswith("RunTask")
        and (e["pid"], e["tid"]) == (start["pid"], start["tid"])
        and e.get("dur", 0) > LONG_TASK_US
    ]


def _frames(tasks: list[tuple[int, int]]) -> Iterator[DrawnSpan]:
    for number, (start, length) in enumerate(tasks):
        blocking = str((length - LONG_TASK_US) / 1000)
        yield DrawnSpan(
            f"L{number}", "P", _ns(start), _ns(length), service="web", resource=WEB,
            name="longAnimationFrame",
            attributes={"browser.long_animation_frame.blockingDuration": blocking},
        )  # fmt: skip


def _truth(
    paint: Event, document: dict[str, Any], requests: dict[str, dict[str, Any]], url: str
) -> dict[str, int]:
    """Return what the trace itself marks of the parts of LCP."""
    first = document["moments"].get("responseStart")
    truth = {} if first is None else {"ttfb": first}
    data = paint["args"]["data"]
    whole = [e for e in requests.values() if e["url"] == url]
    if "imageLoadEnd" in data:
        truth["answered"] = _ns(data["imageLoadEnd"] * 1000)
    elif whole:
        truth["answered"] = whole[-1]["end"]
    return truth


def _interactions(events: list[Event]) -> Iterator[tuple[int, int, int, int]]:
    for event in events:
        data = event.get("args", {}).get("data") or {}
        if event["name"] != "EventTiming" or not data.get("interactionId"):
            continue
        start, begun, ended = (data[k] for k in ("timeStamp", "processingStart", "processingEnd"))
        yield (
            _ns(start * 1000), _ns((begun - start) * 1000),
            _ns((ended - begun) * 1000), _ns(data["duration"] * 1000),
        )  # fmt: skip
