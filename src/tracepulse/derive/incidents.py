"""
Incidents: triggers that share time and flow become one, with a life cycle.

The result depends on the set of triggers and not on their order. An incident keeps its id, which is
made of the trigger that opened it; late triggers join, and two open incidents are never merged.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tracepulse.derive.limits.incidents import ALERT_QUIET_NS, JOIN_GAP_NS, JOIN_HOPS, QUIET_NS
from tracepulse.model.flow import FlowEdge
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.trigger import Trigger, TriggerKind

__all__ = ["acknowledge", "join_triggers", "resolve", "resolve_quiet"]

Related = Mapping[str, frozenset[str]]


def join_triggers(
    open_incidents: Iterable[Incident],
    triggers: Iterable[Trigger],
    edges: Iterable[FlowEdge],
    now_unix_ns: int,
) -> tuple[Incident, ...]:
    """
    Return the open incidents with the triggers joined to them, and new ones for the rest.

    Args:
        open_incidents: open or acknowledged ones; resolved ones take no more triggers.
        triggers: new and known ones; a known one replaces its older state.
        edges: who calls whom, from spans or logs; services that no edge names are related to all.
        now_unix_ns: becomes `opened_unix_ns` of new incidents.

    Returns:
        Incidents by onset, then id. An incident that nothing joined comes back unchanged.

    """
    related = _relations(edges)
    incidents = sorted(open_incidents, key=_incident_order)
    fresh = {trigger.trigger_id: trigger for trigger in triggers}
    updated = []
    for incident in incidents:
        mine = [fresh.pop(t.trigger_id, t) for t in incident.triggers]
        updated.append(_with_triggers(incident, mine))
    groups = _groups(sorted(fresh.values(), key=_trigger_order), related)
    new: list[Incident] = []
    for group in groups:
        home = next((i for i, one in enumerate(updated) if _joins(group, one, related)), None)
        if home is None:
            new.append(_opened(group, now_unix_ns))
        else:
            updated[home] = _with_triggers(updated[home], (*updated[home].triggers, *group))
    return tuple(sorted((*updated, *new), key=_incident_order))


def resolve_quiet(incident: Incident, now_unix_ns: int) -> Incident:
    """Return the incident resolved when all its triggers have been quiet for long enough."""
    if incident.state is IncidentState.RESOLVED:
        return incident
    quiet_since = max(_quiet_from(trigger) for trigger in incident.triggers)
    if now_unix_ns < quiet_since:
        return incident
    return resolve(incident, quiet_since)


def acknowledge(incident: Incident, by: str, at_unix_ns: int) -> Incident:
    """Return the incident acknowledged; one that is not open stays as it is."""
    if incident.state is not IncidentState.OPEN:
        return incident
    return replace(
        incident,
        state=IncidentState.ACKNOWLEDGED,
        acknowledged_unix_ns=at_unix_ns,
        acknowledged_by=by,
    )


def resolve(incident: Incident, at_unix_ns: int) -> Incident:
    """Return the incident resolved; a resolved one stays as it is."""
    if incident.state is IncidentState.RESOLVED:
        return incident
    return replace(incident, state=IncidentState.RESOLVED, resolved_unix_ns=at_unix_ns)


def _incident_order(incident: Incident) -> tuple[int, str]:
    return incident.onset_unix_ns, incident.incident_id


def _trigger_order(trigger: Trigger) -> tuple[int, str]:
    return trigger.onset_unix_ns, trigger.trigger_id


def _quiet_from(trigger: Trigger) -> int:
    """Return the instant from which on a trigger no longer keeps its incident open."""
    if trigger.kind is TriggerKind.EXTERNAL_ALERT:
        if trigger.ended_unix_ns is None:
            return trigger.last_seen_unix_ns + ALERT_QUIET_NS
        return trigger.ended_unix_ns
    return trigger.last_seen_unix_ns + QUIET_NS


# -- belonging together --------------------------------------------------------------------------


def _relations(edges: Iterable[FlowEdge]) -> Related:
    """Return for each service those that reach it, or that it reaches, within a few calls."""
    callees: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.caller and edge.callee and not edge.callee_is_virtual:
            callees[edge.caller].add(edge.callee)
            callees.setdefault(edge.callee, set())
    reached = {service: _within_hops(service, callees) for service in callees}
    related: dict[str, set[str]] = {service: set(found) for service, found in reached.items()}
    for service, found in reached.items():
        for callee in found:
            related[callee].add(service)
    return {service: frozenset(found | {service}) for service, found in related.items()}


def _within_hops(start: str, callees: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    level = {start}
    for _ in range(JOIN_HOPS):
        level = {callee for service in level for callee in callees[service]} - found - {start}
        found |= level
    return found


def _same_flow(one: str, other: str, related: Related) -> bool:
    if not one or not other or one == other:
        return True
    if one not in related or other not in related:
        return True
    return other in related[one]


def _same_time(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] + JOIN_GAP_NS and other[0] <= one[1] + JOIN_GAP_NS


def _span_of(trigger: Trigger) -> tuple[int, int]:
    """Return the stretch in which a trigger showed; an alert may be late by its slack."""
    begin = trigger.onset_unix_ns
    if trigger.kind is TriggerKind.EXTERNAL_ALERT:
        begin -= trigger.onset_slack_ns
    return begin, max(trigger.last_seen_unix_ns, trigger.onset_unix_ns)


def _groups(triggers: Sequence[Trigger], related: Related) -> list[list[Trigger]]:
    """Return the connected groups of triggers that share time and flow, by their first trigger."""
    clusters = _clusters(triggers)
    leader = list(range(len(clusters)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for i, (one, time) in enumerate(clusters):
        for j in range(i):
            other, other_time = clusters[j]
            if _same_time(time, other_time) and _same_flow(
                one[0].service, other[0].service, related
            ):
                low, high = sorted((find(i), find(j)))
                leader[high] = low
    groups: dict[int, list[Trigger]] = defaultdict(list)
    for i, (members, _) in enumerate(clusters):
        groups[find(i)].extend(members)
    return sorted((sorted(g, key=_trigger_order) for g in groups.values()), key=_group_order)


def _group_order(group: Sequence[Trigger]) -> tuple[int, str]:
    return _trigger_order(group[0])


def _clusters(triggers: Sequence[Trigger]) -> list[tuple[list[Trigger], tuple[int, int]]]:
    """
    Return runs of triggers of one service without a pause between them, each with its extent.

    A storm of one service's triggers is one run, so that comparing runs in pairs stays cheap.
    """
    by_service: dict[str, list[Trigger]] = defaultdict(list)
    for trigger in sorted(triggers, key=lambda t: (*_span_of(t), t.trigger_id)):
        by_service[trigger.service].append(trigger)
    clusters: list[tuple[list[Trigger], tuple[int, int]]] = []
    for service in sorted(by_service):
        run: list[Trigger] = []
        extent = (0, 0)
        for trigger in by_service[service]:
            time = _span_of(trigger)
            if run and _same_time(extent, time):
                run.append(trigger)
                extent = extent[0], max(extent[1], time[1])
                continue
            if run:
                clusters.append((run, extent))
            run, extent = [trigger], time
        clusters.append((run, extent))
    return clusters


def _joins(group: Sequence[Trigger], incident: Incident, related: Related) -> bool:
    if incident.state is IncidentState.RESOLVED:
        return False
    time = (incident.onset_unix_ns, incident.last_seen_unix_ns)
    services = {*incident.services, *incident.path}
    return any(
        _same_time(_span_of(trigger), time)
        and any(_same_flow(trigger.service, service, related) for service in sorted(services))
        for trigger in group
    )


# -- making ------------------------------------------------------------------------------------


def _with_triggers(incident: Incident, triggers: Iterable[Trigger]) -> Incident:
    """Return the incident with these triggers; alerts never move its onset."""
    unique = {trigger.trigger_id: trigger for trigger in triggers}
    ordered = tuple(sorted(unique.values(), key=_trigger_order))
    first = _first(ordered)
    return replace(
        incident,
        triggers=ordered,
        services=tuple(sorted({t.service for t in ordered if t.service})),
        onset_unix_ns=first.onset_unix_ns,
        onset_slack_ns=first.onset_slack_ns,
        last_seen_unix_ns=max(t.last_seen_unix_ns for t in ordered),
    )


def _first(triggers: Sequence[Trigger]) -> Trigger:
    """Return the trigger that dates an incident: the earliest measured one, else the first alert."""
    measured = [t for t in triggers if t.kind is not TriggerKind.EXTERNAL_ALERT]
    return min(measured or triggers, key=_trigger_order)


def _opened(group: Sequence[Trigger], now_unix_ns: int) -> Incident:
    first = _first(group)
    about = (
        str(first.kind),
        first.failure,
        first.service,
        first.operation,
        first.template_id,
        first.alert_name,
    )
    empty = Incident(
        incident_id="inc_" + _hash(*about, str(first.onset_unix_ns))[:12],
        fingerprint=_hash(*about)[:16],
        state=IncidentState.OPEN,
        onset_unix_ns=first.onset_unix_ns,
        onset_slack_ns=first.onset_slack_ns,
        opened_unix_ns=now_unix_ns,
        last_seen_unix_ns=first.last_seen_unix_ns,
        triggers=(),
        services=(),
    )
    return _with_triggers(empty, group)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
