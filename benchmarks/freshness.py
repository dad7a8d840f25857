"""How long after its acknowledgement a span is found, as a reader on another connection sees it."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence

import httpx
import numpy as np
from benchmarks.data import Body
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Freshness"]

MOST_MARKERS = 300
POLL_S = 0.01
GIVE_UP_S = 15.0


def _marker(body: Body) -> tuple[str, str]:
    """Return trace and span id of a span in the body, of a trace with few spans there."""
    spans = [
        span
        for group in ExportTraceServiceRequest.FromString(body.payload).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    sizes = Counter(span.trace_id for span in spans)
    chosen = min(spans, key=lambda span: (sizes[span.trace_id], span.span_id))
    return chosen.trace_id.hex(), chosen.span_id.hex()


class Freshness:
    """
    Asks for one span of each acknowledged body until it is found.

    Bodies that become queryable together are met in the order of their acknowledgement, so that
    each is seen at most a poll and a query after it could have been.
    """

    def __init__(self, api_url: str, bodies: Sequence[Body]) -> None:
        step = -(-len(bodies) // MOST_MARKERS)
        self._markers = {id(body): _marker(body) for body in bodies[::step]}
        self._api_url = api_url
        self._waiting: queue.Queue[tuple[tuple[str, str], float] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.delays_s: list[float] = []
        self.missing = 0
        """Acknowledged spans that were not found in time."""

    def acknowledged(self, body: Body, at_unix_s: float) -> None:
        """Take note that a body was answered 2xx."""
        marker = self._markers.get(id(body))
        if marker is not None:
            self._waiting.put((marker, at_unix_s))

    def _watch(self) -> None:
        with httpx.Client(base_url=self._api_url, timeout=GIVE_UP_S) as client:
            while (item := self._waiting.get()) is not None:
                (trace_id, span_id), at_unix_s = item
                while span_id not in client.get(f"/api/traces/{trace_id}").text:
                    if time.time() - at_unix_s > GIVE_UP_S:
                        self.missing += 1
                        break
                    time.sleep(POLL_S)
                self.delays_s.append(max(0.0, time.time() - at_unix_s))

    def __enter__(self) -> "Freshness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def percentiles(self) -> dict[str, float]:
        """Return the delays in seconds; spans never found count with the time that was waited."""
        delays = self.delays_s or [float("nan")]
        p50, p95, p99 = np.percentile(delays, [50, 95, 99]).tolist()
        return {
            "p50_s": p50,
            "p95_s": p95,
            "p99_s": p99,
            "samples": len(self.delays_s),
            "missing": self.missing,
        }
