"""Where an incident enters the system and where it begins: entry, faulty service, path between."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tracepulse.derive.limits.detection import LOG_ERROR_SEVERITY, LOG_WARNING_SEVERITY
from tracepulse.derive.log_flows import log_path
from tracepulse.model.findings import LogShapeChange
from tracepulse.model.flow import EdgeChange, FailureSummary, FlowEdge
from tracepulse.model.incident import Incident
from tracepulse.model.log import LogRecord
from tracepulse.model.trigger import Trigger

__all__ = ["entry_operations", "locate"]


def entry_operations(incident: Incident) -> frozenset[tuple[str, str]]:
    """Return the (service, operation) pairs at which affected requests enter, as triggers tell."""
    return frozenset((t.service, t.operation) for t in incident.triggers if t.entry and t.operation)


def locate(
    incident: Incident,
    failures: FailureSummary,
    log_records: Sequence[LogRecord] = (),
    log_shapes: Sequence[LogShapeChange] = (),
    edges: Iterable[FlowEdge | EdgeChange] = (),
) -> Incident:
    """
    Return the incident with entry, faulty service and path filled in as far as they are known.

    The deepest errors of sampled traces decide; without traces the ids that services share in
    their logs; without either, the callers and callees among the services that triggered.
    """
    if failures.origins:
        top = failures.origins[0]
        return replace(
            incident,
            entry_service=top.path[0],
            entry_operation=top.entry_operation,
            faulty_service=top.service,
            faulty_operation=top.operation,
            path=top.path,
        )
    located = _by_logs(incident, log_records, log_shapes)
    if located is not None:
        return located
    return _by_edges(incident, list(edges))


def _by_logs(
    incident: Incident, records: Sequence[LogRecord], shapes: Sequence[LogShapeChange]
) -> Incident | None:
    """Use the deepest of the services that began to complain, along the ids they share."""
    complaining = _complaining(incident.triggers, shapes)
    paths = {service: log_path(records, service) for service in complaining}
    known = {service: found for service, found in paths.items() if found[0]}
    if not known:
        return None
    # Only episodes tell; the deepest service wins, then the better attested path.
    faulty = min(known, key=lambda service: (-len(known[service][0]), -known[service][1], service))
    path = known[faulty][0]
    return replace(
        incident,
        entry_service=path[0],
        faulty_service=faulty,
        path=path,
        faulty_operation="",
    )


def _complaining(triggers: Sequence[Trigger], shapes: Sequence[LogShapeChange]) -> list[str]:
    """Return services with a new or surging shape, at warning or above where any has one."""
    loud = {t.service for t in triggers if t.service and t.template_id}
    for shape in shapes:
        risen = shape.count_after >= 5 and shape.count_after > 3 * shape.count_before
        if risen and shape.severity_number >= LOG_WARNING_SEVERITY:
            loud.add(shape.service)
    return sorted(loud)


def _by_edges(incident: Incident, edges: Sequence[FlowEdge | EdgeChange]) -> Incident:
    """Use the triggering service that calls no other triggering one."""
    measured = [t for t in incident.triggers if t.service]
    if not measured:
        return incident
    names = {t.service for t in measured}
    calls = {(edge.caller, edge.callee) for edge in edges}
    leaves = [s for s in sorted(names) if not any((s, other) in calls for other in names - {s})]
    tops = [s for s in sorted(names) if not any((other, s) in calls for other in names - {s})]
    faulty = _earliest(measured, leaves or sorted(names))
    entries = [t for t in measured if t.entry]
    entry = min(entries, key=_order) if entries else _earliest(measured, tops or sorted(names))
    return replace(
        incident,
        entry_service=entry.service,
        entry_operation=entry.operation,
        faulty_service=faulty.service,
        faulty_operation=faulty.operation,
        path=_path(entry.service, faulty.service, calls),
    )


def _order(trigger: Trigger) -> tuple[int, int, str]:
    errors_first = 0 if trigger.severity_number >= LOG_ERROR_SEVERITY or trigger.operation else 1
    return trigger.onset_unix_ns, errors_first, trigger.trigger_id


def _earliest(triggers: Sequence[Trigger], services: Sequence[str]) -> Trigger:
    return min((t for t in triggers if t.service in services), key=_order)


def _path(start: str, end: str, calls: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return a shortest way along calls, the first by name; () when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        for way in ways:
            if way[-1] == end:
                return way
        longer = []
        for way in ways:
            for callee in sorted(callee for caller, callee in calls if caller == way[-1]):
                if callee not in seen:
                    seen.add(callee)
                    longer.append((*way, callee))
        ways = longer
    return ()
