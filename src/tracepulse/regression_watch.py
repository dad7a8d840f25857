"""
The regression watch: looks every five minutes at how long routes take, and keeps what became slower.

A look reads the last day of every route's roll-up, which is cheap. Only routes whose latest blocks stand
apart from those before are read with all the history by which they are judged. Nothing is remembered
between looks but what was found, so a restart forgets nothing.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace

from tracepulse.core import Core
from tracepulse.derive.latency_blocks import block_values, block_width
from tracepulse.derive.limits.regressions import (
    REGRESSION_CHANGE_EARLY_NS,
    SHIFT_LEAST_HISTORY_MINUTES,
)
from tracepulse.derive.regression_rises import METRICS, VITALS, rises_of
from tracepulse.derive.regressions import join_rises, nearest_change, reached_services, settled
from tracepulse.derive.shifts import is_apart_now
from tracepulse.errors import TracePulseError
from tracepulse.model.latency import MinuteCounts, SeriesName
from tracepulse.model.question import Window
from tracepulse.model.regression import Coverage, Regression, RegressionState, Rise
from tracepulse.store.queries.latencies import RouteVersion

__all__ = ["RegressionWatch"]

_log = logging.getLogger("tracepulse")
_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS
_EVERY_MINUTES = 5
_SETTLE_NS = 60_000_000_000
"""Senders batch, loading takes a moment, and a long request is counted where it began."""
_GLANCE_MINUTES = 26 * 60
"""Holds the longest stretch that is compared, of the widest blocks."""
_HISTORY_MINUTES = 8 * 1440
"""A week, so that each day of it has been seen before, and a day."""
_TOLD_AGAIN_MINUTES = 60
"""What could be told so long ago was told, or the server was not running."""
_ROUTES = 300
"""Judged at most, those with the most requests."""

_Counts = Mapping[tuple[str, str], MinuteCounts]


class RegressionWatch:
    """Looks in a thread of its own."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="regressions", daemon=True)
        self.coverage: Coverage | None = None
        """Of the last look; None before the first."""

    def start(self) -> None:
        """Begin to look; what is read in place has no roll-ups to look at."""
        if self._core.in_place is None:
            self._thread.start()

    def stop(self) -> None:
        """Finish the look in hand and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        done = 0
        while not self._stop.wait(2.0 if not done else 5.0):
            now = self._core.clock.now_unix_ns()
            end = (now - _SETTLE_NS) // _MINUTE_NS // _EVERY_MINUTES * _EVERY_MINUTES
            if end == done:
                continue
            try:
                self.look(now, end)
            except TracePulseError as error:
                self._failed(now, str(error))
            # The runner of derivations takes any fault, as the watch's does.
            except Exception as error:
                self._failed(now, f"{type(error).__name__}: {error}")
                _log.exception("regressions could not be looked for")
            done = end

    def _failed(self, now_unix_ns: int, error: str) -> None:
        self.coverage = Coverage(now_unix_ns, 0, 0, 0, error)
        _log.error("regressions could not be looked for: %s", error)

    def look(self, now_unix_ns: int, end_minute: int) -> tuple[Regression, ...]:
        """Look at the time up to a minute; return what is new or has changed."""
        state = self._core.state
        glance = Window((end_minute - _GLANCE_MINUTES) * _MINUTE_NS, end_minute * _MINUTE_NS)
        telemetry = self._core.telemetry
        routes = telemetry.served_minutes(glance, _ROUTES)
        vitals = telemetry.vital_minutes(glance)
        open_ones = state.regressions((RegressionState.OPEN,), limit=1000)
        followed = {each.lead.series for each in open_ones}
        look = _Look(self._core, end_minute)
        for counts, metrics, is_page in ((routes, METRICS, False), (vitals, VITALS, True)):
            for (service, name), held in counts.items():
                for metric in (name,) if is_page else metrics:
                    series = SeriesName(service, "" if is_page else name, metric)
                    look.glance(series, held, {**METRICS, **VITALS}[metric], series in followed)
        self.coverage = Coverage(now_unix_ns, look.judged, look.too_new, look.too_few)
        if not look.rises and not open_ones:
            return ()
        return self._keep(look, open_ones, now_unix_ns)

    def _keep(
        self, look: "_Look", open_ones: tuple[Regression, ...], now_unix_ns: int
    ) -> tuple[Regression, ...]:
        """Bring the regressions up to date."""
        state, telemetry = self._core.state, self._core.telemetry
        window = Window(now_unix_ns - _HOUR_NS, now_unix_ns)
        reached = reached_services(
            (each.caller, each.callee) for each in telemetry.service_graph(window)
        )
        known = state.regressions(limit=200)
        changed = {
            each.regression_id: self._explained(each, reached, now_unix_ns)
            for each in join_rises(known, look.rises, reached, now_unix_ns)
        }
        for each in open_ones:
            latest = changed.get(each.regression_id, each)
            ended = settled(latest, look.falls.get(each.lead.series, ()), now_unix_ns)
            if ended != latest:
                changed[each.regression_id] = ended
        for each in changed.values():
            state.put_regression(each)
        return tuple(changed.values())

    def _explained(
        self, regression: Regression, reached: Mapping[str, frozenset[str]], now_unix_ns: int
    ) -> Regression:
        """Add version, change and traces."""
        lead = regression.lead
        early = regression.first_unix_ns - REGRESSION_CHANGE_EARLY_NS
        changes = self._core.state.changes(early, now_unix_ns)
        change = nearest_change(regression, changes, reached)
        found = replace(regression, change_id=change.change_id if change else "")
        if lead.series.metric in VITALS:
            return found
        telemetry = self._core.telemetry
        service, route = lead.series.service, lead.series.route
        before = Window(regression.first_unix_ns - _HOUR_NS, regression.first_unix_ns)
        after = Window(
            regression.last_unix_ns, max(lead.seen_unix_ns, regression.last_unix_ns + _MINUTE_NS)
        )
        ran, runs = (
            max(telemetry.route_versions(service, route, each), key=_most, default=None)
            for each in (before, after)
        )
        examples = telemetry.route_examples(service, route, after, round(lead.after))
        root = examples[0] if examples else None
        return replace(
            found,
            version_before=ran.version if ran else "",
            version_after=runs.version if runs else "",
            trace_ids=tuple(each.trace_id for each in examples),
            entry_service=root.root_service if root else "",
            entry_route=root.root_name if root else "",
        )


def _most(found: RouteVersion) -> tuple[int, str]:
    return (found.requests, found.version)


class _Look:
    """What one look finds, series by series."""

    def __init__(self, core: Core, end_minute: int) -> None:
        self._telemetry = core.telemetry
        self._end = end_minute
        self.rises: list[Rise] = []
        self.falls: dict[SeriesName, tuple[tuple[int, float], ...]] = {}
        self.judged = self.too_new = self.too_few = 0

    def glance(self, name: SeriesName, held: MinuteCounts, quantile: float, followed: bool) -> None:
        """Look at a day of a series; where that seems worth it, at all its history."""
        begin = self._end - _GLANCE_MINUTES
        width = block_width(held, begin, self._end)
        if width is None:
            self.too_few += 1
            return
        if int(held.minute.min()) > self._end - SHIFT_LEAST_HISTORY_MINUTES:
            self.too_new += 1
            return
        self.judged += 1
        latest = block_values(held, quantile, width, begin, self._end)
        if not followed and not is_apart_now(latest, max(1, _TOLD_AGAIN_MINUTES // width)):
            return
        first = self._end - _HISTORY_MINUTES
        whole = self._history(name, first)
        if whole is None:
            return
        # Before the first request there is nothing to miss.
        first = max(first, int(whole.minute.min()))
        series = block_values(whole, quantile, width, first, self._end)
        rises, falls = rises_of(name, series, self._end - _TOLD_AGAIN_MINUTES)
        self.rises += rises
        self.falls[name] = falls

    def _history(self, name: SeriesName, first: int) -> MinuteCounts | None:
        window = Window(first * _MINUTE_NS, self._end * _MINUTE_NS)
        if name.metric in VITALS:
            found = self._telemetry.vital_minutes(window, name.service)
            return found.get((name.service, name.metric))
        routes = self._telemetry.served_minutes(window, 1, name.service, name.route)
        return routes.get((name.service, name.route))
