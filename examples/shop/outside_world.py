"""Processes that are not the shop's: customers, strangers, the payment service and its proxy."""

import json
import random
import socket
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from .errors import ShopError
from .load import STAY_S
from .processes import Child, ListeningSocket
from .telemetry import plain_environment

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PAYMENT_LIMIT_S = 10.0


class Payment:
    """A service without any instrumentation, behind a proxy that writes an access log."""

    def __init__(self, work_dir: Path, log_file: Path) -> None:
        self._work_dir = work_dir
        self._log_file = log_file
        self._listening = ListeningSocket()
        with closing(socket.create_server(("127.0.0.1", 0))) as found:
            self._port = int(found.getsockname()[1])
        self._service: Child | None = None
        self._sidecar: Child | None = None

    @property
    def url(self) -> str:
        """Where the shop finds it: the proxy."""
        return self._listening.url

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes that should run now."""
        return tuple(child for child in (self._service, self._sidecar) if child is not None)

    def start(self) -> None:
        """Start both, and return when payments are taken."""
        self._sidecar = self._begin(
            "sidecar",
            ["--listen-fd", str(self._listening.fd), "--upstream", f"127.0.0.1:{self._port}"],
            keep_fds=(self._listening.fd,),
        )
        self.serve({})

    def serve(self, settings: Mapping[str, str]) -> None:
        """Run the service behind the proxy with these arguments; `down` is not at all."""
        if self._service is not None:
            self._service.stop()
            self._service = None
        if "down" in settings:
            return
        words = [word for name in sorted(settings) for word in (f"--{name}", settings[name])]
        self._service = self._begin("payment", ["--port", str(self._port), *words])
        deadline = time.monotonic() + PAYMENT_LIMIT_S
        while time.monotonic() < deadline and self._service.running:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), 1.0).close()
                return
            time.sleep(0.02)
        raise ShopError(f"payment did not start:\n{self._service.last_words()}")

    def stop(self) -> None:
        """End both; doing so twice is fine."""
        for child in self.children:
            child.stop()
        self._listening.close()

    def _begin(self, name: str, words: list[str], keep_fds: tuple[int, ...] = ()) -> Child:
        log_file = self._log_file if name == "sidecar" else self._work_dir / f"{name}.err"
        return Child(
            name,
            [sys.executable, "-m", f"examples.shop.outside.{name}", *words],
            cwd=self._work_dir,
            environment=plain_environment() | {"PYTHONPATH": str(ROOT)},
            log_file=log_file,
            keep_fds=keep_fds,
        )


class People:
    """Customers, and whoever else comes; each group is a process with a record of its own."""

    def __init__(self, work_dir: Path, gateway_url: str, customers: int, seed: int) -> None:
        self._work_dir = work_dir
        self._gateway_url = gateway_url
        self._customers = customers
        self._seed = seed
        self._groups: dict[str, Child] = {}

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes that should run now."""
        return tuple(self._groups.values())

    @property
    def records(self) -> tuple[Path, ...]:
        """The files in which the groups of customers keep what they met."""
        return tuple(sorted(self._work_dir.glob("truth*.json")))

    def open(self) -> None:
        """Let the usual customers in, most of them logged in already."""
        resume = self._work_dir / "customers.json"
        resume.write_text(json.dumps(self._customers_inside()))
        self._come("customers", 1, "--resume", str(resume))

    def join(self, name: str, settings: Mapping[str, str]) -> None:
        """
        Let a further group in: `like: customers` as many again, or `like: <stranger>`.

        Raises:
            ShopError: it is there already.
        """
        if name in self._groups:
            raise ShopError(f"{name} is in already")
        if settings["like"] == "customers":
            self._come(name, 1 + self._customers)
            return
        self._begin(
            name,
            *("strangers.py", "--gateway", self._gateway_url, "--kind", settings["like"]),
            *("--per-s", settings["per_s"]),
        )

    def leave(self, name: str) -> None:
        """Send a group away; raises ShopError if it is not there."""
        if name not in self._groups:
            raise ShopError(f"{name} is not in")
        self._groups.pop(name).stop()

    def stop(self) -> None:
        """Send everybody away; doing so twice is fine."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()

    def _come(self, name: str, first: int, *further: str) -> None:
        suffix = "" if name == "customers" else f"-{name}"
        self._begin(
            name,
            *("load.py", "--gateway", self._gateway_url),
            *("--truth", str(self._work_dir / f"truth{suffix}.json")),
            *("--customers", str(self._customers), "--first", str(first)),
            *("--seed", str(self._seed), *further),
        )

    def _begin(self, name: str, file: str, *words: str) -> None:
        self._groups[name] = Child(
            name,
            [sys.executable, str(HERE / file), *words],
            cwd=self._work_dir,
            environment=plain_environment(),
            log_file=self._work_dir / f"{name}.err",
        )

    def _customers_inside(self) -> dict[str, dict[str, Any]]:
        """Log most customers in as of some time ago, as if the shop had been open all along."""
        chance = random.Random(self._seed)
        now = time.time()
        stays = {}
        rows = []
        for number in range(1, self._customers + 1):
            stay_s = chance.uniform(*STAY_S)
            opened_at = now - chance.uniform(0.0, stay_s)
            session = f"{chance.getrandbits(64):016x}"
            rows.append((session, f"customer-{number:03}", opened_at))
            stays[str(number)] = {"session": session, "leaves_at": opened_at + stay_s}
        with closing(sqlite3.connect(self._work_dir / "data" / "session.db")) as database, database:
            database.executemany(
                "INSERT INTO sessions (id, user, created_at) VALUES (?, ?, ?)", rows
            )
        return stays
