"""How long after its request a span is found, as a reader in another process sees it."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.queues import Queue
from typing import Any

import httpx
import numpy as np
from benchmarks.data import Body
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["FreshnessReader", "Markers"]

MOST_MARKERS = 100
"""More would keep the reader so busy that the delays were those of its own questions."""
POLL_S = 0.02
GIVE_UP_S = 15.0

Marker = tuple[str, str]
"""Trace and span id."""


def _marker(body: Body) -> Marker:
    """Return a span of the body, of a trace with few spans there."""
    spans = [
        span
        for group in ExportTraceServiceRequest.FromString(body.payload).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    sizes = Counter(span.trace_id for span in spans)
    chosen = min(spans, key=lambda span: (sizes[span.trace_id], span.span_id))
    return chosen.trace_id.hex(), chosen.span_id.hex()


def _read(api_url: str, asked: "Queue[Any]", found: "Queue[Any]") -> None:
    """Ask for each marker until it is there; on None, report the delays since the last None."""
    delays: list[float] = []
    missing = 0
    with httpx.Client(base_url=api_url, timeout=GIVE_UP_S) as client:
        found.put("ready")
        while (item := asked.get()) != "end":
            if item is None:
                found.put((delays, missing))
                delays, missing = [], 0
                continue
            (trace_id, span_id), at_unix_s = item
            while span_id not in client.get(f"/api/traces/{trace_id}").text:
                if time.time() - at_unix_s > GIVE_UP_S:
                    missing += 1
                    break
                time.sleep(POLL_S)
            delays.append(max(0.0, time.time() - at_unix_s))


class Markers:
    """The spans that are asked for, one of each of some bodies."""

    def __init__(self, bodies: Sequence[Body], asked: "Queue[Any]") -> None:
        step = -(-len(bodies) // MOST_MARKERS)
        self._markers = {id(body): _marker(body) for body in bodies[::step]}
        self._asked = asked

    def acknowledged(self, body: Body, began_unix_s: float) -> None:
        """Take note that a body was answered 2xx, and of when its request began."""
        marker = self._markers.get(id(body))
        if marker is not None:
            self._asked.put((marker, began_unix_s))


class FreshnessReader:
    """
    Asks for one span of each acknowledged body until it is found, over a connection of its own.

    Bodies that become queryable together are met in the order of their acknowledgement, so that
    each is seen at most a poll and a query after it could have been.
    """

    def __init__(self, api_url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._asked: Queue[Any] = context.Queue()
        self._found: Queue[Any] = context.Queue()
        self._process = context.Process(
            target=_read, args=(api_url, self._asked, self._found), daemon=True
        )

    def __enter__(self) -> "FreshnessReader":
        self._process.start()
        self._found.get(timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.put("end")
        self._process.join(GIVE_UP_S)
        self._process.terminate()

    def markers(self, bodies: Sequence[Body]) -> Markers:
        """Choose what to ask for."""
        return Markers(bodies, self._asked)

    def percentiles(self) -> dict[str, float]:
        """
        Wait for the answers and return the delays in seconds since the last call.

        Spans never found count with the time that was waited.
        """
        self._asked.put(None)
        delays, missing = self._found.get(timeout=10 * GIVE_UP_S)
        p50, p95, p99 = np.percentile(delays or [float("nan")], [50, 95, 99]).tolist()
        return {
            "p50_s": p50,
            "p95_s": p95,
            "p99_s": p99,
            "samples": len(delays),
            "missing": missing,
        }
