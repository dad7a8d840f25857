"""
Random systems that write plain logs and nothing else, with the calls that really happened.

No line holds a trace id, a span id or an id that all services share by design: services know only the
business keys that their callers hand on, each under its own name and in its own dress. Clocks of
hosts differ, lines are lost, calls are repeated, run side by side or come minutes later.

    python -m benchmarks.generator.plain_systems --seed 7      # a look at one
"""

import argparse
import random
from collections import Counter
from dataclasses import dataclass

from benchmarks.generator.plain_lines import body_of, new_value, noise
from benchmarks.generator.plain_topology import (
    KEY_KINDS,
    Call,
    Operation,
    Service,
    System,
    random_system,
)

from tracepulse.model.log import LogRecord

__all__ = ["PlainSystem", "plain_system"]

START_NS = 1_790_000_000 * 1_000_000_000
MS_NS = 1_000_000
MAX_REQUESTS = 2_500
MAX_LINES = 40_000
MAX_SECONDS = 900


@dataclass(frozen=True, slots=True)
class PlainSystem:
    """What a system wrote, and the truth about it."""

    kind: str
    services: tuple[str, ...]
    records: tuple[LogRecord, ...]
    """By time as the host's clock tells it."""
    edges: frozenset[tuple[str, str]]
    """Every pair of services of which one called the other: what spans would show."""
    classes: dict[tuple[str, str], str]
    """What kind of call each edge mostly is: its mode, or `no common key` where both write none."""
    offsets_ns: dict[str, int]
    """How far each host's clock is ahead."""
    rate_per_s: float


class _Run:
    """One system at work."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.system: System = random_system(self.chance)
        self.records: list[LogRecord] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.modes: Counter[tuple[tuple[str, str], str]] = Counter()
        self.serial = 0
        self.seen: list[dict[str, str]] = []

    def run(self) -> None:
        chance, system = self.chance, self.system
        people = [self._person() for _ in range(max(20, int(system.rate_per_s * 6)))]
        routes = [route for route, _ in system.routes]
        weights = [weight for _, weight in system.routes]
        at_ms = 0.0
        for _ in range(MAX_REQUESTS):
            at_ms += chance.expovariate(system.rate_per_s) * 1_000
            if len(self.records) > MAX_LINES or at_ms > MAX_SECONDS * 1_000:
                break
            person = chance.choice(people)
            # A page asks for several things at once, under one session.
            for _ in range(1 if chance.random() < 0.85 else chance.randint(2, 4)):
                route = chance.choices(routes, weights)[0]
                keys = {kind: person[kind] for kind in route.knows if kind in person}
                self.serve(route, at_ms + chance.uniform(0, 30), keys)
        self._jobs(at_ms)
        self._noise(at_ms)

    def _person(self) -> dict[str, str]:
        return {kind: self._value(kind) for kind, its in KEY_KINDS.items() if its.lives_on}

    def _value(self, kind: str) -> str:
        self.serial += 1
        return new_value(self.chance, kind, self.system.id_forms[kind], self.serial)

    def serve(self, operation: Operation, at_ms: float, given: dict[str, str]) -> float:
        """Let an operation happen; return when it is over."""
        chance, service = self.chance, operation.service
        keys = given | {kind: self._value(kind) for kind in operation.mints if kind not in given}
        host = chance.choice(service.hosts)
        shown = {kind: keys[kind] for kind in keys if kind in operation.logs}
        begun_ms = at_ms
        if service.style in ("arrival", "both", "chatty"):
            self.write(operation, host, at_ms, "arriving", shown, 0.0, 0)
        at_ms += operation.work_ms * chance.lognormvariate(0, 0.5) / 2
        failed = chance.random() < self.system.error_ratio
        if not failed:
            at_ms = self._calls(operation, host, at_ms, keys, shown)
        elif chance.random() < 0.5:
            at_ms += 200
        at_ms += operation.work_ms * chance.lognormvariate(0, 0.5) / 2
        if failed:
            self.write(operation, host, at_ms, "failed", shown, at_ms - begun_ms, 0)
        elif service.style in ("completion", "both", "chatty"):
            self.write(operation, host, at_ms, "done", shown, at_ms - begun_ms, 0)
        if chance.random() < 0.02:
            self.seen.append(dict(shown))
        return at_ms

    def _calls(
        self,
        operation: Operation,
        host: str,
        at_ms: float,
        keys: dict[str, str],
        shown: dict[str, str],
    ) -> float:
        chance = self.chance
        side_by_side: list[float] = []
        for number, call in enumerate(operation.calls):
            if chance.random() > call.chance:
                continue
            handed = {kind: keys[kind] for kind in call.keys if kind in keys}
            if operation.service.style == "chatty":
                self.write(operation, host, at_ms, "between", shown, 0.0, number)
            at_ms += 0.05 + chance.expovariate(5)
            match call.mode:
                case "parallel":
                    side_by_side.append(self._call(operation, call, at_ms, handed))
                case "sequence":
                    at_ms = max([self._call(operation, call, at_ms, handed), *side_by_side])
                    side_by_side = []
                case "async":
                    self._call(operation, call, at_ms + chance.expovariate(1 / 60), handed)
                case _:
                    self._call(operation, call, at_ms + chance.expovariate(1 / 40_000), handed)
        return max([at_ms, *side_by_side])

    def _call(
        self, operation: Operation, call: Call, at_ms: float, handed: dict[str, str]
    ) -> float:
        """Call once, and again if the answer is lost on the way."""
        chance = self.chance
        caller, callee = operation.service.name, call.target.service.name
        common = handed.keys() & operation.logs & call.target.logs
        self.modes[(caller, callee), call.mode if common else "no common key"] += 1
        for _ in range(3):
            if caller != callee:
                self.calls[caller, callee] += 1
            there_ms = at_ms + 0.15 + chance.expovariate(1 / 0.4)
            at_ms = self.serve(call.target, there_ms, handed)
            at_ms += 0.15 + chance.expovariate(1 / 0.4)
            if chance.random() > self.system.error_ratio:
                break
            at_ms += 20 + chance.expovariate(1 / 50)
        return at_ms

    def write(
        self,
        operation: Operation,
        host: str,
        at_ms: float,
        moment: str,
        shown: dict[str, str],
        took_ms: float,
        serial: int,
    ) -> None:
        """Write one line, unless it is lost."""
        service = operation.service
        body, attributes = body_of(self.chance, operation, moment, shown, took_ms, serial)
        self._record(service, host, at_ms, body, attributes, 17 if moment == "failed" else 9)

    def _record(
        self,
        service: Service,
        host: str,
        at_ms: float,
        body: str,
        attributes: dict[str, str],
        severity: int,
    ) -> None:
        lost = self.chance.random() < self.system.lost_ratio
        if lost or self.chance.random() > service.kept_ratio:
            return
        at_ns = round(at_ms * MS_NS) + self.system.offsets_ns[host]
        if service.truncates_to_ms:
            at_ns = at_ns // MS_NS * MS_NS
        self.records.append(
            LogRecord(
                START_NS + at_ns,
                service.name,
                "ERROR" if severity > 16 else "INFO",
                severity,
                body,
                "",
                "",
                attributes,
                {"host.name": host},
                "loopback",
            )
        )

    def _jobs(self, until_ms: float) -> None:
        chance = self.chance
        for job in self.system.jobs:
            at_ms = chance.uniform(0, 5_000)
            pause_ms = max(500.0, until_ms / 60)
            while at_ms < until_ms:
                self.serve(job, at_ms, {"job": self._value("job")})
                at_ms += pause_ms

    def _noise(self, until_ms: float) -> None:
        """Lines outside requests: some of them mention ids that requests used, as reports do."""
        chance = self.chance
        reporter = chance.choice(self.system.services)
        lines = len(self.records) // 8
        for _ in range(lines):
            service = chance.choice(self.system.services)
            text = noise(chance, service)
            at_ms = chance.uniform(0, until_ms)
            self._record(service, chance.choice(service.hosts), at_ms, text, {}, 9)
        if chance.random() < 0.3:
            for keys in self.seen:
                text = " ".join(["report row", *keys.values()])
                self._record(reporter, reporter.hosts[0], until_ms + 1_000, text, {}, 9)


def plain_system(seed: int) -> PlainSystem:
    """Return the lines and the true edges of one random system; the same seed gives the same."""
    run = _Run(seed)
    run.run()
    records = sorted(
        run.records, key=lambda record: (record.time_unix_ns, record.service, record.body)
    )
    return PlainSystem(
        kind=run.system.kind,
        services=tuple(sorted(service.name for service in run.system.services)),
        records=tuple(records),
        edges=frozenset(run.calls),
        classes={
            edge: max(
                (mode for its, mode in run.modes if its == edge),
                key=lambda mode: (run.modes[edge, mode], mode),
            )
            for edge in run.calls
        },
        offsets_ns=run.system.offsets_ns,
        rate_per_s=run.system.rate_per_s,
    )


def main() -> None:
    """Print what a seed gives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=40)
    options = parser.parse_args()
    system = plain_system(options.seed)
    print(f"{system.kind}, {len(system.services)} services, {len(system.records)} lines")
    print("\n".join(f"{caller} -> {callee}" for caller, callee in sorted(system.edges)))
    for record in system.records[: options.lines]:
        print(record.time_unix_ns, record.service, record.body, dict(record.attributes))


if __name__ == "__main__":
    main()
