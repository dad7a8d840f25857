"""
The one thread that sends: started with the first event, again after a fork.

It is a native daemon thread outside of `threading`: it is not traced, profiled or waited for, and it
ends with the process. Between slices of a few events it gives the host's threads their turn.

Nothing is imported on it: a host that forks meanwhile would have a child with half a module, and with
an import lock that nobody holds any more.
"""

import os
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple

from debugqueue import limits
from debugqueue.bounded_queue import BoundedQueue, Event
from debugqueue.guard import faults
from debugqueue.lines import write_lines
from debugqueue.originals import original
from debugqueue.otlp import read_partial_success, request_of
from debugqueue.records import Readable, Recorder
from debugqueue.resource import resource_of
from debugqueue.scrub import Scrubber
from debugqueue.settings import Settings
from debugqueue.transport import Answer, Transport, Unreachable
from debugqueue.version import __version__

__all__ = ["Exporter"]

_RETRIED = frozenset({429, 502, 503, 504})
_DROPPED_TAG = "debugqueue.dropped"


class _Record(NamedTuple):
    encoded: bytes
    bytes: int
    """What the event was reckoned to hold while it waited; 0 for a report, which is no event."""


class Exporter:
    """Takes events from the queue and sends them."""

    def __init__(
        self,
        settings: Settings,
        queue: BoundedQueue,
        warn: Callable[[str], None],
        aside: Iterator[float],
    ) -> None:
        """
        Take what is sent and where to.

        Args:
            warn: told what goes wrong, once a minute at most.
            aside: work to be done on this thread between batches, in steps of less than a
                millisecond; each step says in how many seconds the next is due.
        """
        self._settings, self._queue = settings, queue
        self._warn, self._aside = warn, aside
        scheme, _, rest = settings.endpoint.partition("://")
        self._address = f"{scheme}://{rest.rpartition('@')[2]}"
        """What warnings name: without a password."""
        self._aside_at: Optional[float] = time.monotonic()
        self._warned_at = -limits.WARNING_INTERVAL_S
        self._unstarted = original("_thread", "allocate_lock")()
        """Taken by whoever starts the thread, and kept."""
        self._transport: Optional[Transport] = None
        self._recorder: Optional[Recorder] = None
        self._resource: List[Tuple[str, Any]] = []
        self._failures = 0
        self.leaving = False
        """Whether the process ends: what fails is not tried again."""
        self.silenced = False
        """Whether the server asked for no more."""

    def work_aside(self, steps: Iterator[float]) -> None:
        """Do this work between batches, in place of what was to be done."""
        self._aside, self._aside_at = steps, time.monotonic()

    @property
    def started(self) -> bool:
        """Whether there is a thread."""
        return bool(self._unstarted.locked())

    def start(self) -> None:
        """Start the thread, once; at the interpreter's end there may be none any more."""
        if self._unstarted.acquire(False):
            try:
                original("_thread", "start_new_thread")(self._run, ())
            except RuntimeError:
                self._unstarted.release()

    def _run(self) -> None:
        # Nothing may come out of a thread: the interpreter would print it to the host's stderr.
        try:
            self._prepare()
        except Exception as error:
            faults.swallowed += 1
            self.silenced = True
            self._say(f"nothing is sent: {error}")
        while not (self.leaving and not self._queue.length):
            try:
                self._round()
            except (
                BaseException
            ) as error:  # also what a host throws into threads: there is no second one
                faults.swallowed += 1
                self._say(f"a batch was lost: {type(error).__name__}: {error}")
                original("time", "sleep")(0.1)
        if self._transport is not None:
            self._transport.close()

    def _prepare(self) -> None:
        settings = self._settings
        scrubber = Scrubber(settings.scrub)
        self._recorder = Recorder(scrubber)
        resource = resource_of(settings)
        self._resource = [(name, scrubber.field(name, value)) for name, value in resource.items()]
        if settings.endpoint:
            headers = dict(settings.headers)
            headers.setdefault("User-Agent", f"debugqueue-python/{__version__}")
            self._transport = Transport(
                settings.endpoint, headers, settings.timeout_s, settings.authorities
            )

    def _round(self) -> None:
        queue = self._queue
        idle_s = self._work_aside()
        if not queue.length:
            if queue.has_untold and not 0 <= idle_s < limits.WARNING_INTERVAL_S:
                idle_s = limits.WARNING_INTERVAL_S
            if not queue.wait(idle_s) and not queue.length and not queue.has_untold:
                return
        self._gather()
        while queue.length or queue.has_untold:
            self._send_batch()
            if queue.length < limits.MAX_BATCH_EVENTS and not queue.flushing:
                break

    def _work_aside(self) -> float:
        """Do a few steps of the work aside; return for how long there is none, or -1."""
        for _ in range(limits.ASIDE_STEPS):
            if self._aside_at is None or self.leaving:
                return -1
            left = self._aside_at - time.monotonic()
            if left > 0:
                return left
            due_s = next(self._aside, None)
            self._aside_at = None if due_s is None else time.monotonic() + due_s
            original("time", "sleep")(limits.SLICE_PAUSE_S)
        return 0.001

    def _gather(self) -> None:
        """Wait for company, so that requests are few; not where a batch is full or a flush waits."""
        queue = self._queue
        deadline = time.monotonic() + self._settings.flush_interval_s
        while queue.length < limits.MAX_BATCH_EVENTS and not self.leaving:
            left = deadline - time.monotonic()
            if queue.urgent:
                left = min(left, limits.URGENT_INTERVAL_S)
            if queue.flushing or left <= 0 or not queue.wait(left):
                break
        queue.urgent = False

    def _send_batch(self) -> None:
        events = self._queue.take(limits.MAX_BATCH_EVENTS)
        size = sum(event.bytes for event in events)
        recorder, transport = self._recorder, self._transport
        if self.silenced or recorder is None:
            self._queue.lost(len(events), size, "refused")
            self._queue.take_untold()
            return
        try:
            records = self._encode(recorder, events)
        except Exception:
            self._queue.lost(len(events), size, "refused")
            raise
        untold = self._queue.take_untold()
        reports = [_Record(_report(recorder, reason, count), 0) for reason, count in untold.items()]
        if transport is None:
            self._queue.sent(len(records), size)
            return
        if not self._deliver(transport, reports + records):
            self._queue.untell(untold)

    def _encode(self, recorder: Recorder, events: List[Event]) -> List[_Record]:
        records: List[_Record] = []
        sleep = original("time", "sleep")
        began = time.monotonic()
        for start in range(0, len(events), limits.SLICE_EVENTS):
            flat = recorder.scrubbed(events[start : start + limits.SLICE_EVENTS])
            if self._settings.stderr:
                write_lines(flat, self._resource)
            if self._transport is not None:
                records += [_Record(recorder.encoded(e), e.event.bytes) for e in flat]
            else:
                records += [_Record(b"", e.event.bytes) for e in flat]
            if time.monotonic() - began >= limits.SLICE_S and not self.leaving:
                sleep(limits.SLICE_PAUSE_S)
                began = time.monotonic()
        return records

    def _deliver(self, transport: Transport, records: List[_Record]) -> bool:
        """Send records in requests within the limit; return whether the first request arrived."""
        arrived: Optional[bool] = None
        pending = list(_within(records, limits.MAX_BATCH_BYTES))
        while pending:
            batch = pending.pop(0)
            outcome = "refused" if self.silenced else self._try(transport, batch)
            if outcome == "too_large" and len(batch) > 1:
                middle = len(batch) // 2
                pending[:0] = [batch[:middle], batch[middle:]]
                continue
            if outcome:
                self._queue.lost(_events(batch), _bytes(batch), outcome)
            arrived = not outcome if arrived is None else arrived
        return bool(arrived)

    def _try(self, transport: Transport, batch: List[_Record]) -> str:
        """Send one request, again while that may help; return why it was given up, or ''."""
        body = request_of(
            self._resource, ("debugqueue", __version__), [record.encoded for record in batch]
        )
        give_up_at = time.monotonic() + limits.MAX_BATCH_AGE_S
        while True:
            wait_s, outcome = self._attempt(transport, body, batch)
            if wait_s is None:
                return outcome
            if self.silenced:
                return "refused"
            if self.leaving or time.monotonic() + wait_s > give_up_at:
                return "expired"
            self._back_off(wait_s)

    def _attempt(
        self, transport: Transport, body: bytes, batch: List[_Record]
    ) -> Tuple[Optional[float], str]:
        """Send a request once; return how long to wait before the next try, or None and the outcome."""
        try:
            answer = transport.post(body)
        except Unreachable as error:
            self._say(f"{self._address} cannot be reached: {error}")
            return self._delay(None), ""
        if answer.headers.get("debugqueue-disable", "").lower() in ("1", "true"):
            self.silenced = True
        if answer.status in _RETRIED:
            self._say(f"{self._address} answered {answer.status}")
            return self._delay(answer.headers.get("retry-after")), ""
        self._failures = 0
        if answer.status == 413:
            return None, "too_large"
        if not 200 <= answer.status < 300:
            self._say(f"{self._address} refused events with {answer.status}")
            return None, "refused"
        self._settle(batch, self._refused(answer))
        return None, ""

    def _refused(self, answer: Answer) -> int:
        if "json" in answer.headers.get("content-type", ""):
            return 0
        return read_partial_success(answer.body)

    def _settle(self, batch: List[_Record], refused: int) -> None:
        events, size = _events(batch), _bytes(batch)
        refused = max(0, min(refused, events))
        if refused:
            self._say(f"{self._address} refused {refused} of {events} events")
            self._queue.lost(refused, 0, "refused")
        self._queue.sent(events - refused, size)

    def _delay(self, retry_after: Optional[str]) -> float:
        self._failures += 1
        if retry_after and retry_after.isdigit():
            return min(float(retry_after), limits.MAX_RETRY_AFTER_S)
        if self._failures >= limits.BREAKER_FAILURES:
            return limits.BREAKER_OPEN_S
        longest = limits.FIRST_RETRY_S * 2.0 ** (self._failures - 1)
        return longest * (0.5 + os.urandom(1)[0] / 512)

    def _back_off(self, wait_s: float) -> None:
        """Wait, unless the process ends or somebody waits for a flush meanwhile."""
        deadline = time.monotonic() + wait_s
        while not self.leaving and not self._queue.flushing:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._queue.wait(left)
        original("time", "sleep")(0.05)  # a flush that lasts must not become a storm

    def _say(self, what: str) -> None:
        now = time.monotonic()
        if now - self._warned_at >= limits.WARNING_INTERVAL_S:
            self._warned_at = now
            self._warn(what)


def _report(recorder: Recorder, reason: str, count: int) -> bytes:
    """Return a record that tells how many events were dropped, and why."""
    told = {f"{_DROPPED_TAG}.count": count, f"{_DROPPED_TAG}.reason": reason}
    body = f"{count} events were dropped: {reason}"
    event = Event(
        time.time_ns(), 13, _DROPPED_TAG, body, told, None, None, None, 0, None, None, 0, 0
    )
    return recorder.encoded(Readable(event))


def _events(batch: List[_Record]) -> int:
    return sum(1 for record in batch if record.bytes)


def _bytes(batch: List[_Record]) -> int:
    return sum(record.bytes for record in batch)


def _within(records: List[_Record], limit: int) -> Iterator[List[_Record]]:
    """Yield the records in runs of at most so many bytes, one at least."""
    run: List[_Record] = []
    size = 0
    for record in records:
        if run and size + len(record.encoded) > limit:
            yield run
            run, size = [], 0
        run.append(record)
        size += len(record.encoded)
    if run:
        yield run
