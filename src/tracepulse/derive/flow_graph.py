"""
One graph of who calls whom, out of every kind of evidence.

Each kind yields sightings, whose parties are brought together by name (`flow_names.py`) and then added up by
pair. Spans that both sides sent, links between spans and calls to peers that sent none are different
calls and are added; a mesh's metrics and access logs count the same calls over again, so that the kind that
saw most stands for the edge and the others stand beside it. Within a kind, caller's and callee's side
are not added either. What shared ids in log lines suggest becomes an edge where nothing else could
have shown it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from tracepulse.derive.flow_names import NameBook, party
from tracepulse.derive.limits.flows import (
    DISAGREE_CALLS_RATIO,
    DISAGREE_ERRORS_RATIO,
    DISAGREE_MIN_CALLS,
    EDGE_CONFIDENCE,
    LOGS_CONFIDENCE_EPISODES,
)
from tracepulse.model.flow_graph import (
    Disagreement,
    Edge,
    Evidence,
    EvidenceKind,
    FlowGraph,
    Node,
    NodeKind,
    Sighting,
)
from tracepulse.model.lengths import quantile_ns

__all__ = ["flow_graph"]

KINDS: tuple[EvidenceKind, ...] = ("spans", "links", "peer", "mesh", "access_log", "logs")
TRACED: tuple[EvidenceKind, ...] = ("spans", "links", "peer")
"""Kinds that count different calls."""
COUNTING: tuple[EvidenceKind, ...] = ("spans", "mesh", "access_log")
"""Kinds that count the same calls over again."""
VIRTUAL: tuple[NodeKind, ...] = ("database", "queue")

Pair = tuple[str, str]


@dataclass(slots=True)
class _Tally:
    """What one kind of evidence, seen from one side, says of a pair."""

    calls: int = 0
    errors: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    agreeing_millionths: int = 0
    first_unix_ns: int = 2**63 - 1
    last_unix_ns: int = 0

    def add(self, seen: Sighting) -> None:
        self.calls += seen.calls
        self.errors += seen.errors
        self.lengths.update(dict(seen.lengths))
        self.connections[seen.connection] += seen.calls
        self.agreeing_millionths += round(seen.agreement_ratio * 1_000_000) * seen.calls
        self.first_unix_ns = min(self.first_unix_ns, seen.first_unix_ns)
        self.last_unix_ns = max(self.last_unix_ns, seen.last_unix_ns)


_Tallies = Mapping[EvidenceKind, _Tally]


def flow_graph(
    sightings: Iterable[Sighting], names: NameBook, services: Collection[str] = ()
) -> FlowGraph:
    """
    Return the graph, the same whatever the order of what comes in.

    Args:
        sightings: of all kinds, parties as they were written.
        names: knows which of these are one node.
        services: names under which telemetry came.
    """
    book = _Nodes(names, frozenset(services))
    pairs: dict[Pair, dict[tuple[EvidenceKind, str], _Tally]] = defaultdict(dict)
    for seen in sightings:
        pair = book.pair(seen)
        if pair is not None:
            pairs[pair].setdefault((seen.kind, seen.side), _Tally()).add(seen)
    tallies = {pair: _by_kind(sides) for pair, sides in pairs.items()}
    _drop_known_from_outside(tallies)
    covered = _covered(tallies)
    edges = {pair: _edge(pair, kinds, covered) for pair, kinds in tallies.items()}
    firm, doubtful = _without_doubt(_through(edges, book.queues()), covered)
    return FlowGraph(
        nodes=book.nodes(tallies, firm),
        edges=tuple(sorted(firm, key=_rank)),
        doubtful=tuple(sorted(doubtful, key=_rank)),
    )


def _rank(edge: Edge) -> tuple[int, str, str]:
    return -edge.calls, edge.caller, edge.callee


class _Nodes:
    """The nodes at the ends of sightings."""

    def __init__(self, names: NameBook, services: frozenset[str]) -> None:
        self._names = names
        self._services = services
        self._kinds: dict[str, set[NodeKind]] = defaultdict(set)
        self._aliases: dict[str, set[str]] = defaultdict(set)

    def pair(self, seen: Sighting) -> Pair | None:
        """Return both nodes; None where they are one, or nobody is called."""
        caller = self._node(seen.caller, seen.caller_kind, inside=False)
        callee = self._node(seen.callee, seen.callee_kind, inside=True)
        return (caller, callee) if callee and caller != callee else None

    def _node(self, written: str, kind: NodeKind, *, inside: bool) -> str:
        plain = party(written).partition(":")[2] if written else ""
        if kind in VIRTUAL:
            node = plain if party(written).startswith("addr:") or ":" in written else written
            if node in self._services:
                node = f"{node} ({kind})"
        else:
            node = self._names.node(written) or (plain if inside else "")
            kind = self._names.kind(written) if node else kind
        if node:
            self._kinds[node].add(kind)
            if plain != node and party(written).startswith("host:"):
                self._aliases[node].add(plain)
        return node

    def queues(self) -> tuple[str, ...]:
        """Return the nodes that are queues, by name."""
        return tuple(sorted(name for name, kinds in self._kinds.items() if "queue" in kinds))

    def nodes(self, tallies: Mapping[Pair, _Tallies], edges: Sequence[Edge]) -> tuple[Node, ...]:
        """Return the nodes at the ends of these edges."""
        seen_by: dict[str, set[EvidenceKind]] = defaultdict(set)
        writes: set[str] = set(self._services)
        for edge in edges:
            kinds = tallies[edge.caller, edge.callee]
            for end in (edge.caller, edge.callee):
                seen_by[end].update(kinds)
            writes.update((edge.caller,) * bool(set(COUNTING) & set(kinds)))
        seen_by.pop("", None)
        return tuple(
            Node(
                name=name,
                kind=min(self._kinds[name], key=("service", "database", "queue", "host").index),
                seen_by=tuple(kind for kind in KINDS if kind in seen_by[name]),
                sends_telemetry=name in writes,
                aliases=tuple(sorted(self._aliases[name])),
            )
            for name in sorted(seen_by)
        )


def _by_kind(sides: Mapping[tuple[EvidenceKind, str], _Tally]) -> dict[EvidenceKind, _Tally]:
    """Return for each kind the side that saw most calls, over the time that both saw."""
    found: dict[EvidenceKind, _Tally] = {}
    for kind in KINDS:
        seen = [(side, tally) for (each, side), tally in sides.items() if each == kind]
        if seen:
            best = min(seen, key=lambda pair: (-pair[1].calls, pair[0]))[1]
            found[kind] = replace(
                best,
                first_unix_ns=min(tally.first_unix_ns for _, tally in seen),
                last_unix_ns=max(tally.last_unix_ns for _, tally in seen),
            )
    return found


def _covered(tallies: Mapping[Pair, _Tallies]) -> dict[EvidenceKind, tuple[set[str], set[str]]]:
    """Return by kind whose calls it would show, and calls to whom: callers and callees it has seen."""
    found: dict[EvidenceKind, tuple[set[str], set[str]]] = {}
    for (caller, callee), kinds in tallies.items():
        for kind in kinds:
            callers, callees = found.setdefault(kind, (set(), set()))
            callers.add(caller)
            callees.add(callee)
    return found


def _drop_known_from_outside(tallies: dict[Pair, dict[EvidenceKind, _Tally]]) -> None:
    """
    Take away calls from nowhere that a proxy shows to come from somebody who sends no spans.

    The first span of such a trace has no parent, which is all that its own trace can tell.
    """
    traced = {caller for (caller, _), kinds in tallies.items() if set(TRACED) & set(kinds)}
    for pair in [pair for pair in tallies if pair[0] == ""]:
        if set(tallies[pair]) - set(TRACED):
            continue
        others = [
            caller
            for (caller, callee), kinds in tallies.items()
            if callee == pair[1] and caller and {"mesh", "access_log", "peer"} & set(kinds)
        ]
        if any(caller not in traced for caller in others):
            del tallies[pair]


def _edge(
    pair: Pair,
    kinds: _Tallies,
    covered: Mapping[EvidenceKind, tuple[set[str], set[str]]],
) -> Edge:
    totals = _totals(kinds)
    counted_by = min(totals, key=lambda kind: (-totals[kind].calls, KINDS.index(kind)))
    if set(totals) - {"logs"}:
        others = [kind for kind in totals if kind != "logs"]
        counted_by = min(others, key=lambda kind: (-totals[kind].calls, KINDS.index(kind)))
    best = totals[counted_by]
    evidence = tuple(_evidence(kind, kinds[kind]) for kind in KINDS if kind in kinds)
    doubt = 1.0
    for each in evidence:
        doubt *= 1 - each.confidence_ratio
    return Edge(
        caller=pair[0],
        callee=pair[1],
        connection=_connection(best, kinds),
        calls=best.calls,
        errors=best.errors,
        p50_ns=quantile_ns(best.lengths, 0.5),
        p95_ns=quantile_ns(best.lengths, 0.95),
        counted_by=counted_by,
        confidence_ratio=round(1 - doubt, 4),
        first_unix_ns=min(each.first_unix_ns for each in evidence),
        last_unix_ns=max(each.last_unix_ns for each in evidence),
        evidence=evidence,
        disagreements=(*_differences(totals), *_absences(pair, totals, covered)),
    )


def _through(edges: Mapping[Pair, Edge], queues: Collection[str]) -> dict[Pair, Edge]:
    """Note the queues that stand between the two ends of an edge."""
    found = {}
    for (caller, callee), edge in edges.items():
        via = [q for q in sorted(queues) if (caller, q) in edges and (q, callee) in edges]
        messaging = edge.connection == "messaging"
        found[caller, callee] = replace(edge, via=tuple(via)) if messaging and via else edge
    return found


def _totals(kinds: _Tallies) -> dict[EvidenceKind, _Tally]:
    """Return the kinds with those that count different calls added up, under the first of them."""
    traced = [kind for kind in TRACED if kind in kinds]
    totals = {kind: tally for kind, tally in kinds.items() if kind not in TRACED}
    if traced:
        whole = _Tally()
        for kind in traced:
            each = kinds[kind]
            whole.calls += each.calls
            whole.errors += each.errors
            whole.lengths.update(each.lengths)
            whole.connections.update(each.connections)
        totals[traced[0]] = whole
    return totals


def _connection(best: _Tally, kinds: _Tallies) -> str:
    counts = Counter({name: calls for name, calls in best.connections.items() if name})
    for kind in KINDS:
        if counts:
            break
        if kind in kinds:
            counts.update({n: c for n, c in kinds[kind].connections.items() if n})
    return min(counts, key=lambda name: (-counts[name], name)) if counts else ""


def _evidence(kind: EvidenceKind, tally: _Tally) -> Evidence:
    if kind == "logs":
        agreed = tally.agreeing_millionths / 1e6 / tally.calls if tally.calls else 0.0
        confidence = agreed * tally.calls / (tally.calls + LOGS_CONFIDENCE_EPISODES)
    else:
        confidence = EDGE_CONFIDENCE[kind]
    return Evidence(
        kind=kind,
        calls=tally.calls,
        errors=tally.errors,
        p50_ns=quantile_ns(tally.lengths, 0.5),
        p95_ns=quantile_ns(tally.lengths, 0.95),
        first_unix_ns=tally.first_unix_ns,
        last_unix_ns=tally.last_unix_ns,
        confidence_ratio=round(confidence, 4),
    )


def _differences(totals: _Tallies) -> list[Disagreement]:
    """Return where two kinds that count the same calls give other figures."""
    found = []
    counting = [kind for kind in KINDS if kind in totals and kind != "logs"]
    for one, other in combinations(counting, 2):
        here, there = totals[one], totals[other]
        most = max(here.calls, there.calls)
        if most < DISAGREE_MIN_CALLS:
            continue
        if min(here.calls, there.calls) < DISAGREE_CALLS_RATIO * most:
            found.append(Disagreement("calls", one, other, here.calls, there.calls))
        shares = [
            round(each.errors / each.calls, 4) if each.calls else 0.0 for each in (here, there)
        ]
        if abs(shares[0] - shares[1]) > DISAGREE_ERRORS_RATIO:
            found.append(Disagreement("errors", one, other, *shares))
    return found


def _absences(
    pair: Pair,
    totals: _Tallies,
    covered: Mapping[EvidenceKind, tuple[set[str], set[str]]],
) -> list[Disagreement]:
    """Return the kinds that see the calls of both ends, and none of these."""
    caller, callee = pair
    shown = next((kind for kind in KINDS if kind in totals and kind != "logs"), None)
    if shown is None or not caller or totals[shown].calls < DISAGREE_MIN_CALLS:
        return []
    found = []
    for kind in COUNTING:
        callers, callees = covered.get(kind, (set(), set()))
        told = set(TRACED) & set(totals) if kind == "spans" else kind in totals
        if not told and caller in callers and callee in callees:
            found.append(Disagreement("absence", shown, kind, totals[shown].calls, 0))
    return found


def _without_doubt(
    edges: Mapping[Pair, Edge], covered: Mapping[EvidenceKind, tuple[set[str], set[str]]]
) -> tuple[list[Edge], list[Edge]]:
    """Part the edges from what log lines suggest against better evidence."""
    sure = {pair for pair, edge in edges.items() if edge.counted_by != "logs"}
    known = {end for kind in COUNTING for ends in covered.get(kind, ()) for end in ends}
    firm, doubtful = [], []
    for pair, edge in sorted(edges.items()):
        back = (pair[1], pair[0])
        logged = edge.evidence[-1]
        if pair in sure:
            turned = edges.get(back)
            if turned is not None and back not in sure:
                told = Disagreement(
                    "direction", edge.counted_by, "logs", edge.calls, turned.evidence[-1].calls
                )
                edge = replace(edge, disagreements=(*edge.disagreements, told))
            firm.append(edge)
        elif back in sure:
            told = Disagreement("direction", edges[back].counted_by, "logs", 0, logged.calls)
            doubtful.append(replace(edge, disagreements=(told,)))
        elif pair[0] in known and pair[1] in known:
            told = Disagreement("absence", "logs", "spans", logged.calls, 0)
            doubtful.append(replace(edge, disagreements=(told,)))
        else:
            firm.append(edge)
    return firm, doubtful
