"""
People who are no customers: they try passwords, or quotes. Standard library only; started by path.

    python strangers.py --gateway http://127.0.0.1:4711 --kind stuffing --per-s 15
"""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import threading
from queue import Empty, SimpleQueue
from urllib.parse import quote, urlsplit

AGENTS = {"stuffing": "okhttp/4.9.0", "probing": "scanner/1.8"}
PROBES = (
    "books'",
    "books' OR '1'='1",
    "x' UNION SELECT 1, 2, 3, 4, 5 --",
    "toys'; --",
    "lamps' AND 1=1 --",
)
GUESSES = ("123456", "password", "qwertz", "iloveyou", "shop2026", "hunter2")
HIT_RATIO = 0.01
TIMEOUT_S = 10.0


def main() -> None:
    """Go on until told to stop, or until whoever started this process is gone."""
    words = argparse.ArgumentParser(description="Strangers for the demo shop.")
    words.add_argument("--gateway", required=True, help="address of the gateway")
    words.add_argument("--kind", choices=sorted(AGENTS), required=True)
    words.add_argument("--per-s", type=float, required=True, help="requests a second")
    words.add_argument("--seed", type=int, default=1)
    options = words.parse_args()
    # A queue, not the event: a signal handler may interrupt the very wait it wants to end.
    told: SimpleQueue[None] = SimpleQueue()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.put(None))
    threading.Thread(target=_watch_parent, args=(told,), daemon=True).start()
    chance = random.Random(options.seed)
    address = urlsplit(options.gateway).netloc
    while not _came(told, within_s=chance.expovariate(options.per_s)):
        method, path, body = _next(options.kind, chance)
        _send(address, AGENTS[options.kind], method, path, body)


def _next(kind: str, chance: random.Random) -> tuple[str, str, str | None]:
    if kind == "probing":
        return "GET", f"/products?category={quote(chance.choice(PROBES))}", None
    number = chance.randint(1, 200)
    right = chance.random() < HIT_RATIO
    password = f"pass-{number:03}" if right else chance.choice(GUESSES)
    return "POST", "/login", json.dumps({"user": f"customer-{number:03}", "password": password})


def _send(address: str, agent: str, method: str, path: str, body: str | None) -> None:
    headers = {"User-Agent": agent, "Content-Type": "application/json", "Connection": "close"}
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as problem:
        print(f"{method} {path}: {problem!r}", file=sys.stderr, flush=True)
    finally:
        connection.close()


def _came(told: "SimpleQueue[None]", within_s: float) -> bool:
    try:
        told.get(timeout=within_s)
    except Empty:
        return False
    return True


def _watch_parent(told: "SimpleQueue[None]") -> None:
    # os.read, not sys.stdin: a daemon thread inside a buffered read blocks the interpreter's end.
    while os.read(0, 1024):
        pass
    told.put(None)


if __name__ == "__main__":
    main()
