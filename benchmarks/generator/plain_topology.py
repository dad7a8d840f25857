"""Random systems that only write plain logs: services, operations, who calls whom, which keys travel."""

import random
from dataclasses import dataclass, field

__all__ = ["KEY_KINDS", "Call", "KeyKind", "Operation", "Service", "System", "random_system"]

KINDS = ("chain", "tree", "fan-out", "shared", "async", "monolith", "hybrid", "mixed")
STYLES = ("arrival", "completion", "both", "errors", "chatty")


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of business key: its names in logs, and whether one value serves several requests."""

    names: tuple[str, ...]
    lives_on: bool = False


KEY_KINDS = {
    "order": KeyKind(("order", "orderId", "order_id", "ord", "orderNo")),
    "payment": KeyKind(("payment", "paymentId", "payment_ref", "txn", "charge")),
    "shipment": KeyKind(("shipment", "parcel", "tracking_no", "consignment")),
    "basket": KeyKind(("basket", "cartId", "cart", "basket_id"), lives_on=True),
    "session": KeyKind(("session", "sid", "sessionId", "session_id"), lives_on=True),
    "user": KeyKind(("user", "customer", "userId", "account", "customer_no"), lives_on=True),
    "ticket": KeyKind(("ticket", "case", "ticketId")),
    "booking": KeyKind(("booking", "reservation", "bookingRef", "res_id")),
    "invoice": KeyKind(("invoice", "invoiceNo", "inv", "bill")),
    "document": KeyKind(("document", "doc", "file", "docId")),
    "quote": KeyKind(("quote", "offer", "quoteId")),
    "job": KeyKind(("job", "batch", "run", "jobId")),
}
NAMES = (
    *("gateway", "web", "edge", "api", "orders", "billing", "ledger", "stock", "catalog", "search"),
    *("pricing", "tax", "mailer", "notify", "auth", "profile", "ratings", "basket", "shipping"),
    *("warehouse", "fraud", "risk", "loyalty", "coupons", "media", "reports", "audit", "ingest"),
    *("router", "planner", "invoice", "refunds", "geo", "quotes", "booking", "seats", "fares"),
    *("partners", "returns", "vault"),
)


@dataclass(slots=True)
class Service:
    """One program and its manner of logging."""

    name: str
    hosts: tuple[str, ...]
    style: str
    form: str
    """text, logfmt or json."""
    wording: int
    """Which sentences it uses: see plain_lines.py."""
    tells_duration: bool
    duration_form: int
    key_names: dict[str, str]
    key_dress: dict[str, int]
    """How a value is written: bare, with a prefix, in a path and so on."""
    kept_ratio: float
    truncates_to_ms: bool
    in_attributes: bool


@dataclass(slots=True)
class Call:
    """A call that one operation makes."""

    target: "Operation"
    mode: str
    """sequence, parallel, async (moments later) or queue (up to minutes later)."""
    chance: float
    keys: tuple[str, ...]


@dataclass(slots=True)
class Operation:
    """One thing that a service does on request."""

    service: Service
    name: str
    work_ms: float
    knows: set[str] = field(default_factory=set)
    mints: tuple[str, ...] = ()
    logs: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)


@dataclass(slots=True)
class System:
    """Services, routes from outside with their weights, jobs that run by the clock."""

    kind: str
    services: list[Service]
    routes: list[tuple[Operation, float]]
    jobs: list[Operation]
    offsets_ns: dict[str, int]
    rate_per_s: float
    lost_ratio: float
    error_ratio: float
    id_forms: dict[str, int]


def random_system(chance: random.Random) -> System:
    """Return a system of 5 to 40 services."""
    kind = chance.choice(KINDS)
    count = {"monolith": 5, "chain": chance.randint(5, 9)}.get(kind) or int(
        5 * 8 ** chance.random()
    )
    hosts, offsets = _hosts(chance, count)
    services = [_service(chance, name, hosts) for name in chance.sample(NAMES, count)]
    services[0].style = chance.choice(("arrival", "completion", "both", "both", "chatty"))
    levels = _levels(chance, kind, count)
    operations = _operations(chance, kind, services, levels)
    routes = [
        operation for operation in operations if levels[services.index(operation.service)] == 0
    ]
    jobs = []
    if chance.random() < 0.5:
        jobs = [_job(chance, services, operations)]
    for operation in [*routes, *jobs]:
        operation.knows |= set(chance.sample(("session", "user", "basket"), chance.randint(1, 2)))
        if operation in jobs:
            operation.knows = {"job"}
        _hand_on(chance, operation, 0)
    return System(
        kind=kind,
        services=services,
        routes=[(route, chance.uniform(0.2, 1)) for route in routes],
        jobs=jobs,
        offsets_ns=offsets,
        rate_per_s=200 ** chance.random(),
        lost_ratio=chance.choice((0, 0, 0.005, 0.03)),
        error_ratio=chance.choice((0.002, 0.01, 0.04)),
        id_forms={key: chance.randrange(8) for key in KEY_KINDS},
    )


def _hosts(chance: random.Random, count: int) -> tuple[list[str], dict[str, int]]:
    hosts = [f"node-{number}" for number in range(max(1, int(count / chance.choice((1, 2, 3)))))]
    spread_ns = chance.choice((0, 500_000, 40_000_000, 1_500_000_000))
    return hosts, {host: round(chance.gauss(0, 1) * spread_ns) for host in hosts}


def _service(chance: random.Random, name: str, hosts: list[str]) -> Service:
    replicas = 2 if chance.random() < 0.15 and len(hosts) > 1 else 1
    return Service(
        name=name,
        hosts=tuple(chance.sample(hosts, replicas)),
        style=chance.choices(STYLES, (20, 27, 35, 4, 14))[0],
        form=chance.choice(("text", "text", "logfmt", "json")),
        wording=chance.randrange(1_000),
        tells_duration=chance.random() < 0.5,
        duration_form=chance.randrange(5),
        key_names={key: chance.choice(KEY_KINDS[key].names) for key in KEY_KINDS},
        key_dress={key: chance.choices(range(6), (50, 14, 8, 8, 12, 8))[0] for key in KEY_KINDS},
        kept_ratio=chance.choices((1.0, 0.4), (95, 5))[0],
        truncates_to_ms=chance.random() < 0.6,
        in_attributes=chance.random() < 0.1,
    )


def _levels(chance: random.Random, kind: str, count: int) -> list[int]:
    """Return how deep each service stands; the first is an entry."""
    if kind == "chain":
        return list(range(count))
    if kind in ("fan-out", "monolith"):
        return [0, 1, *(chance.choice((1, 1, 1, 2)) for _ in range(count - 2))]
    deepest = chance.randint(2, 5)
    levels = [0] + [chance.randint(1, deepest) for _ in range(count - 1)]
    if count > 12 and chance.random() < 0.5:
        levels[1] = 0
    if 1 not in levels:
        levels[-1] = 1
    # Without gaps: each level has somebody above it.
    present = sorted(set(levels))
    return [present.index(level) for level in levels]


def _operations(
    chance: random.Random, kind: str, services: list[Service], levels: list[int]
) -> list[Operation]:
    operations: list[Operation] = []
    by_service: list[list[Operation]] = []
    verbs = (
        "get",
        "create",
        "check",
        "update",
        "list",
        "quote",
        "submit",
        "apply",
        "load",
        "store",
    )
    for service, level in zip(services, levels, strict=True):
        many = chance.randint(2, 5) if level == 0 and kind != "chain" else chance.choice((1, 1, 2))
        own = [
            Operation(service, chance.choice(verbs), 2 * 15 ** chance.random()) for _ in range(many)
        ]
        by_service.append(own)
        operations += own
    for index, level in enumerate(levels):
        if level == 0:
            continue
        above = [i for i, other in enumerate(levels) if other == level - 1]
        parents = [chance.choice(above)]
        if kind in ("shared", "mixed", "hybrid", "async") and chance.random() < 0.35:
            further = [i for i, other in enumerate(levels) if other < level and i not in parents]
            parents += chance.sample(further, min(len(further), chance.randint(1, 2)))
        for parent in parents:
            for caller in chance.sample(
                by_service[parent], chance.randint(1, len(by_service[parent]))
            ):
                target = chance.choice(by_service[index])
                caller.calls.append(Call(target, _mode(chance, kind), _chance_of(chance), ()))
    for operation in operations:
        chance.shuffle(operation.calls)
    return operations


def _mode(chance: random.Random, kind: str) -> str:
    weights = {"async": (50, 15, 12, 23), "fan-out": (35, 60, 3, 2), "chain": (94, 0, 3, 3)}
    return chance.choices(
        ("sequence", "parallel", "async", "queue"), weights.get(kind, (68, 20, 6, 6))
    )[0]


def _chance_of(chance: random.Random) -> float:
    return 1.0 if chance.random() < 0.5 else chance.uniform(0.15, 0.95)


def _job(chance: random.Random, services: list[Service], operations: list[Operation]) -> Operation:
    """Return what a scheduler among the services runs by the clock."""
    service = chance.choice(services)
    own = [operation for operation in operations if operation.service is not service]
    job = Operation(service, "sweep", 20.0)
    leaf = [operation for operation in own if not operation.calls] or own
    job.calls = [Call(chance.choice(leaf), "sequence", 1.0, ())]
    return job


def _hand_on(chance: random.Random, operation: Operation, depth: int) -> None:
    """Decide which keys a call carries and which both sides write down."""
    if not operation.mints and chance.random() < (0.7 if depth == 0 else 0.3):
        fresh = [key for key, kind in KEY_KINDS.items() if not kind.lives_on and key != "job"]
        operation.mints = (chance.choice(fresh),)
    known = operation.knows | set(operation.mints)
    if not operation.logs:
        operation.logs = set(chance.sample(sorted(known), chance.randint(1, min(2, len(known)))))
    for call in operation.calls:
        if depth > 12:
            continue
        if not call.keys:
            call.keys = tuple(chance.sample(sorted(known), chance.randint(1, min(3, len(known)))))
        target = call.target
        if not set(call.keys) <= target.knows or not target.logs:
            target.knows |= set(call.keys)
            if chance.random() < 0.94:
                common = chance.choice(call.keys)
                operation.logs.add(common)
                target.logs.add(common)
            _hand_on(chance, target, depth + 1)
