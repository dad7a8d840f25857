"""
Triggers: the signs that something broke, from counts in bins and from other systems' alerts.

False alarms: with independent calls, 50 operations give less than one burst in a simulated week
(`tests/properties/test_false_alarms.py` measures it; `thresholds.BURST_THRESHOLD_NATS` says why).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from tracepulse.derive.bins import Series, bin_count, first_instants, series_matrix, series_rows
from tracepulse.derive.bursts import Burst, BurstRules, KnownBurst, find_bursts
from tracepulse.derive.limits.detection import (
    BIN_NS,
    BURST_THRESHOLD_NATS,
    COLD_START_BASELINE_BINS,
    FAILING_BINS,
    LOG_ERROR_SEVERITY,
    LOG_THRESHOLD_NATS,
    LOG_WARNING_SEVERITY,
    MIN_BASELINE_CALLS,
    MIN_ERROR_RISE_RATIO,
    MIN_FAILURES,
    MIN_LOG_LINES,
    MIN_REFUSED_RISE_RATIO,
    MIN_WARNING_LINES,
    WARM_BASELINE_BINS,
    WARNING_BINS,
)
from tracepulse.derive.rates import FailureRate, LineRate
from tracepulse.model.bins import LogBins, SignalWindow, SpanBins
from tracepulse.model.trigger import ExternalAlert, Trigger, TriggerKind

__all__ = ["Detection", "alert_trigger", "find_triggers"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Detection:
    """What one look at a window gave."""

    triggers: tuple[Trigger, ...]
    """New ones, and known ones brought up to date; by onset, then id."""
    series_judged: int
    series_without_baseline: int
    """Series that have been seen for too short a time to be judged."""
    cold_start: bool
    """True while nothing at all can be judged yet: silence then means nothing."""


def find_triggers(window: SignalWindow, known: Iterable[Trigger] = ()) -> Detection:
    """
    Return the error bursts and log bursts of a window.

    Args:
        window: bins of spans and of logs, rows in any order.
        known: triggers of open incidents. Those that have not ended are followed against the
            baseline they were found with, and come back under the same id.
    """
    earlier = tuple(sorted((t for t in known if t.ended_unix_ns is None), key=_order))
    found: list[Trigger] = []
    judged = unjudged = 0
    if window.spans is not None and len(window.spans):
        counted = _counted_calls(window, window.spans)
        for failure in ("error", "refused"):
            triggers, ready, young = _span_triggers(window, window.spans, counted, failure, earlier)
            found.extend(triggers)
            judged, unjudged = judged + ready, unjudged + young
    if window.logs is not None and len(window.logs):
        triggers, ready, young = _log_triggers(window, window.logs, earlier)
        found.extend(triggers)
        judged, unjudged = judged + ready, unjudged + young
    unique = {trigger.trigger_id: trigger for trigger in found}
    return Detection(
        triggers=tuple(sorted(unique.values(), key=_order)),
        series_judged=judged,
        series_without_baseline=unjudged,
        cold_start=judged == 0,
    )


def alert_trigger(alert: ExternalAlert) -> Trigger:
    """Return an outside alert as a trigger; a resolution has the same id as its alert."""
    return Trigger(
        trigger_id=_trigger_id(
            "external_alert", alert.source, alert.fingerprint, str(alert.starts_unix_ns)
        ),
        kind=TriggerKind.EXTERNAL_ALERT,
        service=alert.service,
        operation=alert.operation,
        entry=False,
        onset_unix_ns=alert.starts_unix_ns,
        # Alert rules wait ("for: 1m") before they fire, so what they see began earlier.
        onset_slack_ns=5 * 60 * 1_000_000_000,
        detected_unix_ns=alert.received_unix_ns,
        last_seen_unix_ns=alert.ends_unix_ns or alert.received_unix_ns,
        ended_unix_ns=alert.ends_unix_ns,
        failure="",
        alert_name=alert.name,
        alert_source=alert.source,
        alert_fingerprint=alert.fingerprint,
        trust=alert.trust,
    )


def _order(trigger: Trigger) -> tuple[int, str]:
    return trigger.onset_unix_ns, trigger.trigger_id


def _trigger_id(*parts: str) -> str:
    return "trg_" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def _min_baseline_bins(window: SignalWindow) -> int:
    if window.begins_at_first_telemetry:
        return COLD_START_BASELINE_BINS
    return WARM_BASELINE_BINS


# -- calls ---------------------------------------------------------------------------------------


def _counted_calls(window: SignalWindow, spans: SpanBins) -> tuple[Series, Floats]:
    """Return the series of calls, and their numbers by bin."""
    bins = bin_count(window.start_unix_ns, window.end_unix_ns)
    series = series_rows(
        (spans.service, spans.operation, spans.kind), spans.bin_start_unix_ns,
        window.start_unix_ns, bins,
    )  # fmt: skip
    return series, series_matrix(series, spans.calls)


def _span_triggers(
    window: SignalWindow,
    spans: SpanBins,
    counted: tuple[Series, Floats],
    failure: str,
    earlier: Sequence[Trigger],
) -> tuple[list[Trigger], int, int]:
    """Return the bursts of errors, or of refusals, with how many series were old enough."""
    series, calls = counted
    failed, first = (
        (spans.errors, spans.first_error_unix_ns)
        if failure == "error"
        else (spans.refused, spans.first_refused_unix_ns)
    )
    failures = np.minimum(series_matrix(series, failed), calls)
    rise = MIN_ERROR_RISE_RATIO if failure == "error" else MIN_REFUSED_RISE_RATIO
    count = len(series.keys)
    rules = BurstRules(
        threshold_nats=BURST_THRESHOLD_NATS,
        min_events=np.full(count, float(MIN_FAILURES)),
        min_failing_bins=np.full(count, FAILING_BINS),
        min_baseline_bins=_min_baseline_bins(window),
        min_baseline_exposure=MIN_BASELINE_CALLS,
    )
    followed = {
        position: trigger
        for position, key in enumerate(series.keys)
        for trigger in earlier
        if trigger.kind is TriggerKind.ERROR_BURST
        and trigger.failure == failure
        and (trigger.service, trigger.operation) == key[:2]
        and key[2] == trigger.span_kind
    }
    bursts, ready = find_bursts(
        failures,
        calls,
        calls > 0,
        FailureRate(rise),
        rules,
        _known_bursts(window, followed, calls=True),
    )
    found: list[Trigger] = []
    if bursts:
        instants = first_instants(series, first)
        is_entry = series_matrix(series, spans.entry.astype(np.int64)).sum(axis=0) > 0
        found = [
            _call_trigger(
                window, series, burst, failure, calls, failures, instants, is_entry, followed
            )
            for burst in bursts
        ]
    judged = int(ready.sum())
    return found, judged, count - judged


def _call_trigger(
    window: SignalWindow,
    series: Series,
    burst: Burst,
    failure: str,
    calls: Floats,
    failures: Floats,
    instants: Integers,
    is_entry: Flags,
    followed: Mapping[int, Trigger],
) -> Trigger:
    """Return one burst of failing calls as a trigger."""
    times = _times(window, burst, instants[:, burst.series], followed.get(burst.series))
    after = slice(max(0, burst.onset_bin), burst.last_bin + 1)
    column = burst.series
    if burst.known:
        return _updated(followed[column], times, calls[after, column], failures[after, column])
    service, operation, kind = series.keys[column]
    before = slice(0, max(0, burst.onset_bin))
    return Trigger(
        trigger_id=_trigger_id(
            "error_burst", failure, service, operation, kind, str(times.onset_unix_ns)
        ),
        kind=TriggerKind.ERROR_BURST,
        service=service,
        operation=operation,
        span_kind=kind,
        entry=bool(is_entry[column]),
        onset_unix_ns=times.onset_unix_ns,
        onset_slack_ns=times.slack_ns,
        detected_unix_ns=window.start_unix_ns + (burst.alarm_bin + 1) * BIN_NS,
        last_seen_unix_ns=times.last_seen_unix_ns,
        ended_unix_ns=times.ended_unix_ns,
        failure=failure,
        events_before=int(failures[before, column].sum()),
        calls_before=int(calls[before, column].sum()),
        baseline_ns=burst.onset_bin * BIN_NS,
        events_after=int(failures[after, column].sum()),
        calls_after=int(calls[after, column].sum()),
        statistic=round(burst.statistic, 3),
        threshold=BURST_THRESHOLD_NATS,
    )


# -- logs ----------------------------------------------------------------------------------------


def _log_triggers(
    window: SignalWindow, logs: LogBins, earlier: Sequence[Trigger]
) -> tuple[list[Trigger], int, int]:
    """Return new and surging shapes at warning or above."""
    bins = bin_count(window.start_unix_ns, window.end_unix_ns)
    loud = logs.severity_number >= LOG_WARNING_SEVERITY
    # Shapes at warning and above; a shape's lines of several severities are one series.
    shape = np.where(loud, logs.template_id, "")
    series = series_rows((logs.service, shape), logs.bin_start_unix_ns, window.start_unix_ns, bins)
    lines = series_matrix(series, logs.lines)
    exposure, observed = _busyness(series, lines)
    severity = _highest_severity(series, logs.severity_number)
    count = len(series.keys)
    is_error = severity >= LOG_ERROR_SEVERITY
    rules = BurstRules(
        threshold_nats=LOG_THRESHOLD_NATS,
        min_events=np.where(is_error, float(MIN_LOG_LINES), float(MIN_WARNING_LINES)),
        min_failing_bins=np.where(is_error, FAILING_BINS, WARNING_BINS),
        min_baseline_bins=_min_baseline_bins(window),
    )
    log_kinds = (TriggerKind.NEW_LOG, TriggerKind.LOG_BURST)
    followed = {
        position: trigger
        for position, key in enumerate(series.keys)
        for trigger in earlier
        if trigger.kind in log_kinds and (trigger.service, trigger.template_id) == key
    }
    judged_lines = np.where([key[1] != "" for key in series.keys], lines, 0.0)
    bursts, ready = find_bursts(
        judged_lines, exposure, observed, LineRate(), rules,
        _known_bursts(window, followed, calls=False),
    )  # fmt: skip
    found: list[Trigger] = []
    if bursts:
        instants = first_instants(series, logs.first_unix_ns)
        texts = _texts(series, logs)
        found = [
            _line_trigger(window, series, burst, lines, instants, severity, texts, followed)
            for burst in bursts
        ]
    judged = int(ready.sum())
    return found, judged, count - judged


def _busyness(series: Series, lines: Floats) -> tuple[Floats, Flags]:
    """
    Return how much busier than usual each series' service was in each bin, and since when it is seen.

    Twice the ordinary lines make room for twice the warnings; fewer make no bin shorter. A service
    without ordinary lines gives no hint, and its bins count as one each.
    """
    exposure = np.ones_like(lines)
    observed = np.zeros(lines.shape, np.bool_)
    # Keys are sorted: a service's series lie side by side, the one of ordinary lines first.
    for service, group in groupby(range(len(series.keys)), key=lambda i: series.keys[i][0]):
        numbers = list(group)
        members = slice(numbers[0], numbers[-1] + 1)
        if series.keys[numbers[0]] == (service, ""):
            quiet = lines[:, numbers[0]]
            before = np.cumsum(quiet) - quiet
            mean = before / np.maximum(np.arange(len(quiet)), 1)
            busy = np.maximum(quiet / np.maximum(mean, 1.0), 1.0)
            exposure[:, members] = np.where(np.arange(len(quiet)) >= 3, busy, 1.0)[:, None]
        seen = np.cumsum(lines[:, members].sum(axis=1)) > 0
        observed[:, members] = seen[:, None]
    return exposure, observed


def _highest_severity(series: Series, severity: Integers) -> Integers:
    highest = np.zeros(len(series.keys), np.int64)
    np.maximum.at(highest, series.series_of_row, severity)
    return highest


def _texts(series: Series, logs: LogBins) -> list[tuple[str, str]]:
    """Return (template, lowest trust) per series; the smallest text, so that order is no matter."""
    texts: list[tuple[str, str]] = [("", "server_key")] * len(series.keys)
    for position, template, trust in zip(
        series.series_of_row.tolist(), logs.template.tolist(), logs.trust.tolist(), strict=True
    ):
        text, lowest = texts[position]
        texts[position] = (
            min(template, text) if text else template,
            "browser_unauthenticated" if trust == "browser_unauthenticated" else lowest,
        )
    return texts


def _line_trigger(
    window: SignalWindow,
    series: Series,
    burst: Burst,
    lines: Floats,
    instants: Integers,
    severity: Integers,
    texts: Sequence[tuple[str, str]],
    followed: Mapping[int, Trigger],
) -> Trigger:
    """Return one burst of log lines as a trigger."""
    column = burst.series
    times = _times(window, burst, instants[:, column], followed.get(column))
    after = slice(max(0, burst.onset_bin), burst.last_bin + 1)
    if burst.known:
        none = np.zeros(1)
        return _updated(followed[column], times, none, lines[after, column])
    service, template_id = series.keys[column]
    before = int(lines[: max(0, burst.onset_bin), column].sum())
    return Trigger(
        trigger_id=_trigger_id("log", service, template_id, str(times.onset_unix_ns)),
        kind=TriggerKind.NEW_LOG if before == 0 else TriggerKind.LOG_BURST,
        service=service,
        operation="",
        entry=False,
        onset_unix_ns=times.onset_unix_ns,
        onset_slack_ns=times.slack_ns,
        detected_unix_ns=window.start_unix_ns + (burst.alarm_bin + 1) * BIN_NS,
        last_seen_unix_ns=times.last_seen_unix_ns,
        ended_unix_ns=times.ended_unix_ns,
        failure="",
        events_before=before,
        baseline_ns=burst.onset_bin * BIN_NS,
        events_after=int(lines[after, column].sum()),
        statistic=round(burst.statistic, 3),
        threshold=LOG_THRESHOLD_NATS,
        template_id=template_id,
        template=texts[column][0],
        severity_number=int(severity[column]),
        trust=texts[column][1],
    )


# -- times ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Times:
    onset_unix_ns: int
    slack_ns: int
    last_seen_unix_ns: int
    ended_unix_ns: int | None


def _times(window: SignalWindow, burst: Burst, first: Integers, known: Trigger | None) -> _Times:
    """Turn a burst's bins into instants; the first exact failure of the onset's bin is the onset."""
    start = window.start_unix_ns
    last_seen = start + (burst.last_bin + 1) * BIN_NS
    if known is not None and burst.known:
        last_seen = max(known.last_seen_unix_ns, last_seen)
        return _Times(
            known.onset_unix_ns, known.onset_slack_ns, last_seen, last_seen if burst.ended else None
        )
    onset = start + burst.onset_bin * BIN_NS
    exact = int(first[burst.onset_bin])
    low = start + burst.onset_low_bin * BIN_NS
    high = start + (burst.onset_high_bin + 1) * BIN_NS
    chosen = exact or onset
    slack = max(chosen - low, high - chosen, BIN_NS) if not exact else max(high - chosen, 0)
    return _Times(chosen, slack, last_seen, last_seen if burst.ended else None)


def _known_bursts(
    window: SignalWindow, followed: Mapping[int, Trigger], *, calls: bool
) -> dict[int, KnownBurst]:
    """Return how to follow triggers found earlier."""
    return {
        position: KnownBurst(
            onset_bin=(trigger.onset_unix_ns - window.start_unix_ns) // BIN_NS,
            events_before=float(trigger.events_before),
            exposure_before=(
                float(trigger.calls_before) if calls else trigger.baseline_ns / BIN_NS
            ),
            baseline_bins=trigger.baseline_ns // BIN_NS,
        )
        for position, trigger in followed.items()
    }


def _updated(known: Trigger, times: _Times, calls: Floats, events: Floats) -> Trigger:
    """Bring a known trigger up to date; counts never fall when its onset has left the window."""
    return replace(
        known,
        last_seen_unix_ns=times.last_seen_unix_ns,
        ended_unix_ns=times.ended_unix_ns,
        events_after=max(known.events_after, int(events.sum())),
        calls_after=max(known.calls_after, int(calls.sum())),
    )
