"""
Compare what the server says of each change of the demo shop with its written truth.

    python benchmarks/shop_faults.py [NAME…] [--json] [--healthy S] [--within S] [--telemetry logs]

For each change: a fresh server and shop with customers, a healthy stretch, then the change, and a
wait. Of a fault it tells whether an incident was found, whether it names the service and operation
of entry and the service at fault, and whether the first hypothesis is the change. Of what is no
fault it tells whether an incident was opened. One change takes about two minutes. The page's own
faults show only to browsers and are left out, unless named.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from examples.shop.deploys import Deploy
from examples.shop.faults import CHANGES
from examples.shop.shop import Shop
from tests.running_server import RunningServer, running_server

HEALTHY_S = 60.0
WITHIN_S = 60.0
SETTLED_S = 10.0
"""After an incident is found: it may still be told apart better."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, beside what should have been."""

    name: str
    kind: str
    is_fault: bool
    incidents: int
    found_after_s: float | None
    """From the change to the first incident; None if there was none."""
    title: str
    entry_right: bool
    service_right: bool
    first_hypothesis: str
    change_first: bool | None
    """Whether the first hypothesis is the change; None where nothing was reported."""
    blamed_wrongly: bool
    """Whether the first hypothesis is a change although none is guilty."""

    @property
    def right(self) -> bool:
        """Whether an engineer would be sent to the right place, or left alone."""
        if not self.is_fault:
            return self.incidents == 0
        placed = self.incidents > 0 and self.service_right and not self.blamed_wrongly
        return placed and self.change_first is not False


def main() -> int:
    """Run what was asked for; exit status 0 whatever the answers are."""
    options = _words().parse_args()
    names = options.names or [
        name for name, change in CHANGES.items() if change.truth["kind"] != "front end"
    ]
    outcomes = []
    for name in names:
        outcomes.append(_try(name, options.healthy, options.within, options.telemetry))
        if not options.json:
            print(_line(outcomes[-1]), flush=True)
    right = sum(outcome.right for outcome in outcomes)
    if options.json:
        told = {"right": right, "changes": len(outcomes)}
        print(json.dumps(told | {"outcomes": [asdict(outcome) for outcome in outcomes]}))
    else:
        print(f"{right} of {len(outcomes)} right")
    return 0


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("names", nargs="*", choices=sorted(CHANGES), metavar="NAME")
    words.add_argument("--json", action="store_true")
    words.add_argument("--healthy", type=float, default=HEALTHY_S, metavar="S")
    words.add_argument("--within", type=float, default=WITHIN_S, metavar="S")
    words.add_argument("--telemetry", choices=("otel", "logs"), default="otel")
    return words


def _try(
    name: str, healthy_s: float, within_s: float, telemetry: Literal["otel", "logs"]
) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        followed = "*.log" if telemetry == "logs" else "payment.log"
        flags = ("--code-roots", folder, "--log-files", f"{folder}/shop/logs/{followed}")
        with (
            running_server(Path(folder), None, *flags) as server,
            Shop(
                Path(folder) / "shop",
                server.otlp_http_url,
                str(server.client.base_url),
                telemetry,
            ) as shop,
        ):
            time.sleep(healthy_s)
            before = {each["incident_id"] for each in _incidents(server)}
            began = time.monotonic()
            deploy = shop.apply_fault(name)
            found_after_s = _wait(server, before, began, within_s)
            found = [each for each in _incidents(server) if each["incident_id"] not in before]
            whole = server.get(f"/api/incidents/{found[-1]['incident_id']}") if found else None
            return _outcome(name, deploy, found_after_s, len(before) + len(found), whole)


def _wait(server: RunningServer, before: set[str], began: float, within_s: float) -> float | None:
    found_after_s = None
    while time.monotonic() < began + within_s:
        time.sleep(1)
        if {each["incident_id"] for each in _incidents(server)} - before:
            found_after_s = time.monotonic() - began
            time.sleep(SETTLED_S)
            break
    return found_after_s


def _incidents(server: RunningServer) -> list[Mapping[str, Any]]:
    """Newest first."""
    incidents: list[Mapping[str, Any]] = server.get("/api/incidents")["incidents"]
    return incidents


def _outcome(
    name: str,
    deploy: Deploy,
    found_after_s: float | None,
    incidents: int,
    incident: Mapping[str, Any] | None,
) -> Outcome:
    truth = CHANGES[name].truth
    best = incident["hypotheses"][0] if incident and incident["hypotheses"] else None
    reported = deploy.kind != "outside"
    is_change = best is not None and best["cause_kind"] == "change"
    named = is_change and best is not None and best["service"] == deploy.service
    return Outcome(
        name=name,
        kind=truth["kind"],
        is_fault=truth["is_fault"],
        incidents=incidents,
        found_after_s=found_after_s,
        title=incident["title"] if incident else "",
        entry_right=incident is not None
        and (truth["shows"]["entry_service"], truth["shows"]["entry_operation"])
        == (incident["entry_service"], incident["entry_operation"]),
        service_right=incident is not None
        and incident["faulty_service"] == truth["where"]["service"],
        first_hypothesis=best["statement"] if best is not None else "",
        change_first=named if reported else None,
        blamed_wrongly=is_change and not reported,
    )


def _line(outcome: Outcome) -> str:
    when = "none" if outcome.found_after_s is None else f"{outcome.found_after_s:.0f} s"
    return (
        f"{'right' if outcome.right else 'WRONG'}  {outcome.name:<26} {outcome.kind:<14}"
        f" incidents {outcome.incidents} after {when}; entry {'ok' if outcome.entry_right else '-'},"
        f" service {'ok' if outcome.service_right else '-'}; {outcome.title}"
        f" | {outcome.first_hypothesis}"
    )


if __name__ == "__main__":
    sys.exit(main())
