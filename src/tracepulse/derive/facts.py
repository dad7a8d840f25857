"""What is observed about an incident, as facts that causes and bundles cite."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tracepulse.derive.comparisons import edge_rose, is_new, is_surging, share
from tracepulse.derive.limits.limit import S_NS
from tracepulse.derive.number_slots import NumberSlot, number_slots
from tracepulse.model.change import Change
from tracepulse.model.evidence import Fact
from tracepulse.model.findings import Findings, LogShapeChange, OperationChange
from tracepulse.model.flow import EdgeChange, FailureOrigin, FailureSummary
from tracepulse.model.trigger import Trigger, TriggerKind

__all__ = [
    "change_key",
    "commit_key",
    "edge_key",
    "gather_facts",
    "log_key",
    "risen_edges",
    "shape_slots",
    "traffic_change",
    "trigger_key",
]


def gather_facts(findings: Findings, failures: FailureSummary) -> Mapping[str, Fact]:
    """Return every fact by key, keys sorted."""
    facts = [
        *_impact_facts(findings),
        *(_trigger_fact(trigger) for trigger in findings.incident.triggers),
        *(_change_fact(change) for change in findings.changes),
        *_edge_facts(findings.edges),
        *_origin_facts(failures),
        *_blocking_facts(findings),
        *_log_facts(findings),
        *_version_facts(findings),
        *_commit_facts(findings),
    ]
    return {fact.key: fact for fact in sorted(facts, key=lambda fact: fact.key)}


def trigger_key(trigger: Trigger) -> str:
    """Return the key of a trigger's fact."""
    return f"trigger:{trigger.trigger_id}"


def change_key(change: Change) -> str:
    """Return the key of a change's fact."""
    return f"change:{change.change_id}"


def edge_key(edge: EdgeChange) -> str:
    """Return the key of a changed edge's fact."""
    return f"edge:{edge.caller}>{edge.callee}:{edge.connection}"


def log_key(shape: LogShapeChange) -> str:
    """Return the key of a log shape's fact."""
    return f"log:{shape.service}:{shape.template_id}"


def commit_key(change_id: str, revision: str) -> str:
    """Return the key of a commit's fact."""
    return f"commit:{change_id}:{revision}"


def risen_edges(edges: Iterable[EdgeChange]) -> tuple[EdgeChange, ...]:
    """Return the edges that fail more often than before, in the order given."""
    return tuple(edge for edge in edges if edge_rose(edge))


def shape_slots(findings: Findings) -> Mapping[str, tuple[NumberSlot, ...]]:
    """Return the varying numbers of new and surging shapes, by the key of the shape's fact."""
    slots = {log_key(shape): number_slots(shape.examples) for shape in _risen(findings)}
    return {key: found for key, found in slots.items() if found}


def _risen(findings: Findings) -> list[LogShapeChange]:
    return [
        shape
        for shape in findings.log_shapes
        if is_new(shape) or is_surging(shape, findings.window)
    ]


# -- calls ---------------------------------------------------------------------------------------


def percent(part: int, whole: int) -> str:
    """Return a share in words, with one digit below ten percent."""
    value = 100 * share(part, whole)
    return f"{value:.0f}%" if value >= 9.95 or value == 0 else f"{value:.1f}%"


def _failed_after(operation: OperationChange) -> int:
    return operation.errors_after + operation.refused_after


def _failed_before(operation: OperationChange) -> int:
    return operation.errors_before + operation.refused_before


def _rose(operation: OperationChange, findings: Findings) -> bool:
    """Tell whether an operation is the incident's entry or fails more often than before."""
    incident = findings.incident
    if (operation.service, operation.operation) == (
        incident.entry_service,
        incident.entry_operation,
    ):
        return True
    edge = EdgeChange(
        "",
        operation.service,
        operation.calls_before,
        _failed_before(operation),
        operation.calls_after,
        _failed_after(operation),
    )
    return edge_rose(edge)


def _impact_facts(findings: Findings) -> Iterator[Fact]:
    entries = [o for o in findings.operations if o.entry and _rose(o, findings)]
    entries.sort(key=lambda o: (-_failed_after(o), o.service, o.operation))
    for operation in entries[:5]:
        after = percent(_failed_after(operation), operation.calls_after)
        before = percent(_failed_before(operation), operation.calls_before)
        yield Fact(
            key=f"impact:{operation.service}:{operation.operation}",
            kind="impact",
            wording=f"{_failed_after(operation):,} of {operation.calls_after:,} calls of"
            f" {{operation}} at {{service}} failed since the onset: {after}, before {before}",
            names={"operation": operation.operation, "service": operation.service},
        )
    yield from _traffic_facts(findings)
    yield from _latency_facts(findings)


def traffic_change(findings: Findings) -> float | None:
    """Return by which share the calls from outside per second rose; None when too few are known."""
    window = findings.window
    before_ns = window.onset_unix_ns - window.start_unix_ns
    after_ns = window.end_unix_ns - window.onset_unix_ns
    before = sum(o.calls_before for o in findings.operations if o.entry)
    after = sum(o.calls_after for o in findings.operations if o.entry)
    if before < 20 or before_ns <= 0 or after_ns <= 0:
        return None
    return (after / after_ns) / (before / before_ns) - 1


def _traffic_facts(findings: Findings) -> Iterator[Fact]:
    change = traffic_change(findings)
    if change is not None:
        yield Fact(
            key="traffic",
            kind="traffic",
            wording=f"Calls from outside per second: {change:+.0%} against before the onset",
        )


def _latency_facts(findings: Findings) -> Iterator[Fact]:
    incident = findings.incident
    for operation in findings.operations:
        if (operation.service, operation.operation) != (
            incident.entry_service,
            incident.entry_operation,
        ):
            continue
        before, after = operation.p95_before_ns, operation.p95_after_ns
        if before and after:
            yield Fact(
                key="latency",
                kind="latency",
                wording=f"p95 of {{operation}} went from {milliseconds(before)} to"
                f" {milliseconds(after)}",
                names={"operation": operation.operation},
            )


def milliseconds(length_ns: int) -> str:
    """Return a length of time for reading."""
    if length_ns >= 10 * S_NS:
        return f"{length_ns / S_NS:.0f} s"
    if length_ns >= S_NS:
        return f"{length_ns / S_NS:.1f} s"
    value = length_ns / 1e6
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _edge_facts(edges: Sequence[EdgeChange]) -> Iterator[Fact]:
    risen = risen_edges(edges)
    for edge in risen:
        before = percent(edge.errors_before, edge.calls_before)
        after = percent(edge.errors_after, edge.calls_after)
        yield Fact(
            key=edge_key(edge),
            kind="edge",
            wording=f"Calls {{caller}} → {{callee}}: failures {before} → {after}"
            f" ({edge.errors_after:,} of {edge.calls_after:,})",
            names={"caller": edge.caller or "outside", "callee": edge.callee},
        )
    others = len(edges) - len(risen)
    if edges:
        yield Fact(
            key="edges:unchanged",
            kind="edges",
            wording=f"{others} other edge{'s' if others != 1 else ''} compared:"
            " none fails more often than before",
        )


# -- failing traces ------------------------------------------------------------------------------


def _origin_facts(failures: FailureSummary) -> Iterator[Fact]:
    for place, origin in enumerate(failures.origins[:3]):
        yield _origin_fact(origin, place, failures.failing_traces)


def _origin_fact(origin: FailureOrigin, place: int, failing: int) -> Fact:
    names = {"service": origin.service, "operation": origin.operation}
    ending = ""
    if origin.status:
        names["status"] = origin.status
        ending = " with status {status}"
    if origin.resource:
        names["resource"] = origin.resource
        ending += ", calling {resource}"
    return Fact(
        key=f"origin:{place}",
        kind="origin",
        wording=f"In {origin.traces} of {failing} sampled failing traces the deepest failure is"
        f" {{operation}} in {{service}}{ending}",
        names=names,
        quotes=(origin.message,) if origin.message else (),
        trust="server_key" if origin.message else "server_computed",
    )


def _blocking_facts(findings: Findings) -> Iterator[Fact]:
    if findings.blocking is not None:
        yield Fact(
            key="blocking",
            kind="blocking",
            wording=f"Blocking path of trace {{trace}},"
            f" {milliseconds(findings.blocking.duration_ns)}",
            names={"trace": findings.blocking.trace_id},
        )


# -- logs ----------------------------------------------------------------------------------------


def _log_facts(findings: Findings) -> Iterator[Fact]:
    for shape in _risen(findings):
        state = "new" if is_new(shape) else "surging"
        counts = (
            f"{shape.count_after:,} lines since the onset, none before"
            if is_new(shape)
            else f"{shape.count_after:,} lines since the onset, {shape.count_before:,} before"
        )
        yield Fact(
            key=log_key(shape),
            kind="log",
            wording=f"A {state} log shape in {{service}}: {counts}",
            names={"service": shape.service},
            quotes=(shape.template,),
            at_unix_ns=shape.first_after_unix_ns,
            trust=shape.trust,
        )
    shapes = {log_key(shape): shape for shape in _risen(findings)}
    states = {key: "new" if is_new(shape) else "surging" for key, shape in shapes.items()}
    for key, slots in shape_slots(findings).items():
        for slot in slots:
            yield Fact(
                key=f"value:{key}:{slot.position}",
                kind="value",
                wording=f"In the {states[key]} log shape of {{service}} word {slot.position + 1} is a number from"
                f" {slot.smallest:g} to {slot.largest:g} (median {slot.median:g},"
                f" {slot.count} lines)",
                names={"service": shapes[key].service},
                trust=shapes[key].trust,
            )


# -- triggers and changes ------------------------------------------------------------------------


def _trigger_fact(trigger: Trigger) -> Fact:
    names = {"service": trigger.service or "a service"}
    quotes: tuple[str, ...] = ()
    if trigger.kind is TriggerKind.ERROR_BURST:
        names["operation"] = trigger.operation
        before = percent(trigger.events_before, trigger.calls_before)
        after = percent(trigger.events_after, trigger.calls_after)
        what = "refusals (4xx)" if trigger.failure == "refused" else "errors"
        wording = f"{{operation}} at {{service}}: {what} {before} → {after}"
        if trigger.span_kind == "Client":
            wording = f"calls of {{operation}} by {{service}}: {what} {before} → {after}"
    elif trigger.kind is TriggerKind.EXTERNAL_ALERT:
        names |= {"alert": trigger.alert_name, "source": trigger.alert_source}
        wording = "alert {alert} of {source}" + (" about {service}" if trigger.service else "")
    else:
        state = "new" if trigger.kind is TriggerKind.NEW_LOG else "surging"
        wording = f"{state} log shape in {{service}}, {trigger.events_after:,} lines"
        quotes = (trigger.template,)
    return Fact(
        key=trigger_key(trigger),
        kind="trigger",
        wording=wording,
        names=names,
        quotes=quotes,
        at_unix_ns=trigger.onset_unix_ns,
        trust=trigger.trust if quotes else "server_computed",
    )


def _change_fact(change: Change) -> Fact:
    names = {"service": change.service, "kind": change.kind}
    wording = "{kind} of {service}"
    if change.version:
        names["version"] = change.version
        wording += " {version}"
    if change.previous_version:
        names["previous"] = change.previous_version
        wording += " (was {previous})"
    return Fact(
        key=change_key(change),
        kind="change",
        wording=wording,
        names=names,
        quotes=(change.summary,) if change.summary else (),
        at_unix_ns=change.at_unix_ns,
        trust="server_key" if change.summary else "server_computed",
    )


def _version_facts(findings: Findings) -> Iterator[Fact]:
    services = sorted({outcome.service for outcome in findings.versions})
    for service in services:
        rows = sorted(
            (o for o in findings.versions if o.service == service), key=lambda o: o.version
        )
        names = {"service": service}
        parts = []
        for position, row in enumerate(rows):
            names[f"v{position}"] = row.version or "no version"
            parts.append(
                f"{{v{position}}} {percent(row.errors, row.calls)}"
                f" ({row.errors:,} of {row.calls:,})"
            )
        yield Fact(
            key=f"version:{service}",
            kind="version",
            wording=f"Failures of {{service}} by version since the onset: {', '.join(parts)}",
            names=names,
        )


def _commit_facts(findings: Findings) -> Iterator[Fact]:
    changes = {change.change_id: change for change in findings.changes}
    for reading in findings.code:
        change = changes.get(reading.change_id)
        for commit in reading.commits[:5]:
            touched = len(commit.files) + commit.files_left_out
            names = {"revision": commit.revision[:7]}
            wording = f"commit {{revision}} touches {touched} file{'s' if touched != 1 else ''}"
            best = commit.hunks[0] if commit.hunks else None
            if best is not None and best.template_line is not None:
                names["path"] = best.path
                wording += (
                    f", among them {{path}}, which writes the log shape (line {best.template_line})"
                )
            elif best is not None and best.score > 0:
                names["path"] = best.path
                wording += ", among them {path}, which holds words of what is implicated"
            yield Fact(
                key=commit_key(reading.change_id, commit.revision),
                kind="commit",
                wording=wording,
                names=names,
                quotes=(commit.subject,),
                at_unix_ns=change.at_unix_ns if change else None,
                trust="repository",
            )
