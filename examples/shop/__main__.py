"""Run the demo shop by hand: `python -m examples.shop --help`."""

import argparse
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from .deploys import Deploy
from .errors import ShopError
from .faults import CHANGES
from .shop import Shop

HELP = "commands: break NAME · revert NAME · quit; changes: " + ", ".join(sorted(CHANGES))


def main() -> int:
    """Run the shop until Ctrl-C, `quit`, or the end of `--for`."""
    options = _words().parse_args()
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        shop = Shop(
            options.work,
            None if options.telemetry == "logs" else options.otlp,
            options.api,
            options.telemetry,
            customers=options.customers,
            gateway_port=options.port,
        )
        began = time.monotonic()
        with shop:
            print(f"shop open at {shop.gateway_url} after {time.monotonic() - began:.1f} s")
            print(f"source {shop.repository}\nlogs   {shop.logs_dir}\n{HELP}", flush=True)
            _run(shop, options)
    except ShopError as problem:
        print(f"shop: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("shop closed")
    return 0


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        prog="python -m examples.shop", description="A demo shop that breaks on purpose."
    )
    words.add_argument("--work", type=Path, default=Path("build/shop"), help="folder to work in")
    words.add_argument("--telemetry", choices=("otel", "logs"), default="otel")
    words.add_argument("--otlp", default="http://127.0.0.1:4318", help="OTLP/HTTP base address")
    words.add_argument("--api", help="report releases to this server, such as the one at 8600")
    words.add_argument("--customers", type=int, default=40)
    words.add_argument("--port", type=int, default=0, help="of the shop's page; 0 is any")
    words.add_argument("--break", dest="fault", choices=sorted(CHANGES), metavar="NAME")
    words.add_argument("--after", type=float, default=60.0, help="seconds until --break")
    words.add_argument("--for", dest="length_s", type=float, help="seconds until the end")
    return words


def _run(shop: Shop, options: argparse.Namespace) -> None:
    began = time.monotonic()
    waiting = options.fault is not None
    listening = True
    while options.length_s is None or time.monotonic() - began < options.length_s:
        if waiting and time.monotonic() - began >= options.after:
            waiting = False
            _say(shop.apply_fault(options.fault))
        if listening and select.select([sys.stdin], [], [], 1.0)[0]:
            line = sys.stdin.readline()
            listening = bool(line)
            if line.strip() == "quit":
                return
            _obey(shop, line.split())
        elif not listening:
            time.sleep(1.0)
        shop.check()
        _show(shop.truth())


def _obey(shop: Shop, words: list[str]) -> None:
    try:
        match words:
            case []:
                pass
            case ["break", name]:
                _say(shop.apply_fault(name))
            case ["revert", name]:
                _say(shop.revert(name))
            case _:
                print(HELP)
    except ShopError as problem:
        print(f"shop: {problem}", file=sys.stderr)


def _say(deploy: Deploy) -> None:
    print()
    match deploy.kind:
        case "deploy":
            print(
                f"released {deploy.service} {deploy.previous_version} -> {deploy.version}"
                f" ({deploy.revision[:7]} {deploy.summary})"
            )
        case "config":
            print(f"{deploy.service}: {deploy.summary}")
        case "outside":
            print(f"{deploy.name}: {deploy.summary}")


def _show(truth: dict[str, Any]) -> None:
    if not sys.stdout.isatty():
        return
    recent = truth.get("seconds", [])[-11:-1]
    sums = {
        key: sum(second.get(key, 0) for second in recent)
        for key in ("requests", "checkouts_ok", "checkouts_failed", "length_us")
    }
    mean_ms = sums["length_us"] / 1000 / max(sums["requests"], 1)
    print(
        f"\rlast 10 s: {sums['requests'] / 10:5.1f} requests/s, mean {mean_ms:4.0f} ms, checkouts"
        f" {sums['checkouts_ok']} ok {sums['checkouts_failed']} failed   ",
        end="",
        flush=True,
    )


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
