"""
The watch: looks at what came in, finds triggers, and keeps incidents up to date.

It looks when a 5-second bin is complete and when an alert arrives. Bins are read from the store each
time, so spans that arrive late count, and a restart forgets nothing.
"""

import logging
import threading
from collections.abc import Iterable

from tracepulse.context.collect import Collector
from tracepulse.context.known_calls import calls_around
from tracepulse.core import Core
from tracepulse.derive.incidents import join_triggers, resolve_quiet
from tracepulse.derive.limits.detection import BIN_NS
from tracepulse.derive.limits.incidents import QUIET_NS
from tracepulse.derive.log_flows import log_edges
from tracepulse.derive.triggers import Detection, alert_trigger, find_triggers
from tracepulse.errors import TracePulseError
from tracepulse.model.bins import SignalWindow
from tracepulse.model.flow import FlowEdge
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.question import LogQuestion, Window
from tracepulse.model.trigger import Trigger, TriggerKind

__all__ = ["Watch"]

_log = logging.getLogger("tracepulse")
_S = 1_000_000_000
_WINDOW_NS = 30 * 60 * _S
_SETTLE_NS = 2 * _S
"""A bin is looked at this long after its end: senders batch, and loading takes a moment."""
_ALERTS_NS = 6 * 3600 * _S
_OPEN = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)


class Watch:
    """Runs detection in a thread of its own."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.collector = Collector(core.telemetry, core.state)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._last_end_unix_ns = 0
        self._located: dict[str, tuple[object, int]] = {}
        self._flow_asked: tuple[frozenset[str], int] | None = None
        self._flow_known: tuple[FlowEdge, ...] = ()
        self.detection: Detection | None = None
        """What the last look gave; None before the first."""
        self.last_error = ""
        """Why the last look failed; '' when it did not."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the look in hand and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_now(self) -> None:
        """Look again at once: an alert or a change came in."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = self._core.clock.now_unix_ns()
            end = (now - _SETTLE_NS) // BIN_NS * BIN_NS
            woken = self._wake.is_set()
            self._wake.clear()
            if end > self._last_end_unix_ns or woken:
                try:
                    self.look(now, end)
                    self.last_error = ""
                except TracePulseError as error:
                    self.last_error = str(error)
                    _log.error("the watch could not look: %s", error)
                # The runner of derivations takes any fault: which one a bug of ours raises cannot be
                # named, it must not end the watch, and doctor tells it.
                except Exception as error:
                    self.last_error = f"{type(error).__name__}: {error}"
                    _log.exception("the watch could not look")
                self._last_end_unix_ns = end
            next_end = self._last_end_unix_ns + BIN_NS + _SETTLE_NS
            wait_ns = next_end - self._core.clock.now_unix_ns()
            self._wake.wait(max(0.05, min(wait_ns / _S, 5.0)))

    def look(self, now_unix_ns: int, end_unix_ns: int) -> tuple[Incident, ...]:
        """Look at the half-hour before an instant and bring the incidents up to date."""
        state = self._core.state
        open_incidents = state.incidents(_OPEN, limit=1000)
        names = self.collector.names
        known = [names.trigger(t) for incident in open_incidents for t in incident.triggers]
        self.detection = find_triggers(self._signals(end_unix_ns), known)
        alerts = [alert_trigger(a) for a in state.alerts(now_unix_ns - _ALERTS_NS)]
        found = (*self.detection.triggers, *alerts)
        triggers = self._new_or_open(found, open_incidents, now_unix_ns)
        if not triggers and not open_incidents:
            return ()
        joined = join_triggers(
            open_incidents, triggers, self._flow(end_unix_ns, triggers), now_unix_ns
        )
        before = {incident.incident_id: incident for incident in open_incidents}
        for incident in joined:
            updated = resolve_quiet(self._located_incident(incident, now_unix_ns), now_unix_ns)
            if updated != before.get(incident.incident_id):
                state.put_incident(updated, now_unix_ns)
        return joined

    def _signals(self, end_unix_ns: int) -> SignalWindow:
        telemetry = self._core.telemetry
        first = self.collector.first_telemetry_unix_ns()
        start = end_unix_ns - _WINDOW_NS
        begins = first is None or first > start
        if first is not None and begins:
            start = min(first // BIN_NS * BIN_NS, end_unix_ns - BIN_NS)
        window = Window(start, end_unix_ns)
        return SignalWindow(
            start,
            end_unix_ns,
            begins,
            telemetry.span_bins(window),
            self.collector.names.bins(telemetry.log_bins(window)),
        )

    def _new_or_open(
        self, triggers: Iterable[Trigger], open_incidents: Iterable[Incident], now_unix_ns: int
    ) -> list[Trigger]:
        """
        Leave out what is over: the window still shows it, but it opens nothing again.

        That is whatever has been quiet for as long as resolves an incident, and what an incident
        that is resolved was about while it lasted.
        """
        mine = {t.trigger_id for incident in open_incidents for t in incident.triggers}
        over: dict[tuple[str, ...], int] = {}
        for incident in self._core.state.incidents((IncidentState.RESOLVED,), limit=200):
            for t in incident.triggers:
                over[_subject(t)] = max(over.get(_subject(t), 0), t.last_seen_unix_ns)
        return [
            t
            for t in triggers
            if t.trigger_id in mine
            or (
                t.last_seen_unix_ns > over.get(_subject(t), 0)
                and (
                    t.kind is TriggerKind.EXTERNAL_ALERT
                    or t.last_seen_unix_ns + QUIET_NS > now_unix_ns
                )
            )
        ]

    def _flow(self, end_unix_ns: int, triggers: Iterable[Trigger]) -> tuple[FlowEdge, ...]:
        """Return who calls whom around these triggers; asked once a minute while they are the same."""
        services = frozenset(trigger.service for trigger in triggers if trigger.service)
        asked = (services, end_unix_ns // (60 * _S))
        if asked != self._flow_asked:
            window = Window(end_unix_ns - 300 * _S, end_unix_ns)
            edges = calls_around(self._core.telemetry, window, services)
            if not edges:
                question = LogQuestion(window, limit=2000)
                edges = log_edges(self._core.telemetry.search_logs(question))
            self._flow_asked, self._flow_known = asked, edges
        return self._flow_known

    def _located_incident(self, incident: Incident, now_unix_ns: int) -> Incident:
        """Find entry and faulty service again when triggers joined, or as more traces fail."""
        seen = (tuple(t.trigger_id for t in incident.triggers), incident.last_seen_unix_ns)
        known = self._located.get(incident.incident_id)
        if known is not None and known[0] == seen:
            return incident
        self._located[incident.incident_id] = (seen, now_unix_ns)
        return self.collector.locate(incident, now_unix_ns)


def _subject(trigger: Trigger) -> tuple[str, ...]:
    """Return what a trigger is about, whenever it was."""
    return (
        trigger.kind.value,
        trigger.service,
        trigger.operation,
        trigger.failure,
        trigger.template_id,
        trigger.alert_fingerprint,
    )
