"""From any door to the journal: what every request passes, and what is counted of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

from tracepulse.clock import Clock
from tracepulse.receive.access import Caller
from tracepulse.receive.admission import (
    UNREADABLE,
    Admitted,
    Receipt,
    Sink,
    admit,
    admit_clean,
)
from tracepulse.receive.complaints import Complaints
from tracepulse.receive.compression import decompress
from tracepulse.receive.envoy_otlp import from_proxy, may_be_from_proxy
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.limits import (
    ANY_TIME,
    BROWSER_LIMITS,
    SERVER_LIMITS,
    Limits,
    TimeWindow,
    live_window,
)
from tracepulse.receive.otlp_json import read_otlp_json
from tracepulse.receive.signals import Signal

__all__ = ["Converted", "IngestCounters", "Receiver", "limits_of"]

_AT_ONCE_BYTES = {False: 2 * 1024 * 1024, True: 128 * 1024}
"""Bodies up to so many bytes are looked at on the event loop; the key is whether they are packed. It
takes 2 ms at most, and handing a body to a thread and back costs more than scanning it. Larger ones
go to a thread, so that small ones need not wait."""
_CONVERTED_AT_ONCE_BYTES = 64 * 1024
"""The same for a proxy's access logs. Envoy sends 16 KiB at a time by default."""
_MEND_AT_ONCE_BYTES = 8 * 1024
"""The same for bodies with faults, which are taken apart in Python."""


@dataclass(slots=True)
class IngestCounters:
    """What the door did since the start; the accounts are kept elsewhere, across restarts."""

    requests: int = 0
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by origin and status."""
    refused_requests: int = 0
    accepted_records: int = 0
    rejected_records: int = 0
    altered_records: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    mended_by_reason: Counter[str] = field(default_factory=Counter)
    """Records kept with other times than they came with."""

    def refuse(self, origin: str, status: str) -> None:
        """Add a request of which nothing was kept."""
        self.refused_requests += 1
        self.answered[origin, status] += 1

    def count(self, admitted: Admitted) -> None:
        """Add a request that was accepted, perhaps in part."""
        self.requests += 1
        self.accepted_records += admitted.records
        self.rejected_records += admitted.rejected_records
        if admitted.altered:
            self.altered_records += admitted.altered
            self.mended_by_reason.update(admitted.mended)
        if admitted.rejected:
            self.rejected_by_reason.update(admitted.rejected)


@dataclass(frozen=True, slots=True)
class Converted:
    """A request of another protocol as one of OTLP."""

    signal: Signal
    body: bytes
    """An Export…ServiceRequest. The same request must give the same bytes: senders try again, and
    what is equal is stored once. So the time of receipt has no place in it."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Records that could not be converted, by reason."""
    example: str = ""
    """Where the first of them stands, and why."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes requests from any door to the journal."""

    sink: Sink
    clock: Clock
    counters: IngestCounters
    retention_days: int = 30
    """How far back the instants of live telemetry may lie."""
    shares: FairShare = field(default_factory=FairShare)

    async def receive(
        self,
        body: bytes,
        encoding: str,
        signal: Signal,
        caller: Caller,
        origin: str,
        as_json: bool = False,
        data_set: str = "",
    ) -> Admitted:
        """
        Take one OTLP request all the way to the journal; returns once it is durable.

        Raises:
            SenderError, Overloaded: it was refused whole; nothing was kept.
        """
        received_unix_ns = self.clock.now_unix_ns()
        window = ANY_TIME if data_set else live_window(received_unix_ns, self.retention_days)
        limits = limits_of(caller)
        packed = encoding not in ("", "identity")
        if as_json or len(body) > _AT_ONCE_BYTES[packed]:
            admitted = await asyncio.to_thread(
                _open, body, encoding, signal, limits, window, as_json
            )
        else:
            plain = decompress(body, encoding, limits)
            if signal == "logs" and may_be_from_proxy(plain):
                small = len(plain) <= _CONVERTED_AT_ONCE_BYTES
                plain = from_proxy(plain) if small else await asyncio.to_thread(from_proxy, plain)
            admitted = await _admit(plain, signal, limits, window)
        return await self._keep(admitted, signal, caller, origin, received_unix_ns, data_set)

    async def receive_converted(
        self, converted: Converted, caller: Caller, origin: str
    ) -> Admitted:
        """
        Take what was a request of another protocol to the journal; returns once it is durable.

        Raises:
            LimitExceeded, Overloaded: it was refused whole; nothing was kept.
        """
        received_unix_ns = self.clock.now_unix_ns()
        window = live_window(received_unix_ns, self.retention_days)
        limits = limits_of(caller)
        body, signal = converted.body, converted.signal
        if len(body) > _AT_ONCE_BYTES[False]:
            admitted = await asyncio.to_thread(admit, body, signal, limits, window)
        else:
            admitted = await _admit(body, signal, limits, window)
        if converted.rejected:
            admitted.rejected.update(converted.rejected)
            admitted = replace(admitted, example=converted.example)
        return await self._keep(admitted, signal, caller, origin, received_unix_ns, "")

    async def _keep(
        self,
        admitted: Admitted,
        signal: Signal,
        caller: Caller,
        origin: str,
        received_unix_ns: int,
        data_set: str,
    ) -> Admitted:
        if admitted.records or admitted.rejected:
            # What was left out is noted in the journal too, so that it is known after a crash.
            self.shares.take(caller.sender, len(admitted.body))
            receipt = Receipt(received_unix_ns, origin, caller.trust, data_set)
            await self.sink.append(
                signal, admitted.body, admitted.noted_on(receipt), admitted.records
            )
        self.counters.count(admitted)
        return admitted


def limits_of(caller: Caller) -> Limits:
    """Return what one request of a caller may hold."""
    return BROWSER_LIMITS if caller.trust == "browser_unauthenticated" else SERVER_LIMITS


async def _admit(body: bytes, signal: Signal, limits: Limits, window: TimeWindow) -> Admitted:
    """Admit a request at once if it is without a fault or small, else in a thread."""
    clean = admit_clean(body, signal, limits, window)
    if clean is not None:
        return clean
    if len(body) <= _MEND_AT_ONCE_BYTES:
        return admit(body, signal, limits, window)
    return await asyncio.to_thread(admit, body, signal, limits, window)


def _open(
    body: bytes, encoding: str, signal: Signal, limits: Limits, window: TimeWindow, as_json: bool
) -> Admitted:
    plain = decompress(body, encoding, limits)
    if not as_json:
        if signal == "logs":
            plain = from_proxy(plain)
        return admit(plain, signal, limits, window)
    complaints = Complaints()
    message = read_otlp_json(plain, signal, complaints, limits)
    admitted = admit(message.SerializeToString(), signal, limits, window)
    if complaints.refused_records:
        admitted.rejected[UNREADABLE] += complaints.refused_records
    return replace(admitted, example="".join(complaints.described[:1]))
