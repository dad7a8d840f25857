"""The one graph of who calls whom: what was seen of each call, and the edges made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "AccessHop",
    "AskedFor",
    "CloseLook",
    "Disagreement",
    "Edge",
    "Evidence",
    "EvidenceKind",
    "Flow",
    "FlowGraph",
    "FlowPath",
    "Lengths",
    "LooseEnd",
    "MeshSeries",
    "Module",
    "ModuleCall",
    "NameFact",
    "Node",
    "NodeKind",
    "ServiceModules",
    "Sighting",
    "SpokenOf",
    "Step",
]

EvidenceKind: TypeAlias = Literal["spans", "links", "peer", "mesh", "access_log", "logs"]
"""
spans: both sides were seen; links: a span names the one that caused it; peer: one side names the
other; mesh: a mesh's metrics; access_log: lines of proxies; logs: ids that lines of several services share.
"""
Lengths: TypeAlias = tuple[tuple[int, int], ...]
"""(bucket, calls), by bucket; see model/lengths.py."""
NodeKind: TypeAlias = Literal["service", "database", "queue", "host"]
"""A service is whatever sends telemetry or has a name inside the system; the rest is virtual."""


@dataclass(frozen=True, slots=True)
class AccessHop:
    """Lines of one proxy about one way, counted; '' and '-' where a line does not say."""

    service: str
    """`service.name` that came with the lines."""
    pod: str
    cluster: str
    authority: str
    upstream_host: str
    """Address and port."""
    upstream_local: str
    """Address of the proxy towards the upstream, without port; so the next two."""
    downstream_local: str
    downstream_remote: str
    server_name: str
    connection: str
    """http, rpc or tcp."""
    calls: int
    errors: int
    lengths: Lengths
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class MeshSeries:
    """What the series with some labels grew by in a window."""

    metric: str
    labels: Mapping[str, str]
    grew_by: int
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class SpokenOf:
    """Spans of a service that say the same of where it is and whom it speaks with, counted."""

    service: str
    kind: int
    """1 serving, 2 calling, 0 neither."""
    root: bool
    pod: str
    own_address: str
    said: str
    """By its attributes, the name of the server: its own where it serves."""
    peer_address: str
    calls: int
    errors: int
    lengths: Lengths
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class AskedFor:
    """Calls of a service by the name that it called, and who answered."""

    caller: str
    said: str
    answered_by: str
    """'' where nobody did."""
    answered_as: str
    """The name that the answering side says it was called by; '' where it does not."""
    answered_to: str
    """The address that it was called from."""
    calls: int
    errors: int
    lengths: Lengths
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, slots=True)
class LooseEnd:
    """Requests whose caller is told by no parent: by a gap in their trace, or by a link."""

    caller: str
    """A name that somebody called, or a service."""
    callee: str
    calls: int
    errors: int
    lengths: Lengths
    first_unix_ns: int
    last_unix_ns: int
    came_from: str = ""
    """The address that the callee was called from."""


@dataclass(frozen=True, slots=True)
class CloseLook:
    """What spans of some minutes say beyond parents and peers."""

    spoken: tuple[SpokenOf, ...] = ()
    asked: tuple[AskedFor, ...] = ()
    gaps: tuple[LooseEnd, ...] = ()
    links: tuple[LooseEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class NameFact:
    """Somebody's word that a name, a pod or an address is another name."""

    name: str
    """Host name, pod name or address, without port."""
    means: str
    times: int
    """How often it was seen."""
    own: bool = False
    """True where whoever it is about says so: a resource that holds both, a server's own address."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One kind of evidence that one party calls another, before names are brought together."""

    caller: str
    """'' is outside."""
    callee: str
    connection: str
    """http, rpc, database, messaging, tcp or ''."""
    kind: EvidenceKind
    calls: int
    errors: int = 0
    lengths: Lengths = ()
    first_unix_ns: int = 0
    last_unix_ns: int = 0
    side: str = ""
    """caller or callee where the same call may be seen from both; these are not added up."""
    agreement_ratio: float = 1.0
    """Share of what was seen that shows this direction."""
    caller_kind: NodeKind = "service"
    callee_kind: NodeKind = "service"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one kind of evidence says of an edge."""

    kind: EvidenceKind
    calls: int
    errors: int
    p50_ns: int | None
    p95_ns: int | None
    first_unix_ns: int
    last_unix_ns: int
    confidence_ratio: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two kinds of evidence that do not say the same of an edge."""

    about: str
    """calls, errors, latency, direction or absence."""
    one: EvidenceKind
    other: EvidenceKind
    one_value: float
    other_value: float


@dataclass(frozen=True, slots=True)
class Edge:
    """One node calling another, with all that shows it."""

    caller: str
    """'' is outside."""
    callee: str
    connection: str
    calls: int
    """Of the kind that saw most: the kinds see the same calls, so they are never added up."""
    errors: int
    p50_ns: int | None
    p95_ns: int | None
    counted_by: EvidenceKind
    """Whose figures these are."""
    confidence_ratio: float
    first_unix_ns: int
    last_unix_ns: int
    evidence: tuple[Evidence, ...]
    """By kind, in the order of `EvidenceKind`."""
    disagreements: tuple[Disagreement, ...] = ()
    via: tuple[str, ...] = ()
    """Queues between the two, where there are any: the same calls are on the edges to and from them."""


@dataclass(frozen=True, slots=True)
class Node:
    """One end of an edge."""

    name: str
    kind: NodeKind
    seen_by: tuple[EvidenceKind, ...] = ()
    sends_telemetry: bool = True
    """False for what is only known because others call it."""
    aliases: tuple[str, ...] = ()
    """Other names that it was called by, sorted."""


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """Who calls whom in a window."""

    nodes: tuple[Node, ...]
    """By name."""
    edges: tuple[Edge, ...]
    """By calls, falling, then caller, callee."""
    doubtful: tuple[Edge, ...] = ()
    """What lines alone suggest between services whose calls are otherwise known, and not among them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call on the way of a request."""

    caller: str
    callee: str
    connection: str
    depth: int
    """1 for calls of the entry."""


@dataclass(frozen=True, slots=True)
class FlowPath:
    """One way that requests of a route take, steps in order of time."""

    steps: tuple[Step, ...]
    requests: int
    """Of those that were looked at."""
    errors: int
    p50_ns: int
    example_trace_id: str


@dataclass(frozen=True, slots=True)
class Flow:
    """What requests of one entry route do."""

    service: str
    operation: str
    requests: int
    """In the window."""
    looked_at: int
    """Traces that the paths were found in."""
    paths: tuple[FlowPath, ...] = field(default=())
    """By requests, falling."""


@dataclass(frozen=True, slots=True)
class Module:
    """A part of one service's process: a node inside that service."""

    service: str
    name: str
    spans: int
    lines: int
    """Log lines that its logger wrote."""
    errors: int
    """Failed spans, and lines from ERROR on."""


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One module calling another within a service."""

    service: str
    caller: str
    callee: str
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class ServiceModules:
    """The modules of services, and how they call each other."""

    modules: tuple[Module, ...]
    """By service and name."""
    calls: tuple[ModuleCall, ...]
    """By service, caller and callee."""
