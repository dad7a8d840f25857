"""
`make demo`: a shop, healthy for a minute and then broken, watched by TracePulse.

Exit status with --once: 0 when the incident that was found is the right one and its bundle is written,
1 when it is not (with the reason), 2 when the demo could not run.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from examples.shop.errors import ShopError
from examples.shop.shop import Shop

_ENTRY, _FAULTY, _FAULT = "gateway", "session", "session-ttl"
_S = 1_000_000_000
_ONSET_TOLERANCE_NS = 10 * _S
_FIRST_LINES = 24


_END_WITH_US = """
import os, runpy, signal, threading

def wait():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=wait, daemon=True).start()
runpy.run_module("tracepulse", run_name="__main__", alter_sys=True)
"""
"""Runs the server; its standard input closes when the demo is gone, even by kill -9."""


class DemoFailed(Exception):
    """The demo did not go as it should; the text says how."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each part takes, and where it happens."""

    folder: Path
    healthy_s: int
    find_within_s: int
    telemetry: Literal["otel", "logs"]
    port: int
    otlp_http_port: int
    otlp_grpc_port: int
    shop_port: int

    @property
    def api(self) -> str:
        """Return the address of the API and the page."""
        return f"http://127.0.0.1:{self.port}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; see the top of this file for the exit status."""
    options = _options(arguments)
    plan = Plan(
        folder=options.folder.resolve(),
        healthy_s=options.healthy,
        find_within_s=options.within,
        telemetry=options.telemetry,
        port=options.port,
        otlp_http_port=options.otlp_http_port,
        otlp_grpc_port=options.otlp_grpc_port,
        shop_port=options.shop_port or _free_port(),
    )
    # Also where a shell started the demo in the background, with SIGINT ignored.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _refuse_used_ports(plan)
        with _fresh_folder(plan.folder), _server(plan), _shop(plan) as shop:
            _story(plan, shop)
            if not options.once:
                _say("Running until Ctrl-C.")
                while True:
                    shop.check()
                    time.sleep(1)
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130 if options.once else 0
    except DemoFailed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except (ShopError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end when the bundle is written")
    parser.add_argument("--folder", type=Path, default=Path("build/demo"))
    parser.add_argument("--telemetry", choices=("otel", "logs"), default="otel")
    parser.add_argument("--healthy", type=int, default=60, help="seconds before the shop breaks")
    parser.add_argument("--within", type=int, default=60, help="seconds to find it in")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--otlp-http-port", type=int, default=4318)
    parser.add_argument("--otlp-grpc-port", type=int, default=4317)
    parser.add_argument("--shop-port", type=int, default=0, help="of the shop's page; 0 is any")
    return parser.parse_args(arguments)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


# -- what runs -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _fresh_folder(folder: Path) -> Iterator[None]:
    """Start without the data of an earlier demo, unless it still runs; results of this one stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OSError(f"{folder}: a demo runs there already; name another --folder") from error
        for name in ("data", "shop"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in ("context.json", "context.md"):
            (folder / name).unlink(missing_ok=True)
        yield


def _free_port() -> int:
    """Return a port for the shop's page, whose address the server must know first."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _refuse_used_ports(plan: Plan) -> None:
    """Another server may answer there, and would be taken for ours."""
    for flag in ("port", "otlp_http_port", "otlp_grpc_port", "shop_port"):
        port = getattr(plan, flag)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise OSError(
                f"port {port}: {error.strerror}; stop what listens there, or name another"
                f" --{flag.replace('_', '-')}"
            ) from error


@contextlib.contextmanager
def _server(plan: Plan) -> Iterator[None]:
    command = [
        *(sys.executable, "-c", _END_WITH_US, "serve"),
        *("--data-dir", str(plan.folder / "data")),
        *("--port", str(plan.port)),
        *("--otlp-http-port", str(plan.otlp_http_port)),
        *("--otlp-grpc-port", str(plan.otlp_grpc_port)),
        *("--code-roots", str(plan.folder)),
        *("--allowed-origins", f"http://127.0.0.1:{plan.shop_port}"),
    ]
    # One hop has nothing but its access log, whatever the others send.
    followed = "*.log" if plan.telemetry == "logs" else "payment.log"
    command += ["--log-files", str(plan.folder / "shop" / "logs" / followed)]
    log = plan.folder / "server.log"
    _say("Starting the server …")
    with open(log, "wb") as output:
        # In a process group of its own, so that Ctrl-C reaches the demo first.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_healthy(plan, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_healthy(plan: Plan, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise OSError(f"the server did not start: {lines[-1]}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{plan.api}/healthz", timeout=2).close()
            return
        time.sleep(0.2)
    raise OSError(f"the server does not answer at {plan.api}; see {log}")


@contextlib.contextmanager
def _shop(plan: Plan) -> Iterator[Shop]:
    _say(
        "Starting the shop: gateway, session, checkout, catalogue, fulfilment, and its customers …"
    )
    otlp = f"http://127.0.0.1:{plan.otlp_http_port}" if plan.telemetry == "otel" else None
    with Shop(
        plan.folder / "shop",
        otlp,
        plan.api,
        telemetry=plan.telemetry,
        gateway_port=plan.shop_port,
    ) as shop:
        yield shop


# -- the story -----------------------------------------------------------------------------------


def _story(plan: Plan, shop: Shop) -> None:
    _say(f"The shop is open at {shop.gateway_url}. Healthy for {plan.healthy_s} s:")
    began = time.monotonic()
    _watch_healthy(plan, shop, plan.healthy_s // 2)
    shop.deploy_decoy()
    _say("  A harmless release of catalogue goes out.")
    _watch_healthy(plan, shop, plan.healthy_s - int(time.monotonic() - began))
    change = shop.apply_fault(_FAULT)
    broken_at = time.monotonic()
    _say(f"The shop is broken: {change.service} {change.version} is released. Looking …")
    incident = _found(plan, broken_at)
    _say(f"Found after {time.monotonic() - broken_at:.0f} s.")
    _check(incident, shop.truth(), change.revision, plan)
    markdown = _save_bundle(plan, str(incident["incident_id"]))
    print()
    for line in markdown.splitlines()[:_FIRST_LINES]:
        print(f"  {line}")
    print("  …\n")
    _say(f"The bundle is in {plan.folder / 'context.md'} and {plan.folder / 'context.json'}.")
    _say(f"Open  {plan.api}/  or  {plan.api}/incidents/{incident['incident_id']}")


def _watch_healthy(plan: Plan, shop: Shop, length_s: int) -> None:
    end = time.monotonic() + length_s
    while time.monotonic() < end:
        time.sleep(min(5.0, max(0.1, end - time.monotonic())))
        shop.check()
        _expect_no_incident(plan)
        overview = _get(plan, "/api/overview")
        parts = [f"{each['service']} {each['calls_per_s']:.1f}/s" for each in overview["services"]]
        if plan.telemetry == "logs":
            parts = [
                f"{each['service']} {each['log_lines_per_s']:.1f} lines/s"
                for each in overview["services"]
            ]
        _say(f"  {', '.join(parts) or 'no telemetry yet'}; no incident")


def _expect_no_incident(plan: Plan) -> None:
    incidents = _get(plan, "/api/incidents")["incidents"]
    if incidents:
        raise DemoFailed(
            f"an incident was reported while the shop was healthy: {incidents[0]['title']}"
        )


def _found(plan: Plan, broken_at: float) -> Mapping[str, Any]:
    """Return the incident once it has hypotheses and names the service at fault."""
    incident: Mapping[str, Any] | None = None
    while time.monotonic() < broken_at + plan.find_within_s:
        incidents = _get(plan, "/api/incidents")["incidents"]
        if incidents:
            incident = _get(plan, f"/api/incidents/{incidents[0]['incident_id']}")
            if incident["hypotheses"] and incident["faulty_service"]:
                return incident
        time.sleep(1)
    if incident is None:
        raise DemoFailed(f"no incident was found within {plan.find_within_s} s of the release")
    raise DemoFailed(f"the incident has no explanation yet: {incident['title']}")


def _check(
    incident: Mapping[str, Any], truth: Mapping[str, Any], revision: str, plan: Plan
) -> None:
    """Compare what was found with what the shop's customers met."""
    wrong = []
    if incident["entry_service"] != _ENTRY:
        wrong.append(f"entry service {incident['entry_service']!r}, not {_ENTRY!r}")
    if incident["faulty_service"] != _FAULTY:
        wrong.append(f"faulty service {incident['faulty_service']!r}, not {_FAULTY!r}")
    first = int(truth["first_failed_checkout_unix_ns"])
    off_ns = int(incident["onset_unix_ns"]) - first
    if abs(off_ns) > _ONSET_TOLERANCE_NS:
        wrong.append(f"onset {off_ns / _S:+.1f} s from the first checkout that failed")
    best = incident["hypotheses"][0]
    if best["cause_kind"] != "change" or best["revision"] != revision:
        wrong.append(f"first hypothesis: {best['statement']!r}, not the commit {revision[:7]}")
    if wrong:
        _save_bundle(plan, str(incident["incident_id"]))
        raise DemoFailed("the incident is not the right one: " + "; ".join(wrong))
    _say(
        f"Right: enters at {_ENTRY}, fails in {_FAULTY}, onset {off_ns / _S:+.1f} s from the first"
        f" failed checkout, the release ranked first ({best['probability']:.2f})."
    )


def _save_bundle(plan: Plan, incident_id: str) -> str:
    address = f"/api/incidents/{incident_id}/context"
    (plan.folder / "context.json").write_bytes(_fetch(plan, f"{address}?format=json"))
    markdown = _fetch(plan, f"{address}?format=markdown")
    (plan.folder / "context.md").write_bytes(markdown)
    return markdown.decode()


# -- asking --------------------------------------------------------------------------------------


def _get(plan: Plan, path: str) -> Any:
    return json.loads(_fetch(plan, path))


def _fetch(plan: Plan, path: str) -> bytes:
    try:
        with urllib.request.urlopen(plan.api + path, timeout=30) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        raise DemoFailed(f"GET {path}: HTTP {error.code} {error.read(300)!r}") from error


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
