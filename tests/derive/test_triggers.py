"""Triggers on drawn series: what is a burst, what is healthy noise, and when each began."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracepulse.derive.limits.detection import BIN_NS
from tracepulse.derive.triggers import Detection, alert_trigger, find_triggers
from tracepulse.model.bins import LogBins, SignalWindow, SpanBins
from tracepulse.model.trigger import ExternalAlert, Trigger

CASES = sorted((Path(__file__).parent.parent / "cases/triggers").glob("*.json"))
START = 1_763_700_000 * 1_000_000_000


def bins(text: str) -> list[int]:
    """Read `"0x12 3 4"` as twelve zeros, a three and a four."""
    values: list[int] = []
    for word in text.split():
        value, _, times = word.partition("x")
        values.extend([int(value)] * int(times or 1))
    return values


def object_array(values: list[str]) -> np.ndarray:
    """Return texts as a column."""
    return np.array(values, dtype=object)


def read_window(case: Mapping[str, Any], order: np.random.Generator | None = None) -> SignalWindow:
    """Return a case's window; with an order, its rows shuffled."""
    calls = [(s, t, c) for s in case["calls"] for t, c in enumerate(bins(s["calls"])) if c]
    lines = [(s, t, c) for s in case["lines"] for t, c in enumerate(bins(s["lines"])) if c]
    length = max(len(bins(s.get("calls") or s["lines"])) for s in case["calls"] + case["lines"])
    if order is not None:
        order.shuffle(calls)
        order.shuffle(lines)

    def failures(name: str) -> np.ndarray:
        rows = [bins(s.get(name, f"0x{length}"))[t] for s, t, _ in calls]
        return np.array(rows, dtype=np.int64)

    none = np.zeros(len(calls), dtype=np.int64)
    spans = SpanBins(
        bin_start_unix_ns=np.array([START + t * BIN_NS for _, t, _ in calls], dtype=np.int64),
        service=object_array([s["service"] for s, _, _ in calls]),
        operation=object_array([s["operation"] for s, _, _ in calls]),
        kind=object_array([s["kind"] for s, _, _ in calls]),
        entry=np.array([s["entry"] for s, _, _ in calls], dtype=np.bool_),
        calls=np.array([c for _, _, c in calls], dtype=np.int64),
        errors=failures("errors"),
        refused=failures("refused"),
        first_error_unix_ns=none,
        first_refused_unix_ns=none,
    )
    logs = LogBins(
        bin_start_unix_ns=np.array([START + t * BIN_NS for _, t, _ in lines], dtype=np.int64),
        service=object_array([s["service"] for s, _, _ in lines]),
        severity_number=np.array([s["severity"] for s, _, _ in lines], dtype=np.int64),
        template_id=object_array([s["template"] for s, _, _ in lines]),
        template=object_array([s["template"] for s, _, _ in lines]),
        lines=np.array([c for _, _, c in lines], dtype=np.int64),
        first_unix_ns=np.zeros(len(lines), dtype=np.int64),
        trust=object_array(["server_key"] * len(lines)),
    )
    return SignalWindow(START, START + length * BIN_NS, case["cold"], spans, logs)


def told(trigger: Trigger, expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a trigger in the words of a case; the onset may be off by two bins (10 s)."""
    onset = (trigger.onset_unix_ns - START) / BIN_NS
    known = (trigger.detected_unix_ns - START) / BIN_NS
    ended = trigger.ended_unix_ns
    near = abs(onset - expected["onset_bin"]) <= 2
    said: dict[str, Any] = {
        "kind": str(trigger.kind),
        "service": trigger.service,
        "about": trigger.operation or trigger.template,
        "onset_bin": expected["onset_bin"] if near else onset,
        "known_by": max(known, expected["known_by"]),
    }
    if trigger.failure:
        said["failure"] = trigger.failure
    if ended is not None:
        said["ended_bin"] = (ended - START) / BIN_NS
    return said


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    """Each drawn case gives its triggers, however its rows arrive."""
    case = json.loads(path.read_text())
    found = find_triggers(read_window(case))
    wanted = case["expected"]
    assert len(found.triggers) == len(wanted), found.triggers
    assert [told(t, e) for t, e in zip(found.triggers, wanted, strict=True)] == wanted
    assert found.series_without_baseline >= case.get("without_baseline", 0)
    mixed = find_triggers(read_window(case, np.random.default_rng(5)))
    assert mixed == found


def burst(known: int = 20) -> SignalWindow:
    """A burst from the thirteenth bin on, seen after `known` bins."""
    case = json.loads((CASES[0].parent / "burst_after_a_minute.json").read_text())
    return replace(read_window(case), end_unix_ns=START + known * BIN_NS)


def test_known_trigger_keeps_id_and_onset_as_data_grows() -> None:
    """A trigger found early is followed, under its id, with its counts brought up to date."""
    early = find_triggers(burst(16)).triggers[0]
    late = find_triggers(burst(20), known=[early]).triggers[0]
    assert (late.trigger_id, late.onset_unix_ns) == (early.trigger_id, early.onset_unix_ns)
    assert late.events_after == 26
    assert late.last_seen_unix_ns == START + 20 * BIN_NS


def test_known_trigger_is_followed_when_its_baseline_has_left_the_window() -> None:
    """A burst longer than the window is still told from its own baseline, and has not ended."""
    early = find_triggers(burst(16)).triggers[0]
    late = replace(burst(20), start_unix_ns=START + 14 * BIN_NS, begins_at_first_telemetry=False)
    followed = find_triggers(late, known=[early]).triggers
    assert [t.trigger_id for t in followed] == [early.trigger_id]
    assert followed[0].ended_unix_ns is None


def test_alert_and_its_resolution_are_one_trigger() -> None:
    """What resolves an alert has the alert's id and an end."""
    fires = ExternalAlert("alertmanager", "f1", "CheckoutErrors", START, START + BIN_NS)
    resolved = replace(fires, ends_unix_ns=START + 9 * BIN_NS, received_unix_ns=START + 9 * BIN_NS)
    first, second = alert_trigger(fires), alert_trigger(resolved)
    assert first.trigger_id == second.trigger_id
    assert (first.ended_unix_ns, second.ended_unix_ns) == (None, START + 9 * BIN_NS)


def test_nothing_known_is_said_to_be_a_cold_start() -> None:
    """Without telemetry the silence is marked as meaning nothing."""
    empty = SignalWindow(START, START + 60 * BIN_NS, True, None, None)
    assert find_triggers(empty) == Detection((), 0, 0, True)
