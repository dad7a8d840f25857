"""
Requests of one route with a known shape of waste in them, or with something that only looks like it.

    shape               implanted                                what looks like it and is not
    n_plus_one          a query, or call, for each item          at once; three; pages; other tables; tiny
    chatty_fan_out      many small calls to one service          a few; to many services; beside a long one
    serial_calls        calls in a row that need not be          at once; made now and then; work between
    retries             the same call again after a failure      a page after a page; fallback; no second try
    timeout_ladder      again after a constant time-out          failures of any length; one time-out
    waiting             for a lock or a place in a pool          a healthy pool; beside other work; a timer
    cold_start          first requests of a new instance slow    new ones that are not; slow at random
    cache_miss_storm    misses rise for a while, then queries    as many misses all the time
    render_blocking     style or script before the first paint   one that does not block; a quick one
    late_resource       a picture known of only after a script   asked for at once; after the load
    long_frames         frames that hold up the page             frames just over 50 ms; now and then one
    slow_first_byte     the page's own answer, by its server     a slow network; a quick answer

What calls cost, names, and where in the system a shape is are drawn; of some systems 1% of the spans
are lost and hosts have their clocks off by up to 2 ms. The same seed gives the same bytes. A method
under test may see `columns` only.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tracepulse.model.span import SpanColumns

__all__ = ["SHAPES", "Planted", "ShapedCase", "shaped_case"]

MS = 1_000_000
BEGIN_UNIX_NS = 1_760_000_000_000_000_000
_NOUNS = ("order", "cart", "user", "item", "price", "stock", "coupon", "review", "address", "plan")


@dataclass(frozen=True, slots=True)
class Planted:
    """What is to be found, and where: every word of `names` stands in the finding's place."""

    shape: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ShapedCase:
    """Requests of one route, and what is wrong with them."""

    shape: str
    variant: str
    columns: SpanColumns
    planted: Planted | None
    """None: nothing is to be found."""


@dataclass(slots=True)
class _Spans:
    """Spans as they are made."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self,
        trace: int,
        parent: int,
        service: str,
        name: str,
        kind: str,
        start: float,
        end: float,
        attributes: dict[str, str],
        resource: dict[str, str],
        failed: bool = False,
    ) -> int:
        """Add one span, times in ms from the begin; returns its number."""
        self.rows.append(
            (trace, len(self.rows) + 1, parent, service, name, kind, start, end, attributes,
             resource, failed)
        )  # fmt: skip
        return len(self.rows)

    def columns(self, noise: random.Random) -> SpanColumns:
        """Return them, in some systems with spans lost and clocks off."""
        loss = noise.choice([0.0, 0.0, 0.01])
        ahead = {r[3]: noise.uniform(-2, 2) if noise.random() < 0.15 else 0.0 for r in self.rows}
        kept = [r for r in self.rows if not r[2] or noise.random() >= loss]
        self.rows = [_moved(r, ahead[r[3]]) for r in kept]
        texts = {
            "trace_id": [f"{r[0]:032x}" for r in self.rows],
            "span_id": [f"{r[1]:016x}" for r in self.rows],
            "parent_span_id": [f"{r[2]:016x}" if r[2] else "" for r in self.rows],
            "service": [r[3] for r in self.rows],
            "name": [r[4] for r in self.rows],
            "kind": [r[5] for r in self.rows],
            "status_code": ["Error" if r[10] else "Unset" for r in self.rows],
            "status_message": ["" for _ in self.rows],
        }
        start = [BEGIN_UNIX_NS + int(r[6] * MS) for r in self.rows]
        end = [BEGIN_UNIX_NS + int(r[7] * MS) for r in self.rows]
        arrays: dict[str, Any] = {n: np.array(values, object) for n, values in texts.items()}
        return SpanColumns(
            **arrays,
            start_unix_ns=np.array(start, np.int64),
            duration_ns=np.array(end, np.int64) - np.array(start, np.int64),
            attributes=tuple(r[8] for r in self.rows),
            resource=tuple(r[9] for r in self.rows),
            linked_span_ids=(),
        )


def _moved(row: tuple[Any, ...], by_ms: float) -> tuple[Any, ...]:
    """Return a span of a host whose clock is ahead."""
    resource = {**row[9], "host.name": row[3]}
    return (*row[:6], row[6] + by_ms, row[7] + by_ms, row[8], resource, row[10])


class _Request:
    """One request under way: a clock, and the span that work is done in."""

    def __init__(self, world: "_World", trace: int, at: float) -> None:
        self.world, self.trace, self.now, self.span = world, trace, at, 0
        self.begun, self.service, self.instance = at, "", ""
        self.noise = world.noise

    def about(self, mean: float, sigma: float = 0.3) -> float:
        """Return a length of about so many ms."""
        return mean * self.noise.lognormvariate(-sigma * sigma / 2, sigma)

    def work(self, mean: float) -> None:
        """Do own work."""
        self.now += self.about(mean)

    def _resource(self) -> dict[str, str]:
        return self.world.resource(self.service, self.instance)

    def leaf(
        self, name: str, length: float, said: dict[str, str], kind: str = "Client",
        failed: bool = False,
    ) -> None:  # fmt: skip
        """Make a call that sends no spans of its own, or do something that has a span."""
        self.now += 0.02
        self.world.spans.add(
            self.trace, self.span, self.service, name, kind, self.now, self.now + length, said,
            self._resource(), failed,
        )  # fmt: skip
        self.now += length

    def query(self, table: str, length: float, text: str = "", name: str = "") -> None:
        """Ask the database."""
        verb = (text or "SELECT").split()[0]
        said = {
            "db.system.name": "postgresql",
            "server.address": self.world.database,
            "db.query.text": text or f"SELECT * FROM {table} WHERE id = $1",
        }
        self.leaf(name or f"{verb} {table}", length, said)

    def inside(self, name: str, work: Callable[[], None], kind: str = "Internal") -> None:
        """Do work within a span of its own."""
        outer = self.span
        place = len(self.world.spans.rows)
        self.world.spans.rows.append(())
        self.span = place + 1
        begun = self.now
        work()
        self.world.spans.rows[place] = (
            self.trace, place + 1, outer, self.service, name, kind, begun, self.now, {},
            self._resource(), False,
        )  # fmt: skip
        self.span = outer

    def call(
        self,
        service: str,
        name: str,
        work: Callable[[], None],
        failed: bool = False,
        path: str = "",
        instance: str = "",
    ) -> None:
        """Call another service, which does the work."""
        outer, caller, on = self.span, self.service, self.instance
        self.now += 0.02
        place, begun = len(self.world.spans.rows), self.now
        self.world.spans.rows.append(())
        self.now += self.about(0.3)
        self.span, self.service = place + 1, service
        self.instance = instance or self.noise.choice(self.world.instances(service))
        self.inside(name, work, "Server")
        self.span, self.service, self.instance = outer, caller, on
        self.now += self.about(0.3)
        said = {"server.address": service}
        if path:
            said["url.full"] = f"http://{service}{path}"
        self.world.spans.rows[place] = (
            self.trace, place + 1, outer, caller, name.split()[0] if path else name, "Client",
            begun, self.now, said, self._resource(), failed,
        )  # fmt: skip

    def together(self, *works: Callable[[], None]) -> None:
        """Do several things at once."""
        begun, last = self.now, self.now
        for work in works:
            self.now = begun + self.noise.uniform(0, 0.05)
            work()
            last = max(last, self.now)
        self.now = last


class _World:
    """Names and sizes of one made-up system."""

    def __init__(self, seed: str) -> None:
        self.noise = random.Random(seed)
        self.spans = _Spans()
        drawn = self.noise.sample(_NOUNS, len(_NOUNS))
        self.nouns = drawn
        self.gateway, self.home = "gateway", f"{drawn[0]}s"
        self.database = f"db-{drawn[1]}"
        self.route = f"POST /{drawn[0]}"
        self.base_ms = self.noise.uniform(15, 60)
        self.gain_ms = self.base_ms * self.noise.uniform(0.35, 1.6)
        """What the implanted shape costs in a request that has it."""
        self._instances: dict[str, list[str]] = {}
        self._resources: dict[tuple[str, str], dict[str, str]] = {}
        self.deep = self.noise.random() < 0.7
        """Whether the shape is in a service behind the gateway."""

    def instances(self, service: str) -> list[str]:
        return self._instances.setdefault(service, [f"{service}-1", f"{service}-2"])

    def resource(self, service: str, instance: str) -> dict[str, str]:
        found = self._resources.get((service, instance))
        if found is None:
            found = {"service.name": service, "service.instance.id": instance or f"{service}-1"}
            self._resources[service, instance] = found
        return found

    def serve(self, trace: int, at: float, shape: Callable[[_Request], None]) -> None:
        """Let one request through; the shape is done by the home or by the gateway."""
        request = _Request(self, trace, at)
        request.service, request.instance = self.gateway, f"{self.gateway}-1"
        home = self.noise.choice(self.instances(self.home))

        def handle() -> None:
            request.work(self.base_ms * 0.15)
            request.leaf("pool.acquire", request.about(0.03), {}, "Internal")
            request.query("sessions", request.about(self.base_ms * 0.04))
            request.work(self.base_ms * 0.1)  # what follows is made from what was read
            if self.deep:
                shape(request)
            request.work(self.base_ms * 0.3)
            if request.noise.random() < 0.5:
                request.query("audit", request.about(self.base_ms * 0.05))

        def all_of_it() -> None:
            request.work(self.base_ms * 0.1)
            request.leaf(
                "GET", request.about(0.3), {"db.system.name": "redis", "cache.hit": "true"}
            )
            request.call(self.home, f"POST /internal/{self.home}", handle, instance=home)
            request.work(self.base_ms * 0.1)
            if not self.deep:
                shape(request)
            request.together(
                lambda: request.call("prices", "GET /prices", lambda: request.work(1.5)),
                lambda: request.call("search", "GET /search", lambda: request.work(2.0)),
            )
            request.work(self.base_ms * 0.1)

        request.inside(self.route, all_of_it, "Server")

    @property
    def place(self) -> str:
        """Which service the shape is in."""
        return self.home if self.deep else self.gateway


_Do = Callable[[_Request, int], None]
"""What a request, and which of them, does where the shape is."""
_Plan = tuple[_Do, Planted | None]


def _n_plus_one(w: _World, variant: str) -> _Plan:
    table, other = w.nouns[2], w.nouns[3]
    mean = w.noise.randint(8, 25)
    each = w.gain_ms / mean
    text = w.noise.choice(
        [f"SELECT * FROM {table} WHERE id = {{}}", f"SELECT name FROM {table} WHERE id = $1"]
    )
    name = w.noise.choice(["", "SELECT"])
    planted = Planted("n_plus_one", (w.place, table))

    def count(r: _Request) -> int:
        return max(0, round(r.about(mean, 0.5)))

    def loop(r: _Request, _: int) -> None:
        for _i in range(count(r)):
            r.query(table, r.about(each), text.format(r.noise.randint(1, 9999)), name)

    def wrapped(r: _Request, _: int) -> None:
        for i in range(count(r)):
            said = text.format(i)
            r.inside(f"load {table}", lambda: r.query(table, r.about(each), said, name))  # noqa: B023

    def pooled(r: _Request, _: int) -> None:
        for i in range(count(r)):
            r.leaf("pg-pool.connect", 0.02, {"db.system.name": "postgresql"}, "Internal")
            r.query(table, r.about(each), text.format(i), name)

    def calls(r: _Request, _: int) -> None:
        for _i in range(count(r)):
            path = f"/{table}s/{r.noise.randint(1, 99999)}"
            r.call(f"{table}-service", f"GET /{table}s/{{id}}", lambda: r.work(each), path=path)

    def at_once(r: _Request, _: int) -> None:
        works = [lambda: r.query(table, r.about(each * 4), text.format(1), name)] * count(r)
        if works:
            r.together(*works)

    def three(r: _Request, _: int) -> None:
        for i in range(r.noise.randint(2, 3)):
            r.query(table, r.about(w.gain_ms / 3), text.format(i), name)

    def pages(r: _Request, _: int) -> None:
        for i in range(count(r)):
            r.query(
                table, r.about(each), f"SELECT * FROM {table} ORDER BY id LIMIT 100 OFFSET {i}00"
            )

    def others(r: _Request, _: int) -> None:
        for noun in (table, other, *w.nouns[4:8]):
            r.query(noun, r.about(w.gain_ms / 6), f"SELECT * FROM {noun} WHERE u = 7", "SELECT")
            r.work(w.gain_ms / 6)

    def tiny(r: _Request, _: int) -> None:
        for i in range(count(r)):
            r.query(table, r.about(w.base_ms * 0.0004), text.format(i), name)

    ways: dict[str, _Do] = {
        "loop": loop, "wrapped": wrapped, "pooled": pooled, "calls": calls,
    }  # fmt: skip
    misses: dict[str, _Do] = {
        "at once": at_once, "three": three, "pages": pages, "other tables": others, "tiny": tiny,
    }  # fmt: skip
    if variant == "calls":
        planted = Planted("n_plus_one", (w.place, f"{table}s"))
    return (ways | misses)[variant], planted if variant in ways else None


def _chatty(w: _World, variant: str) -> _Plan:
    service = f"{w.nouns[2]}-service"
    mean = w.noise.randint(14, 30)
    each = w.gain_ms / mean
    verbs = ("get", "check", "list", "find", "touch", "count", "quote")

    def call(r: _Request, i: int, to: str, length: float) -> None:
        r.call(to, f"{verbs[i % 7]} {w.nouns[i % 5]}", lambda: r.work(length))

    def many(r: _Request, _: int) -> None:
        for i in range(max(10, round(r.about(mean)))):
            call(r, i, service, each * 0.4)

    def in_waves(r: _Request, _: int) -> None:
        for i in range(max(5, round(r.about(mean) / 2))):
            r.together(
                partial(call, r, 2 * i, service, each),
                partial(call, r, 2 * i + 1, service, each),
            )

    def few(r: _Request, _: int) -> None:
        for i in range(4):
            if r.noise.random() < 0.8:
                call(r, i, service, w.gain_ms / 4)

    def to_many(r: _Request, _: int) -> None:
        for i in range(mean):
            if r.noise.random() < 0.8:
                call(r, i, f"part-{i % 10}", each * 0.4)
                r.work(each * 0.4)

    def beside(r: _Request, _: int) -> None:
        def small() -> None:
            for i in range(mean):
                call(r, i, service, w.gain_ms * 0.2 / mean)

        r.together(lambda: call(r, 0, "ledger", w.gain_ms * 1.5 + mean), small)

    ways: dict[str, _Do] = {"many": many, "in waves": in_waves}
    misses: dict[str, _Do] = {"few": few, "to many": to_many, "beside": beside}
    planted = Planted("chatty_fan_out", (w.place, service)) if variant in ways else None
    return (ways | misses)[variant], planted


def _serial(w: _World, variant: str) -> _Plan:
    one, two, three = (f"{noun}-api" for noun in w.nouns[2:5])

    def call(r: _Request, to: str, length: float) -> None:
        r.call(to, f"GET /{to}", lambda: r.work(length))

    def pair(r: _Request, _: int) -> None:
        call(r, one, w.gain_ms)
        call(r, two, w.gain_ms)

    def chain(r: _Request, _: int) -> None:
        for to in (one, two, three):
            call(r, to, w.gain_ms * 0.7)

    def queries(r: _Request, _: int) -> None:
        r.query(w.nouns[2], r.about(w.gain_ms))
        r.call(two, f"GET /{two}", lambda: r.work(w.gain_ms))

    def at_once(r: _Request, _: int) -> None:
        r.together(lambda: call(r, one, w.gain_ms), lambda: call(r, two, w.gain_ms))

    def sometimes_at_once(r: _Request, i: int) -> None:
        (at_once if i % 7 == 0 else pair)(r, i)

    def now_and_then(r: _Request, _: int) -> None:
        call(r, one, w.gain_ms)
        if r.noise.random() < 0.6:
            call(r, two, w.gain_ms)

    def work_between(r: _Request, _: int) -> None:
        call(r, one, w.gain_ms)
        r.work(w.gain_ms * 0.8)
        call(r, two, w.gain_ms)

    def looked_up(r: _Request, _: int) -> None:
        r.leaf("GET", r.about(w.gain_ms), {"db.system.name": "redis", "cache.hit": "false"})
        r.query(w.nouns[2], r.about(w.gain_ms))

    def transaction(r: _Request, _: int) -> None:
        for table in w.nouns[2:5]:
            r.query(table, r.about(w.gain_ms / 2), f"INSERT INTO {table} VALUES ($1)")

    ways: dict[str, _Do] = {"pair": pair, "chain": chain, "query and call": queries}
    misses: dict[str, _Do] = {
        "at once": at_once, "sometimes at once": sometimes_at_once, "now and then": now_and_then,
        "work between": work_between, "looked up": looked_up, "transaction": transaction,
    }  # fmt: skip
    second = "database" if variant == "query and call" else one
    names = (w.place, two) if second == "database" else (w.place, one, two)
    return (ways | misses)[variant], Planted("serial_calls", names) if variant in ways else None


def _again(w: _World, variant: str, shape: str) -> _Plan:
    service = f"{w.nouns[2]}-api"
    name = f"POST /{service}"
    share = w.noise.uniform(0.08, 0.4)
    timeout = w.noise.choice([100.0, 250.0, 500.0, 1000.0, 2000.0])

    def attempt(r: _Request, length: float, failed: bool, to: str = service) -> None:
        r.call(to, name, lambda: r.work(length), failed)

    def cut_off(r: _Request) -> None:
        r.leaf(name, timeout + r.noise.uniform(0, 0.8), {"server.address": service}, failed=True)

    def retried(r: _Request, _: int) -> None:
        while r.noise.random() < share:
            attempt(r, w.gain_ms * 2, True)
            r.now += r.about(w.gain_ms * 0.5)
        attempt(r, w.base_ms * 0.1, False)

    def in_vain(r: _Request, _: int) -> None:
        failing = r.noise.random() < share
        for _i in range(3 if failing else 1):
            attempt(r, w.gain_ms if failing else w.base_ms * 0.1, failing)

    def ladder(r: _Request, _: int) -> None:
        tries = 0
        while r.noise.random() < share and tries < 3:
            cut_off(r)
            tries += 1
        r.leaf(name, r.about(w.base_ms * 0.1), {"server.address": service})

    def pages(r: _Request, _: int) -> None:
        for i in range(r.noise.randint(2, 4)):
            r.leaf("GET", r.about(w.gain_ms / 3), {"server.address": service, "url.full": f"http://{service}/x?page={i}"})  # fmt: skip

    def fallback(r: _Request, _: int) -> None:
        if r.noise.random() < share:
            attempt(r, w.gain_ms, True)
            attempt(r, w.gain_ms, False, f"{w.nouns[3]}-api")
        else:
            attempt(r, w.base_ms * 0.1, False)

    def once(r: _Request, _: int) -> None:
        failing = r.noise.random() < share
        attempt(r, w.gain_ms if failing else w.base_ms * 0.1, failing)

    def one_timeout(r: _Request, _: int) -> None:
        if r.noise.random() < share:
            cut_off(r)
        else:
            r.leaf(name, r.about(w.base_ms * 0.1), {"server.address": service})

    ways: dict[str, _Do] = {"retried": retried, "in vain": in_vain} if shape == "retries" else {"ladder": ladder}  # fmt: skip
    misses: dict[str, _Do] = {
        "pages": pages, "fallback": fallback, "once": once, "one time-out": one_timeout,
    }  # fmt: skip
    planted = Planted(shape, (w.place, service)) if variant in ways else None
    return (ways | misses)[variant], planted


def _retries(w: _World, variant: str) -> _Plan:
    return _again(w, variant, "retries")


def _ladder(w: _World, variant: str) -> _Plan:
    return _again(w, variant, "timeout_ladder")


def _waiting(w: _World, variant: str) -> _Plan:
    share = w.noise.uniform(0.1, 0.6)
    names = {
        "pool": ("pool.acquire", {}),
        "pg pool": ("pg-pool.connect", {"db.system.name": "postgresql"}),
        "hikari": ("HikariDataSource.getConnection", {}),
        "lock": ("wait for lock", {}),
        "healthy": ("acquire connection", {}),
        "beside": ("semaphore acquire", {}),
        "timer": ("sleep", {}),
        "checkout": ("block checkout clock", {}),
    }
    name, said = names[variant]

    def wait(r: _Request, _: int) -> None:
        held = r.noise.random() < share and variant != "healthy"
        length = r.about(w.gain_ms * 2) if held else r.about(0.05)
        if variant == "beside":
            r.together(
                lambda: r.leaf(name, length * 0.5, said, "Internal"),
                lambda: r.query(w.nouns[2], r.about(w.gain_ms * 4, 0.1)),
            )
        else:
            r.leaf(name, length, said, "Internal")
            r.query(w.nouns[2], r.about(w.base_ms * 0.05))

    planted = Planted("waiting", (w.place, name))
    return wait, planted if variant in ("pool", "pg pool", "hikari", "lock") else None


def _cold_start(w: _World, variant: str) -> _Plan:
    service = f"{w.nouns[2]}-fn"
    born = [0.0, *sorted(w.noise.uniform(60_000, 560_000) for _ in range(w.noise.randint(5, 9)))]
    served: dict[str, int] = {}
    slow = w.base_ms * w.noise.uniform(4, 12)
    usual = w.base_ms * 0.3

    def serve(r: _Request, i: int) -> None:
        alive = [f"{service}-{n}" for n, at in enumerate(born) if at <= i * 3000.0][-3:]
        instance = r.noise.choice(alive)
        if served.get(alive[-1], 0) == 0:
            instance = alive[-1]
        served[instance] = served.get(instance, 0) + 1
        first = served[instance] == 1
        length = usual
        if (variant in ("new instances", "marked") and first and len(alive) > 0) or (
            variant == "at random" and r.noise.random() < 0.05
        ):
            length = slow
        r.call(service, f"GET /{service}", lambda: _start(r, length, first), instance=instance)

    def _start(r: _Request, length: float, first: bool) -> None:
        r.work(length)

    planted = Planted("cold_start", (service,))
    return serve, planted if variant == "new instances" else None


def _cache_storm(w: _World, variant: str) -> _Plan:
    table = w.nouns[2]
    begin, length = w.noise.randint(30, 100), w.noise.randint(30, 60)
    usual = w.noise.uniform(0.02, 0.3)
    storm = w.noise.uniform(0.75, 1.0)
    told = w.noise.random() < 0.6

    def look_up(r: _Request, i: int) -> None:
        in_storm = variant == "storm" and begin <= i < begin + length
        share = storm if in_storm else usual if variant != "steady" else 0.5
        missed = r.noise.random() < share
        said = {"db.system.name": "redis", "server.address": "cache-1"}
        if told:
            said["cache.hit"] = "false" if missed else "true"
        r.leaf(f"GET {table}", r.about(0.4), said)
        if missed:
            r.query(table, r.about(w.gain_ms * 1.5))
            r.leaf(f"SET {table}", r.about(0.4), {"db.system.name": "redis", "server.address": "cache-1"})  # fmt: skip

    planted = Planted("cache_miss_storm", (w.place, table))
    return look_up, planted if variant == "storm" else None


_BEHIND: dict[str, tuple[Callable[[_World, str], _Plan], tuple[str, ...], tuple[str, ...]]] = {
    "n_plus_one": (
        _n_plus_one,
        ("loop", "wrapped", "pooled", "calls"),
        ("at once", "three", "pages", "other tables", "tiny"),
    ),
    "chatty_fan_out": (_chatty, ("many", "in waves"), ("few", "to many", "beside")),
    "serial_calls": (
        _serial,
        ("pair", "chain", "query and call"),
        (
            "at once",
            "sometimes at once",
            "now and then",
            "work between",
            "looked up",
            "transaction",
        ),
    ),
    "retries": (_retries, ("retried", "in vain"), ("pages", "fallback", "once")),
    "timeout_ladder": (_ladder, ("ladder",), ("one time-out", "once")),
    "waiting": (
        _waiting,
        ("pool", "pg pool", "hikari", "lock"),
        ("healthy", "beside", "timer", "checkout"),
    ),
    "cold_start": (_cold_start, ("new instances",), ("quick", "at random")),
    "cache_miss_storm": (_cache_storm, ("storm",), ("calm", "steady")),
}
_PAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "render_blocking": (("style",), ("not blocking", "quick")),
    "late_resource": (("picture",), ("at once", "after the load")),
    "long_frames": (("frames",), ("just over", "now and then")),
    "slow_first_byte": (("server",), ("network", "quick")),
}
SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    shape: (ways, misses) for shape, (_, ways, misses) in _BEHIND.items()
} | _PAGES
"""Of each shape the ways in which it is implanted, and what looks like it."""


def shaped_case(shape: str, variant: str, seed: int, requests: int = 200) -> ShapedCase:
    """
    Return the spans of one case.

    Args:
        shape: one of SHAPES.
        variant: one of the shape's two lists.
        seed: decides everything that is drawn.
        requests: how many there are, one every three seconds.
    """
    world = _World(f"{shape} {variant} {seed}")
    if shape in _PAGES:
        planted = _serve_pages(world, shape, variant, requests)
    else:
        do, planted = _BEHIND[shape][0](world, variant)
        for i in range(requests):
            at = i * 3000.0 + world.noise.uniform(0, 500)
            world.serve(i + 1, at, _of(do, i))
    return ShapedCase(shape, variant, world.spans.columns(world.noise), planted)


def _of(do: _Do, which: int) -> Callable[[_Request], None]:
    """Return what one request does."""
    return lambda request: do(request, which)


def _serve_pages(w: _World, shape: str, variant: str, pages: int) -> Planted | None:
    """Load a page so many times; what is slow about it is the shape."""
    shop = f"{w.nouns[0]}-page"
    browser = {"service.name": shop, "telemetry.sdk.language": "webjs"}
    site = f"https://{shop}.example.org"
    slow = w.noise.uniform(250, 900)
    frame_share = w.noise.uniform(0.35, 0.9)

    for trace in range(1, pages + 1):
        noise, at = w.noise, trace * 3000.0

        def about(mean: float, sigma: float = 0.3) -> float:
            return mean * w.noise.lognormvariate(-sigma * sigma / 2, sigma)

        def add(parent: int, name: str, start: float, end: float, kind: str = "Internal", **said: str) -> int:  # fmt: skip
            return w.spans.add(
                trace, parent, shop, name, kind, start, end,  # noqa: B023
                {key.replace("__", "."): value for key, value in said.items()}, browser,
            )  # fmt: skip

        def resource(path: str, kind: str, start: float, length: float, blocks: bool = False) -> float:  # fmt: skip
            add(
                load, "resourceFetch", start, start + length,  # noqa: B023
                url__full=f"{site}{path}", browser__resource__initiatorType=kind,
                browser__resource__renderBlockingStatus="blocking" if blocks else "non-blocking",
            )  # fmt: skip
            return start + length

        load = add(0, "documentLoad", at, at, url__full=site)
        wire = about(40)
        serving = about(30)
        if shape == "slow_first_byte":
            serving = about(slow + 900) if variant == "server" else serving
            wire = about(slow + 900) if variant == "network" else wire
        fetched = at + wire + serving
        fetch = add(load, "documentFetch", at, fetched, "Client", url__full=site)
        server = w.spans.add(
            trace, fetch, w.home, "GET /", "Server", at + wire * 0.5, at + wire * 0.5 + serving, {},
            w.resource(w.home, f"{w.home}-1"),
        )  # fmt: skip
        w.spans.add(
            trace, server, w.home, f"SELECT {w.nouns[2]}", "Client", at + wire * 0.5 + 2,
            at + wire * 0.5 + serving * 0.9, {"db.system.name": "postgresql"},
            w.resource(w.home, f"{w.home}-1"),
        )  # fmt: skip
        blocking = slow if variant == "style" else 25
        ends = [resource("/site.css", "link", fetched + 3, about(blocking), (shape == "render_blocking" and variant != "not blocking") or variant == "quick")]  # fmt: skip
        if variant == "not blocking":
            ends.append(resource("/big.css", "link", fetched + 3, about(slow)))
        script = resource("/app.js", "script", fetched + 3, about(60))
        ends.append(script)
        picture = about(80)
        if variant == "picture":
            ends.append(resource("/hero.jpg", "img", max(script, fetched + slow), picture))
        else:
            ends.append(resource("/hero.jpg", "img", fetched + 4, picture + (slow if variant == "at once" else 0)))  # fmt: skip
        loaded = max(ends) + about(20)
        if variant == "after the load":
            resource("/beacon.gif", "beacon", loaded + slow, about(30))
        if shape == "long_frames":
            share = frame_share if variant != "now and then" else 0.01
            length = about(slow * 0.6 + 100) if variant != "just over" else noise.uniform(51, 60)
            if noise.random() < share:
                add(load, "longAnimationFrame", script, script + length, browser__script__sourceURL=f"{site}/app.js", browser__script__invoker="onload")  # fmt: skip
                loaded = max(loaded, script + length + 5)
        row = list(w.spans.rows[load - 1])
        row[7] = loaded
        w.spans.rows[load - 1] = tuple(row)
    names = {"render_blocking": "site.css", "late_resource": "hero.jpg", "long_frames": "app.js", "slow_first_byte": w.nouns[2]}  # fmt: skip
    return Planted(shape, (names[shape],)) if variant in _PAGES[shape][0] else None
