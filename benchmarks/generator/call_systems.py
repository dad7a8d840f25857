"""
Made-up systems whose calls are known: services, databases, topics and hosts outside, and their traces.

A system is a directed graph without cycles, drawn by a seed. Every request walks some of it, so that
each true edge is walked many times; what the traces say of each call is drawn too: whether the two
ends share a trace, how the peer is named (`payments`, `payments:8080`, an address,
`payments.shop.svc.cluster.local`), which conventions the attributes follow, how late a batch arrives.

With `silent`, some services send no spans: they are seen as somebody's peer, and, where the system
runs in a mesh, in access logs (`istio_lines.py`). Never imported by the product.
"""

import random
from dataclasses import dataclass, field

from benchmarks.generator.istio_lines import Call

__all__ = ["MadeSpan", "MadeSystem", "made_system"]

_NAMES = (
    "gateway", "orders", "payments", "carts", "stock", "users", "search", "prices", "mail",
    "invoices", "reviews", "shipping", "loyalty", "fraud", "media", "audit",
)  # fmt: skip
_DATABASES = ("postgresql", "mysql", "redis", "mongodb")
_HOSTS = ("api.stripe.com", "hooks.slack.com", "s3.eu-central-1.amazonaws.com")
_START_UNIX_NS = 1_760_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class MadeSpan:
    """One span, with the resource it comes with."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    pod: str
    address: str
    name: str
    kind: str
    start_unix_ns: int
    duration_ns: int
    attributes: dict[str, str]
    links: tuple[tuple[str, str], ...] = ()
    failed: bool = False


@dataclass(slots=True)
class MadeSystem:
    """A system, and everything that is true of it."""

    seed: int
    services: tuple[str, ...] = ()
    silent: frozenset[str] = frozenset()
    """Services that send no spans."""
    silent_way: str = "traced"
    """What these do with the trace they get: traced passes it on as if they had sent a span, headers as
    it came, anew not at all."""
    edges: dict[str, list[str]] = field(default_factory=dict)
    """Whom each service calls, services alone."""
    databases: dict[str, str] = field(default_factory=dict)
    """Database system by service."""
    topics: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """Topic: who writes to it, and who reads from it."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Host outside by service."""
    spans: list[MadeSpan] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    walked: set[tuple[str, str]] = field(default_factory=set)
    """The true edges, as (caller, callee), of what the requests did."""
    _random: random.Random = field(default_factory=random.Random)

    def pod(self, service: str) -> str:
        """Return the one pod of a service."""
        letters = "bcdfghjklmnpqrstvwxz2456789"
        draw = random.Random(f"{self.seed} {service}")
        return f"{service}-{''.join(draw.choices(letters, k=10))}-{''.join(draw.choices(letters, k=5))}"

    def address(self, service: str) -> str:
        """Return the address of that pod."""
        return f"10.8.{self.seed % 200}.{sorted(self.services).index(service) + 10}"

    def walk(self, requests: int) -> None:
        """Serve some requests at the first service."""
        for number in range(requests):
            trace = f"{self._random.getrandbits(128) | 1:032x}"
            at = _START_UNIX_NS + number * 250_000_000
            self._serve(trace, "", self.services[0], at, "/".join(["", "do", str(number % 3)]), "")

    def _id(self) -> str:
        return f"{self._random.getrandbits(64) | 1:016x}"

    def _span(
        self, trace: str, parent: str, service: str, name: str, kind: str, at: int, length: int,
        attributes: dict[str, str], links: tuple[tuple[str, str], ...] = (), failed: bool = False,
    ) -> str:  # fmt: skip
        span_id = self._id()
        if service not in self.silent:
            self.spans.append(
                MadeSpan(
                    trace,
                    span_id,
                    parent,
                    service,
                    self.pod(service),
                    self.address(service),
                    name,
                    kind,
                    at,
                    length,
                    attributes,
                    links,
                    failed,
                )
            )
        return span_id

    def _serve(self, trace: str, parent: str, service: str, at: int, path: str, caller: str) -> int:
        """Serve one request; returns its length in ns. A silent caller passes no trace on."""
        start = at
        attributes = {"http.request.method": "GET", "url.path": path, "http.route": path}
        if caller:
            attributes["server.address"] = service
            attributes["network.peer.address"] = self.address(caller)
        own = [self._id()]
        begun = len(self.spans)
        at += 200_000
        for callee in self.edges.get(service, []):
            if self._random.random() < 0.7:
                came = parent if self.silent_way == "headers" else own[0]
                above = came if service in self.silent else own[0]
                at += self._call(trace, above, service, callee, at, path)
        at = self._leave(trace, own[0], service, at)
        length = at - start + 100_000
        if service not in self.silent:
            self.spans.insert(
                begun,
                MadeSpan(
                    trace,
                    own[0],
                    parent,
                    service,
                    self.pod(service),
                    self.address(service),
                    f"GET {path}",
                    "Server",
                    start,
                    length,
                    attributes,
                ),
            )
        return length

    def _call(self, trace: str, parent: str, caller: str, callee: str, at: int, path: str) -> int:
        self.walked.add((caller, callee))
        rpc = sum(callee.encode()) % 3 == 0
        attributes = self._peer(caller, callee)
        attributes |= {"rpc.system": "grpc"} if rpc else {"http.request.method": "GET"}
        client = self._id()
        next_trace, above = trace, client
        if caller in self.silent and self.silent_way == "headers":
            above = parent
        elif caller in self.silent and self.silent_way == "anew":
            next_trace, above = f"{self._random.getrandbits(128) | 1:032x}", ""
        begun = len(self.spans)
        inner = self._serve(next_trace, above, callee, at + 300_000, path, caller)
        length = inner + 600_000
        if caller not in self.silent:
            self.spans.insert(
                begun,
                MadeSpan(
                    trace,
                    client,
                    parent,
                    caller,
                    self.pod(caller),
                    self.address(caller),
                    f"call {callee}",
                    "Client",
                    at,
                    length,
                    attributes,
                ),
            )
        self.calls.append(
            Call(caller, self.pod(caller), callee, self.pod(callee), path, at, length)
        )
        return length

    def _peer(self, caller: str, callee: str) -> dict[str, str]:
        """Return how this caller's instrumentation names that callee, always the same way."""
        way = sum(f"{caller} {callee} {self.seed}".encode()) % 5
        host = f"{callee}.shop.svc.cluster.local"
        return (
            {"server.address": callee, "server.port": "8080"},
            {"server.address": host, "server.port": "80"},
            {"net.peer.name": f"{callee}:8080"},
            {"server.address": callee, "network.peer.address": self.address(callee)},
            {"peer.service": callee, "server.address": host},
        )[way]

    def _leave(self, trace: str, parent: str, service: str, at: int) -> int:
        """Call what is no service: database, topics, hosts outside. Of the silent nobody would know."""
        if service in self.silent:
            return at
        if service in self.databases:
            system = self.databases[service]
            name = f"{service}_db"
            self.walked.add((service, name))
            attributes = {"db.system.name": system, "db.namespace": name}
            attributes |= {"server.address": f"{system}-0.{system}", "server.port": "5432"}
            self._span(trace, parent, service, "SELECT", "Client", at, 800_000, attributes)
            at += 900_000
        if service in self.hosts:
            host = self.hosts[service]
            self.walked.add((service, host))
            attributes = {
                "server.address": host,
                "server.port": "443",
                "url.full": f"https://{host}/",
            }
            self._span(trace, parent, service, "POST", "Client", at, 9_000_000, attributes)
            at += 9_100_000
        for topic, (producer, consumers) in sorted(self.topics.items()):
            if producer == service:
                at = self._publish(trace, parent, service, topic, consumers, at)
        return at

    def _publish(
        self, trace: str, parent: str, service: str, topic: str, consumers: list[str], at: int
    ) -> int:
        self.walked.add((service, topic))
        said = {"messaging.system": "kafka", "messaging.destination.name": topic}
        sent = self._span(trace, parent, service, f"send {topic}", "Producer", at, 500_000, said)
        for consumer in consumers:
            self.walked.add((topic, consumer))
            later = at + self._random.randrange(1, 90) * 10**9
            if sum(consumer.encode()) % 2 and service not in self.silent:
                # Consumers that begin a trace of their own link to what they read.
                self._span(
                    f"{self._random.getrandbits(128) | 1:032x}", "", consumer, f"process {topic}",
                    "Consumer", later, 700_000, said, ((trace, sent),),
                )  # fmt: skip
            else:
                self._span(
                    trace, sent, consumer, f"process {topic}", "Consumer", later, 700_000, said
                )
        return at + 600_000


def made_system(seed: int, silent_share: float = 0.0, requests: int = 60) -> MadeSystem:
    """Draw a system of 5 to 16 services and let it serve requests."""
    draw = random.Random(seed)
    services = _NAMES[:1] + tuple(draw.sample(_NAMES[1:], draw.randrange(4, len(_NAMES) - 1)))
    system = MadeSystem(seed, services, _random=draw)
    for place, service in enumerate(services[1:], 1):
        for caller in draw.sample(services[:place], min(place, draw.randrange(1, 3))):
            system.edges.setdefault(caller, []).append(service)
    for service in services[1:]:
        kind = draw.random()
        if kind < 0.35:
            system.databases[service] = draw.choice(_DATABASES)
        elif kind < 0.5:
            system.hosts[service] = draw.choice(_HOSTS)
    for number in range(draw.randrange(0, 3)):
        producer, *consumers = draw.sample(services[1:], min(3, len(services) - 1))
        system.topics[f"{producer}.events.{number}"] = (producer, consumers)
    quiet = max(1, round(silent_share * len(services))) if silent_share else 0
    system.silent_way = ("traced", "headers", "anew")[seed % 3]
    system.silent = frozenset(draw.sample(services[1:], quiet))
    system.walk(requests)
    return system
