"""The demo shop: start it, break it while it runs, ask what its customers met, stop it."""

import json
import random
import shutil
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .errors import ShopError
from .faults import CHANGES, DECOY, FIRST_VERSIONS, ShopChange
from .history import build_history, commit_patch, read_head, tag_release
from .load import STAY_S
from .processes import Child, ListeningSocket, ReadyPipe
from .telemetry import Telemetry, otel_environment, plain_environment, service_command

OWNER_MARK = ".demo-shop"
REPORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Deploy:
    """One release of one service, as it was reported."""

    name: str
    """The change, or `revert <change>`."""
    service: str
    version: str
    previous_version: str
    revision: str
    previous_revision: str
    """What the service ran before; commits to other services may lie between."""
    summary: str
    at_unix_ns: int
    """Just before the new version took its first request."""


@dataclass(slots=True)
class _Running:
    """A service's present process and release."""

    child: Child
    version: str
    revision: str
    instance: int


class Shop:
    """
    Four services, a git repository of their source, and customers.

    Use it as a context manager, or call `start()` and `stop()`. No process survives `stop()`, an
    exception, Ctrl-C or the death of this process.
    """

    def __init__(
        self,
        work_dir: Path,
        otlp_endpoint: str | None = None,
        api_url: str | None = None,
        telemetry: Telemetry = "otel",
        *,
        customers: int = 40,
        seed: int = 1,
        api_headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        Prepare a shop; nothing is started or written yet.

        Args:
            work_dir: emptied and filled at the start: `repo/`, `data/`, `logs/`, `truth.json`.
            otlp_endpoint: base address for OTLP over HTTP; needed for telemetry "otel".
            api_url: where releases are reported (`POST {api_url}/api/changes`); None: nowhere.
            telemetry: "otel", or "logs" for plain files in `logs/` and nothing else.
            customers: each sends about one request in two seconds.
            seed: of the customers' choices.
            api_headers: sent with each report, such as a key.
        """
        if telemetry == "otel" and otlp_endpoint is None:
            raise ShopError("telemetry 'otel' needs an OTLP endpoint: name one, or use 'logs'")
        self._work_dir = work_dir.resolve()
        self._otlp_endpoint = otlp_endpoint
        self._api_url = api_url
        self._api_headers = dict(api_headers or {})
        self._telemetry: Telemetry = telemetry
        self._customers = customers
        self._seed = seed
        self._running: dict[str, _Running] = {}
        self._sockets: dict[str, ListeningSocket] = {}
        self._load: Child | None = None
        self._deploys: list[Deploy] = []

    @property
    def repository(self) -> Path:
        """The checkout that the services run from."""
        return self._work_dir / "repo"

    @property
    def logs_dir(self) -> Path:
        """One text file for each service; times are UTC."""
        return self._work_dir / "logs"

    @property
    def gateway_url(self) -> str:
        """The public entry."""
        return self._sockets["gateway"].url

    @property
    def pids(self) -> tuple[int, ...]:
        """Every process of the shop, in ascending order."""
        children = [running.child for running in self._running.values()]
        if self._load is not None:
            children.append(self._load)
        return tuple(sorted(child.pid for child in children))

    @property
    def deploys(self) -> tuple[Deploy, ...]:
        """Every release since the start, oldest first."""
        return tuple(self._deploys)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    def start(self) -> None:
        """
        Build the repository, start the services, then the customers.

        Raises:
            ShopError: a service did not start, git is missing, or `work_dir` is somebody else's.
        """
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._empty_work_dir()
            revision = build_history(self.repository)
            for service, version in FIRST_VERSIONS.items():
                tag_release(self.repository, service, version)
                self._sockets[service] = ListeningSocket()
            begun = [
                (service, *self._begin(service, version, revision, 1))
                for service, version in FIRST_VERSIONS.items()
            ]
            for service, child, ready in begun:
                ready.wait(child)
                self._running[service] = _Running(child, FIRST_VERSIONS[service], revision, 1)
            self._start_load()
            undo.pop_all()

    def stop(self) -> None:
        """End every process of the shop; doing so twice is fine."""
        if self._load is not None:
            self._load.stop()
        children = [running.child for running in self._running.values()]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()
        for listening in self._sockets.values():
            listening.close()

    def check(self) -> None:
        """Raise ShopError if a process of the shop has ended by itself."""
        children = [running.child for running in self._running.values()]
        for child in [*children, *([self._load] if self._load is not None else [])]:
            if not child.running:
                raise ShopError(f"{child.name} ended; see {child.log_file}:\n{child.last_words()}")

    def apply_fault(self, name: str) -> Deploy:
        """
        Commit a change of the table, release its service, and report the release.

        Raises:
            ShopError: no such change, it is in already, or the new version does not start.
        """
        change = _change(name)
        revision = commit_patch(self.repository, change.patch)
        summary = read_head(change.patch).subject
        return self._release(name, change.service, change.version, revision, summary)

    def deploy_decoy(self) -> Deploy:
        """Release something harmless."""
        return self.apply_fault(DECOY)

    def revert(self, name: str) -> Deploy:
        """Take a change back by a further commit, and release its service again."""
        change = _change(name)
        revision = commit_patch(self.repository, change.patch, reverse=True)
        head, _, last = self._running[change.service].version.rpartition(".")
        summary = f'Revert "{read_head(change.patch).subject}"'
        version = f"{head}.{int(last) + 1}"
        return self._release(f"revert {name}", change.service, version, revision, summary)

    def truth(self) -> dict[str, Any]:
        """
        Return what the customers met so far, and every release; for a checker's eyes only.

        The keys are those of `load.Truth.write()` (the record is at most a second old), and:
        `deploys`; `first_failed_checkout_unix_ns`, since the last harmful release, or None.
        """
        path = self._work_dir / "truth.json"
        record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        failed = record.get("failed_checkouts_unix_ns", [])
        harmful = [
            deploy.at_unix_ns
            for deploy in self._deploys
            if deploy.name in CHANGES and CHANGES[deploy.name].harmful
        ]
        since = harmful[-1] if harmful else 0
        first = next((at for at in failed if at >= since), None)
        return record | {
            "deploys": [asdict(deploy) for deploy in self._deploys],
            "first_failed_checkout_unix_ns": first,
        }

    def _empty_work_dir(self) -> None:
        mark = self._work_dir / OWNER_MARK
        if self._work_dir.exists() and any(self._work_dir.iterdir()) and not mark.exists():
            raise ShopError(f"{self._work_dir} holds something else: name an empty folder")
        shutil.rmtree(self._work_dir, ignore_errors=True)
        for folder in (self._work_dir / "data", self.logs_dir):
            folder.mkdir(parents=True)
        mark.touch()

    def _begin(
        self, service: str, version: str, revision: str, instance: int
    ) -> tuple[Child, ReadyPipe]:
        ready = ReadyPipe()
        listening = self._sockets[service]
        environment = plain_environment() | {
            "LISTEN_FD": str(listening.fd),
            "READY_FD": str(ready.write_fd),
            "DATA_DIR": str(self._work_dir / "data"),
        }
        environment |= {f"{name.upper()}_URL": its.url for name, its in self._sockets.items()}
        if self._telemetry == "otel" and self._otlp_endpoint is not None:
            resource = {
                "deployment.environment.name": "demo",
                "service.instance.id": f"{service}-{instance}",
                "service.namespace": "shop",
                "service.version": version,
                "vcs.ref.head.revision": revision,
            }
            environment |= otel_environment(self._otlp_endpoint, service, resource)
        child = Child(
            service,
            service_command(service, self._telemetry),
            cwd=self.repository,
            environment=environment,
            log_file=self.logs_dir / f"{service}.log",
            keep_fds=(listening.fd, ready.write_fd),
        )
        # Known from its first moment, so that stop() also ends one that never became ready.
        self._running.setdefault(service, _Running(child, version, revision, instance))
        ready.close_write()
        return child, ready

    def _release(
        self, name: str, service: str, version: str, revision: str, summary: str
    ) -> Deploy:
        old = self._running[service]
        tag_release(self.repository, service, version)
        child, ready = self._begin(service, version, revision, old.instance + 1)
        try:
            at_unix_ns = time.time_ns()
            ready.wait(child)
        except BaseException:
            child.stop()
            raise
        self._running[service] = _Running(child, version, revision, old.instance + 1)
        old.child.stop()
        deploy = Deploy(
            name, service, version, old.version, revision, old.revision, summary, at_unix_ns
        )
        self._deploys.append(deploy)
        self._report(deploy)
        return deploy

    def _report(self, deploy: Deploy) -> None:
        if self._api_url is None:
            return
        at = datetime.fromtimestamp(deploy.at_unix_ns / 10**9, UTC)
        body = {
            "kind": "deploy",
            "service": deploy.service,
            "version": deploy.version,
            "previous_version": deploy.previous_version,
            "revision": deploy.revision,
            "previous_revision": deploy.previous_revision,
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "repository": str(self.repository),
            "summary": deploy.summary,
        }
        _post(f"{self._api_url.rstrip('/')}/api/changes", body, self._api_headers)

    def _start_load(self) -> None:
        stays = self._customers_inside()
        resume = self._work_dir / "customers.json"
        resume.write_text(json.dumps(stays))
        self._load = Child(
            "customers",
            [
                sys.executable,
                str(Path(__file__).with_name("load.py")),
                *("--gateway", self.gateway_url),
                *("--truth", str(self._work_dir / "truth.json")),
                *("--customers", str(self._customers)),
                *("--seed", str(self._seed)),
                *("--resume", str(resume)),
            ],
            cwd=self._work_dir,
            environment=plain_environment(),
            log_file=self._work_dir / "customers.log",
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


def _change(name: str) -> ShopChange:
    if name not in CHANGES:
        raise ShopError(f"no change called {name!r}: there are {', '.join(sorted(CHANGES))}")
    return CHANGES[name]


def _post(url: str, body: Mapping[str, str], headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    for attempt in range(REPORT_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=5.0):
                return
        except urllib.error.HTTPError as refused:
            said = refused.read(300).decode(errors="replace")
            raise ShopError(f"{url} answered {refused.code}: {said}") from refused
        except OSError as problem:
            if attempt + 1 == REPORT_TRIES:
                raise ShopError(f"cannot report a release to {url}: {problem}") from problem
            time.sleep(0.3)
