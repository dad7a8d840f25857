"""Every operation of the made-up company: who calls whom, and what its spans look like."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.generator.kernels import ASYNC, CLIENT, INNER, LEAF
from benchmarks.generator.stacks import FAILURES, stack_trace
from benchmarks.generator.vocabulary import EDGE_SERVICES, SERVICES, Service
from benchmarks.generator.wire import (
    PARENT_ID,
    SPAN_ID,
    TRACE_ID,
    Attribute,
    Piece,
    Varying,
    attributes,
    fixed32,
    identifier,
    instant,
    integer,
    message,
    text,
)

__all__ = ["KINDS", "Operation", "operations"]

KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
START, END, EVENT = range(3)
"""Columns of instants that a row has."""

_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/14<d1>.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_<d1> like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:14<d1>.0) Gecko/20100101 Firefox/14<d1>.0",
)
_TOPICS = ("orders", "payments", "parcels", "stock-levels", "prices", "messages", "audit-trail")


@dataclass(frozen=True, slots=True)
class Operation:
    """One span name of one service, with the attributes its spans carry."""

    service: int
    name: str
    kind: str
    role: int
    base_ns: int
    """Median of its own time, without what it waits for."""
    error_ppm: int
    """How many spans in a million fail by themselves."""
    attributes: dict[str, Attribute]
    failure_attributes: dict[str, Attribute] = field(default_factory=dict)
    """What differs when it fails."""
    root: bool = False
    target: str = ""
    """Key of the operation that answers this one."""
    key: str = ""

    def spans(self, *, failed: int) -> Iterator[Piece]:
        """Yield the shapes of its spans: 0 went well, 1 failed by itself, 2 a callee failed."""
        values = self.attributes | (self.failure_attributes if failed else {})
        base = self._base()
        extra: dict[str, Attribute] = {"thread.name": "worker-<d2>", "thread.id": Varying(2)}
        if failed == 0:
            yield message(2, *base, attributes(9, values))
            yield message(2, *base, attributes(9, values | extra))
            yield message(
                2, *base, attributes(9, values | {"user.id": "u-<d8>", "session.id": "<h32>"})
            )
            return
        status = message(15, text(2, f"{self.name} failed for request <h12>"), integer(3, 2))
        if failed == 2:
            yield message(2, *base, attributes(9, values), status)
            return
        service = SERVICES[self.service]
        for exception, reason in FAILURES[service.language]:
            event = message(
                11,
                instant(1, EVENT),
                text(2, "exception"),
                attributes(
                    3,
                    {
                        "exception.type": exception,
                        "exception.message": reason,
                        "exception.stacktrace": stack_trace(service, exception, reason),
                    },
                ),
            )
            yield message(2, *base, attributes(9, values | extra), event, status)

    def _base(self) -> list[Piece]:
        parent = [] if self.root else [identifier(4, PARENT_ID)]
        link = []
        if self.kind == "consumer" and not self.root:
            link = [
                message(13, identifier(1, TRACE_ID), identifier(2, PARENT_ID), fixed32(6, 0x301))
            ]
        return [
            identifier(1, TRACE_ID),
            identifier(2, SPAN_ID),
            *parent,
            text(5, self.name),
            integer(6, KINDS[self.kind]),
            instant(7, START),
            instant(8, END),
            *link,
            fixed32(16, 0x301 if self.kind in {"server", "consumer"} else 0x101),
        ]


def _http_server(index: int, service: Service) -> Iterator[Operation]:
    plural = f"{service.noun}s"
    routes = (
        ("GET", f"/api/v1/{plural}/{{id}}", f"/api/v1/{plural}/<d7>", 1_500_000),
        ("GET", f"/api/v1/{plural}", f"/api/v1/{plural}", 4_000_000),
        ("POST", f"/api/v1/{plural}", f"/api/v1/{plural}", 6_000_000),
        ("PUT", f"/api/v1/{plural}/{{id}}/state", f"/api/v1/{plural}/<d7>/state", 3_000_000),
    )
    for number, (method, route, path, base_ns) in enumerate(routes):
        outside: dict[str, Attribute] = {
            "url.query": "page=<d2>&sort=<w5>&token=<h16>",
            "user_agent.original": _BROWSERS[number % len(_BROWSERS)],
        }
        values: dict[str, Attribute] = {
            "http.request.method": method,
            "http.route": route,
            "url.scheme": "https" if index < EDGE_SERVICES else "http",
            "url.path": path,
            "server.address": f"{service.name}.shop.internal",
            "server.port": 8080,
            "client.address": "10.2<d1>.1<d2>.1<d2>",
            "network.protocol.version": "1.1",
            "http.response.status_code": 200 if method != "POST" else 201,
            "http.response.body.size": Varying(2),
        }
        yield Operation(
            service=index,
            name=f"{method} {route}",
            kind="server",
            role=INNER,
            base_ns=base_ns,
            error_ppm=9_000,
            attributes=values | (outside if index < EDGE_SERVICES else {}),
            failure_attributes={"http.response.status_code": 500, "error.type": "500"},
            root=index < EDGE_SERVICES,
            key=f"{service.name}/{number}",
        )


def _rpc_name(service: Service, number: int) -> str:
    noun = service.noun.title()
    verb = ("Get", "List", "Update", "Validate")[number]
    return f"shop.{service.noun}.v1.{noun}Service/{verb}{noun}"


def _rpc_server(index: int, service: Service) -> Iterator[Operation]:
    for number in range(4):
        yield Operation(
            service=index,
            name=_rpc_name(service, number),
            kind="server",
            role=INNER,
            base_ns=(800_000, 2_500_000, 3_500_000, 600_000)[number],
            error_ppm=9_000,
            attributes={
                "rpc.system.name": "grpc",
                "rpc.method": _rpc_name(service, number),
                "server.address": f"{service.name}.shop.internal",
                "server.port": 9090,
                "client.address": "10.2<d1>.1<d2>.1<d2>",
                "rpc.response.status_code": "OK",
            },
            failure_attributes={"rpc.response.status_code": "INTERNAL", "error.type": "INTERNAL"},
            key=f"{service.name}/{number}",
        )


def _client(index: int, callee: Service, number: int) -> Operation:
    values: dict[str, Attribute] = {"server.address": f"{callee.name}.shop.internal"}
    if callee.rpc:
        name = _rpc_name(callee, number)
        values |= {
            "server.port": 9090,
            "rpc.system.name": "grpc",
            "rpc.method": name,
            "rpc.response.status_code": "OK",
        }
        failure: dict[str, Attribute] = {
            "rpc.response.status_code": "INTERNAL",
            "error.type": "INTERNAL",
        }
    else:
        name = ("GET", "GET", "POST", "PUT")[number]
        path = f"/api/v1/{callee.noun}s" + ("/<d7>" if number in {0, 3} else "")
        values |= {
            "server.port": 8080,
            "http.request.method": name,
            "url.full": f"http://{callee.name}.shop.internal:8080{path}",
            "http.response.status_code": 200,
            "network.peer.address": "10.2<d1>.1<d2>.1<d2>",
        }
        failure = {"http.response.status_code": 500, "error.type": "500"}
    return Operation(
        service=index,
        name=name,
        kind="client",
        role=CLIENT,
        base_ns=450_000,
        error_ppm=4_000,
        attributes=values,
        failure_attributes=failure,
        target=f"{callee.name}/{number}",
        key=f"{SERVICES[index].name}>{callee.name}/{number}",
    )


def _statements(service: Service) -> tuple[tuple[str, str, int], ...]:
    table = f"{service.noun}s"
    if service.database == "redis":
        return (
            ("GET", f"GET {service.noun}:<d8>", 300_000),
            ("HMSET", f"HMSET {service.noun}:<d8> state <w7> at 17<d8>", 400_000),
            ("EXPIRE", f"EXPIRE {service.noun}:<d8> <d4>", 250_000),
        )
    if service.database == "mongodb":
        return (
            ("find", f'{{"find":"{table}","filter":{{"_id":"<h24>"}},"limit":1}}', 1_200_000),
            (
                "aggregate",
                f'{{"aggregate":"{table}","pipeline":[{{"$match":{{"u":<d7>}}}}]}}',
                7_000_000,
            ),
            ("update", f'{{"update":"{table}","updates":[{{"q":{{"_id":"<h24>"}}}}]}}', 2_000_000),
        )
    if service.database == "elasticsearch":
        return (
            (
                "search",
                '{"query":{"match":{"title":"<w7> <w5>"}},"size":20,"from":<d2>}',
                12_000_000,
            ),
            ("get", f"/{table}/_doc/<d8>", 1_500_000),
            ("bulk", f'{{"index":{{"_index":"{table}","_id":"<d8>"}}}}', 9_000_000),
        )
    return (
        (
            "SELECT",
            f"SELECT id, state, owner_id, amount, currency, updated_at FROM {table} "
            "WHERE id = $1 AND region = '<w2>'",
            1_100_000,
        ),
        (
            "UPDATE",
            f"UPDATE {table} SET state = $1, updated_at = now() WHERE id = <d8> AND version = <d3>",
            2_400_000,
        ),
        (
            "INSERT",
            f"INSERT INTO {table} (id, owner_id, amount, currency, note) "
            "VALUES ($1, $2, $3, '<w3>', $4)",
            2_000_000,
        ),
    )


def _database(index: int, service: Service) -> Iterator[Operation]:
    if not service.database:
        return
    port = {"redis": 6379, "mongodb": 27017, "elasticsearch": 9200, "mysql": 3306}
    for name, statement, base_ns in _statements(service):
        yield Operation(
            service=index,
            name=name if service.database == "redis" else f"{name} {service.noun}s",
            kind="client",
            role=LEAF,
            base_ns=base_ns,
            error_ppm=6_000,
            attributes={
                "db.system.name": service.database,
                "db.namespace": service.name.replace("-", "_"),
                "db.collection.name": f"{service.noun}s",
                "db.operation.name": name,
                "db.query.text": statement,
                "server.address": f"{service.database}-{service.name}.db.internal",
                "server.port": port.get(service.database, 5432),
            },
            failure_attributes={"error.type": "timeout", "db.response.status_code": "57014"},
        )


def _internal(index: int, service: Service) -> Iterator[Operation]:
    noun = service.noun.title()
    for method, base_ns, role in (("validate", 200_000, LEAF), ("assemble", 500_000, INNER)):
        yield Operation(
            service=index,
            name=f"{noun}Service.{method}",
            kind="internal",
            role=role,
            base_ns=base_ns,
            error_ppm=5_000,
            attributes={
                "code.function.name": f"shop.{service.noun}.{noun}Service.{method}",
                f"shop.{service.noun}.id": "<d8>",
                f"shop.{service.noun}.items": Varying(1),
                "shop.region": "<w2>",
            },
        )


def _messaging(index: int, service: Service) -> Iterator[Operation]:
    """Every third service publishes to a topic that a later one reads."""
    reader = index + 7
    if index % 3 or reader >= len(SERVICES):
        return
    topic = _TOPICS[index // 3 % len(_TOPICS)] + f".{service.noun}"
    shared: dict[str, Attribute] = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": "<d1>",
        "messaging.kafka.offset": Varying(4),
        "messaging.message.body.size": Varying(2),
    }
    yield Operation(
        service=index,
        name=f"send {topic}",
        kind="producer",
        role=ASYNC,
        base_ns=900_000,
        error_ppm=3_000,
        attributes=shared
        | {"messaging.operation.name": "send", "messaging.operation.type": "send"},
        failure_attributes={"error.type": "_OTHER"},
        target=f"consume/{topic}",
        key=f"send/{topic}",
    )
    yield Operation(
        service=reader,
        name=f"process {topic}",
        kind="consumer",
        role=INNER,
        base_ns=2_500_000,
        error_ppm=12_000,
        attributes=shared
        | {
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": f"{SERVICES[reader].name}-workers",
        },
        failure_attributes={"error.type": "_OTHER"},
        key=f"consume/{topic}",
    )


def operations() -> list[Operation]:
    """Return all operations, in a fixed order."""
    found: list[Operation] = []
    for index, service in enumerate(SERVICES):
        found += (_rpc_server if service.rpc else _http_server)(index, service)
        found += _internal(index, service)
        found += _database(index, service)
        found += _messaging(index, service)
        for step in (1, 4, 9):
            callee = index + step
            if EDGE_SERVICES <= callee < len(SERVICES):
                found += [_client(index, SERVICES[callee], (step + index) % 4)]
                found += [_client(index, SERVICES[callee], (step + index + 1) % 4)]
    return found
