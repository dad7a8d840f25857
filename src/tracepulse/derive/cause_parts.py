"""The named parts of a change's score: how far each fact speaks for or against it."""

import re
from collections.abc import Iterator, Mapping

from tracepulse.derive.comparisons import is_new, is_surging, log_ratio_of_shares, share
from tracepulse.derive.facts import (
    change_key,
    commit_key,
    edge_key,
    log_key,
    risen_edges,
    shape_slots,
    trigger_key,
)
from tracepulse.derive.limits.causes import CHANGE_HALF_LIFE_NS, EDGE_CHANGE_NATS
from tracepulse.model.change import Change
from tracepulse.model.commit import CodeReading, Commit, Hunk
from tracepulse.model.evidence import EvidencePart, Fact
from tracepulse.model.findings import Findings
from tracepulse.model.flow import FailureSummary

__all__ = ["change_parts", "suspect_commit"]

WEIGHTS: Mapping[str, float] = {
    "proximity": 2.0,
    "place": 2.5,
    "error_origin": 1.0,
    "only_edge": 0.5,
    "new_log": 0.5,
    "code_overlap": 1.5,
    "value_match": 1.5,
    "version_contrast": 2.0,
}
"""Log-odds that each part adds at full strength; set by hand until verdicts refit them."""

REFUTED = 5.0
"""Log-odds against a change whose former version fails just as much: that is what refutes it."""
SETS_NUMBER = re.compile(r"[^=:]{1,120}[:=]\s*(\d{1,15}(?:\.\d{1,9})?)\s*[,;]?\s*(?:#.*|//.*)?")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


def change_parts(
    change: Change, findings: Findings, failures: FailureSummary, facts: Mapping[str, Fact]
) -> tuple[EvidencePart, ...]:
    """Return the parts that apply to a change, by size of effect and name."""
    parts = [
        _proximity(change, findings),
        *_place(change, findings, facts),
        *_error_origin(change, failures, facts),
        *_only_edge(change, findings, facts),
        *_new_log(change, findings, facts),
        *_code(change, findings, facts),
        *_versions(change, findings, facts),
    ]
    return tuple(sorted(parts, key=lambda part: (-abs(part.log_odds), part.name)))


def suspect_commit(reading: CodeReading | None) -> Commit | None:
    """Return the commit of a change that stands out: the only one, or clearly the best matched."""
    if reading is None or not reading.commits:
        return None
    first = reading.commits[0]
    if len(reading.commits) == 1 and not reading.commits_left_out:
        return first
    best = _score(first)
    second = _score(reading.commits[1]) if len(reading.commits) > 1 else 0.0
    return first if best >= 0.3 and best >= 1.5 * second else None


def _score(commit: Commit) -> float:
    return commit.hunks[0].score if commit.hunks else 0.0


def _part(name: str, strength: float, *fact_keys: str) -> EvidencePart:
    return EvidencePart(name, round(strength, 4), WEIGHTS[name], tuple(sorted(fact_keys)))


def _proximity(change: Change, findings: Findings) -> EvidencePart:
    incident = findings.incident
    lag_ns = max(0, incident.onset_unix_ns - change.at_unix_ns)
    first = next(t for t in incident.triggers if t.onset_unix_ns == incident.onset_unix_ns)
    strength = 0.5 ** (lag_ns / CHANGE_HALF_LIFE_NS)
    return _part("proximity", strength, change_key(change), trigger_key(first))


def _place(change: Change, findings: Findings, facts: Mapping[str, Fact]) -> Iterator[EvidencePart]:
    """How near the changed service is to where the failures begin."""
    incident = findings.incident
    where = tuple(key for key in ("origin:0",) if key in facts) or (change_key(change),)
    called = {edge.callee for edge in findings.edges if edge.caller == incident.faulty_service}
    if not incident.faulty_service:
        return
    if change.service == incident.faulty_service:
        yield _part("place", 1.0, *where)
    elif change.service in called or change.service in incident.path:
        yield _part("place", 0.1, *where)
    elif incident.path:
        yield _part("place", -1.0, *where)


def _error_origin(
    change: Change, failures: FailureSummary, facts: Mapping[str, Fact]
) -> Iterator[EvidencePart]:
    """The share of failing traces whose deepest failure is in the changed service."""
    if not failures.failing_traces:
        return
    mine = [i for i, o in enumerate(failures.origins) if o.service == change.service]
    traces = sum(failures.origins[i].traces for i in mine)
    cited = [f"origin:{i}" for i in mine if f"origin:{i}" in facts] or ["origin:0"]
    strength = share(traces, failures.failing_traces)
    yield _part("error_origin", strength if mine else -0.5, *cited)


def _only_edge(
    change: Change, findings: Findings, facts: Mapping[str, Fact]
) -> Iterator[EvidencePart]:
    """All calls that began to fail lead to the changed service, and none goes on from it."""
    risen = [edge for edge in risen_edges(findings.edges) if edge.caller]
    if not risen or edge_key(risen[0]) not in facts:
        return
    callers = {edge.caller for edge in risen}
    leaves = {edge.callee for edge in risen if edge.callee not in callers}
    if leaves == {change.service}:
        yield _part("only_edge", 1.0, *(edge_key(edge) for edge in risen), "edges:unchanged")


def _new_log(
    change: Change, findings: Findings, facts: Mapping[str, Fact]
) -> Iterator[EvidencePart]:
    """The changed service writes something that it did not write before."""
    mine = [
        shape
        for shape in findings.log_shapes
        if shape.service == change.service
        and (is_new(shape) or is_surging(shape, findings.window))
        and shape.severity_number >= 13
    ]
    keys = [log_key(shape) for shape in mine if log_key(shape) in facts]
    if keys:
        yield _part("new_log", 1.0 if any(is_new(shape) for shape in mine) else 0.5, *keys)


def _code(change: Change, findings: Findings, facts: Mapping[str, Fact]) -> Iterator[EvidencePart]:
    """The commits of the change touch what the failures point at."""
    reading = next((r for r in findings.code if r.change_id == change.change_id), None)
    if reading is None or not reading.commits:
        return
    commit = reading.commits[0]
    cited = commit_key(change.change_id, commit.revision)
    if cited not in facts:
        return
    score = _score(commit)
    yield _part("code_overlap", score if score > 0 else -0.3, cited)
    matched = [
        f"value:{key}:{slot.position}"
        for key, slots in shape_slots(findings).items()
        for slot in slots
        if _sets_value(commit, (slot.smallest, slot.largest))
    ]
    if matched:
        yield _part("value_match", 0.8, cited, *matched)


def _sets_value(commit: Commit, limits: tuple[float, float]) -> bool:
    """Tell whether an added line holds a number that bounds what the log lines show."""
    # Small numbers are everywhere; a logged number may be rounded down.
    return any(
        value >= 5 and any(abs(limit - value) <= max(1.0, 0.03 * value) for limit in limits)
        for hunk in commit.hunks
        for value in _new_values(hunk)
    )


def _new_values(hunk: Hunk) -> set[float]:
    """Return the numbers that a hunk brings: new ones, and those that a setting is now alone."""
    removed = [line[1:].strip() for line in hunk.lines if line.startswith("-")]
    added = [line[1:].strip() for line in hunk.lines if line.startswith("+")]
    known = {number for line in removed for number in NUMBER.findall(line)}
    found = {number for line in added for number in NUMBER.findall(line)} - known
    # `30 * 60` becoming `30` brings no new number, and yet another value.
    alone = (SETS_NUMBER.fullmatch(line) for line in added if line not in removed)
    found |= {match.group(1) for match in alone if match is not None}
    return {float(number) for number in found}


def _versions(
    change: Change, findings: Findings, facts: Mapping[str, Fact]
) -> Iterator[EvidencePart]:
    """Where two versions answer at the same time, the new one must fail more."""
    rows = [o for o in findings.versions if o.service == change.service and o.calls > 0]
    new = [o for o in rows if o.version and o.version == change.version]
    old = [o for o in rows if o.version and o.version != change.version]
    if not new or not old or f"version:{change.service}" not in facts:
        return
    new_errors, new_calls = sum(o.errors for o in new), sum(o.calls for o in new)
    old_errors, old_calls = sum(o.errors for o in old), sum(o.calls for o in old)
    if min(new_calls, old_calls) < 20:
        return
    apart = log_ratio_of_shares(old_errors, old_calls, new_errors, new_calls)
    worse = share(new_errors, new_calls) > share(old_errors, old_calls)
    strength = 1.0 if worse and apart >= EDGE_CHANGE_NATS else -1.0
    weight = WEIGHTS["version_contrast"] if strength > 0 else REFUTED
    yield EvidencePart("version_contrast", strength, weight, (f"version:{change.service}",))
