"""
Causes: candidates scored from named evidence, with a probability and room for the unknown.

Each candidate's parts add up to log-odds against "something else"; a softmax over all candidates and
the unknown (at 0) gives probabilities. No candidate gets more than its number of independent kinds
of supporting evidence allows: one coincidence, however close, is not a proof. Weights and limits are
set by hand in `cause_parts` and `thresholds`, to be refitted from verdicts.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tracepulse.derive.cause_parts import change_parts, suspect_commit
from tracepulse.derive.comparisons import share
from tracepulse.derive.facts import change_key, gather_facts, traffic_change
from tracepulse.derive.limits.causes import (
    CHANGE_LATENESS_NS,
    CHANGE_LOOKBACK_NS,
    CHANGE_PRIOR,
    OPERATION_PRIOR,
    UNKNOWN_FLOOR,
)
from tracepulse.model.cause import Cause, CauseKind, CauseRanking, RuledOut
from tracepulse.model.change import Change
from tracepulse.model.evidence import EvidencePart, Fact
from tracepulse.model.findings import Findings
from tracepulse.model.flow import FailureSummary

__all__ = ["duration", "rank_causes"]

CEILINGS = (0.10, 0.35, 0.65, 0.78, 0.86, 0.90, 0.93, 0.95)
"""The most that a candidate may get with 0, 1, 2, … independent kinds of evidence for it."""
INDEPENDENT = {
    "proximity": "time",
    "place": "place",
    "error_origin": "place",
    "only_edge": "edges",
    "new_log": "logs",
    "code_overlap": "code",
    "value_match": "value",
    "version_contrast": "version",
}
"""Parts that show the same thing count as one kind."""
UNEXPLAINED_CEILING = 0.45
"""A place is not a cause: without a change, the unknown stays the likeliest."""
RULED_OUT_BELOW = 0.05
SUPPORTS_FROM = 0.25
USUAL_TRAFFIC_RATIO = 0.25
"""Traffic that moved by less than a quarter explains no failures."""


def rank_causes(findings: Findings, failures: FailureSummary) -> CauseRanking:
    """Return every candidate with its probability, what was ruled out, and what was missing."""
    facts = gather_facts(findings, failures)
    candidates = [
        _change_cause(change, findings, failures, facts)
        for change in findings.changes
        if _could_precede(change, findings)
    ]
    candidates.extend(_place_causes(findings, failures, facts))
    scored = _with_probabilities(candidates)
    causes = tuple(c for c in scored if c.probability >= RULED_OUT_BELOW)
    small = [c for c in scored if c.probability < RULED_OUT_BELOW]
    unknown = max(0.0, 1.0 - sum(c.probability for c in causes))
    return CauseRanking(
        causes=causes,
        unknown_probability=round(unknown, 3),
        ceiling=_ceiling(causes[0]) if causes else 0.0,
        ruled_out=tuple(_ruled_out(findings, small)),
        facts=tuple(facts.values()),
        missing=tuple(_missing(findings, failures)),
    )


def _could_precede(change: Change, findings: Findings) -> bool:
    onset = findings.incident.onset_unix_ns
    return onset - CHANGE_LOOKBACK_NS <= change.at_unix_ns <= onset + CHANGE_LATENESS_NS


# -- candidates ----------------------------------------------------------------------------------


def _change_cause(
    change: Change, findings: Findings, failures: FailureSummary, facts: Mapping[str, Fact]
) -> Cause:
    parts = change_parts(change, findings, failures, facts)
    reading = next((r for r in findings.code if r.change_id == change.change_id), None)
    commit = suspect_commit(reading)
    names = {"service": change.service, "kind": change.kind}
    if commit is not None:
        names["revision"] = commit.revision[:7]
        wording = "commit {revision} in {service}, which came with a {kind}"
    elif change.revision:
        names["revision"] = change.revision[:7]
        wording = "the {kind} of {service} at revision {revision}"
    else:
        wording = "the {kind} of {service}"
    if change.version:
        names["version"] = change.version
        wording += " to {version}"
    lag_ns = findings.incident.onset_unix_ns - change.at_unix_ns
    wording += (
        f", {duration(lag_ns)} before the onset"
        if lag_ns >= 0
        else ", reported with the first failures"
    )
    return Cause(
        cause_id=change_key(change),
        kind=CauseKind.CHANGE,
        service=change.service,
        probability=0.0,
        score=round(CHANGE_PRIOR + sum(part.log_odds for part in parts), 4),
        prior=CHANGE_PRIOR,
        parts=parts,
        wording=wording,
        names=names,
        would_refute=tuple(_change_refutations(change, findings)),
        change_id=change.change_id,
        revision=commit.revision if commit else (change.revision or ""),
    )


def duration(length_ns: int) -> str:
    """Return a length of time in the words that people use for delays."""
    seconds = length_ns // 1_000_000_000
    if seconds < 600:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def _change_refutations(change: Change, findings: Findings) -> Iterator[str]:
    others = [
        o
        for o in findings.versions
        if o.service == change.service and o.version != (change.version or "") and o.calls
    ]
    if change.version:
        running = "" if others else " (no other version answered since the onset)"
        yield f"the same failures on an instance of {{service}} not at {{version}}{running}"
    yield "the same failures before the {kind}"
    yield "failures that go on after it is taken back"


def _place_causes(
    findings: Findings, failures: FailureSummary, facts: Mapping[str, Fact]
) -> Iterator[Cause]:
    """Return the place where failures begin as a candidate of its own: the fault no change explains."""
    incident = findings.incident
    if failures.origins:
        origin = failures.origins[0]
        strength = share(origin.traces, failures.failing_traces)
        parts = (EvidencePart("error_origin", round(strength, 4), 1.5, ("origin:0",)),)
        if origin.resource:
            yield _resource_cause(origin.resource, origin.service, parts)
            return
        yield _operation_cause(origin.service, origin.operation, parts)
    elif incident.faulty_service:
        keys = tuple(sorted(key for key in facts if key.startswith("trigger:")))
        parts = (EvidencePart("error_origin", 0.3, 1.5, keys),)
        yield _operation_cause(incident.faulty_service, incident.faulty_operation, parts)


def _operation_cause(service: str, operation: str, parts: tuple[EvidencePart, ...]) -> Cause:
    names = {"service": service}
    wording = "something in {service} that no recorded change explains"
    if operation:
        names["operation"] = operation
        wording = "something in {service}, at {operation}, that no recorded change explains"
    return Cause(
        cause_id=f"operation:{service}:{operation}",
        kind=CauseKind.OPERATION,
        service=service,
        probability=0.0,
        score=round(OPERATION_PRIOR + sum(part.log_odds for part in parts), 4),
        prior=OPERATION_PRIOR,
        parts=parts,
        wording=wording,
        names=names,
        would_refute=("failing requests that never reach {service}",),
        operation=operation,
    )


def _resource_cause(resource: str, service: str, parts: tuple[EvidencePart, ...]) -> Cause:
    return Cause(
        cause_id=f"resource:{resource}",
        kind=CauseKind.RESOURCE,
        service=service,
        probability=0.0,
        score=round(OPERATION_PRIOR + sum(part.log_odds for part in parts), 4),
        prior=OPERATION_PRIOR,
        parts=parts,
        wording="{resource}, as {service} calls it",
        names={"resource": resource, "service": service},
        would_refute=("other callers of {resource} that are served well",),
        resource=resource,
    )


# -- probabilities -------------------------------------------------------------------------------


def _with_probabilities(candidates: Sequence[Cause]) -> list[Cause]:
    """Return the candidates with probabilities, the likeliest first; ties by id."""
    weights = [math.exp(cause.score) for cause in candidates]
    total = 1.0 + sum(weights)
    rated = [
        replace(cause, probability=round(min(weight / total, _ceiling(cause)), 3))
        for cause, weight in zip(candidates, weights, strict=True)
    ]
    mass = sum(cause.probability for cause in rated)
    most = 1.0 - UNKNOWN_FLOOR
    if mass > most:
        rated = [replace(c, probability=round(c.probability * most / mass, 3)) for c in rated]
    return sorted(rated, key=lambda cause: (-cause.probability, cause.cause_id))


def _ceiling(cause: Cause) -> float:
    """Return the most that a candidate may get, by its independent kinds of evidence."""
    if cause.kind is not CauseKind.CHANGE:
        return UNEXPLAINED_CEILING
    kinds = {INDEPENDENT[part.name] for part in cause.parts if part.strength >= SUPPORTS_FROM}
    return CEILINGS[min(len(kinds), len(CEILINGS) - 1)]


# -- what it is not ------------------------------------------------------------------------------


def _ruled_out(findings: Findings, small: Sequence[Cause]) -> Iterator[RuledOut]:
    unlikely = {cause.change_id: cause for cause in small if cause.change_id}
    ordered = sorted(findings.changes, key=lambda c: (-c.at_unix_ns, c.change_id))
    for change in ordered:
        reason = _why_not(change, findings)
        if reason is not None and (
            change.change_id in unlikely or not _could_precede(change, findings)
        ):
            names = {"kind": change.kind, "service": change.service}
            if change.version:
                names["version"] = change.version
            subject = "the {kind} of {service}" + (" {version}" if change.version else "")
            yield RuledOut(change_key(change), f"{subject}: {reason}", names, (change_key(change),))
    traffic = traffic_change(findings)
    if traffic is not None and abs(traffic) < USUAL_TRAFFIC_RATIO:
        yield RuledOut("traffic", "more or less traffic", {}, ("traffic",))


def _why_not(change: Change, findings: Findings) -> str | None:
    incident = findings.incident
    lag_ns = incident.onset_unix_ns - change.at_unix_ns
    if lag_ns < -CHANGE_LATENESS_NS:
        return f"{duration(-lag_ns)} after the onset"
    if lag_ns > CHANGE_LOOKBACK_NS:
        return f"{duration(lag_ns)} before the onset"
    if incident.path and change.service not in incident.path:
        return "not on the affected path"
    if change.service != incident.faulty_service and incident.faulty_service:
        return f"the failures do not begin there; {duration(lag_ns)} before the onset"
    return f"{duration(lag_ns)} before the onset"


def _missing(findings: Findings, failures: FailureSummary) -> Iterator[str]:
    if not failures.failing_traces:
        yield "no failing traces: the place is judged from logs and counts alone"
    if not findings.changes:
        yield "no change was reported in the day before the onset"
    read = {reading.change_id for reading in findings.code if not reading.skipped}
    if findings.changes and not read:
        yield "no source was read: commits and diffs are not judged"
    if not findings.incident.path:
        yield "the affected path is not known"
