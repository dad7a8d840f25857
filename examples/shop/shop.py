"""The demo shop: start it, break it while it runs, ask what its customers met, stop it."""

import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from .deploys import Deploy, report
from .errors import ShopError
from .faults import CHANGES, DECOY, FIRST_VERSIONS, ShopChange
from .history import build_history, commit_patch, read_head, tag_release
from .outside_world import Payment, People
from .processes import Child
from .record import read_records
from .services import Services, Surroundings
from .telemetry import Telemetry

OWNER_MARK = ".demo-shop"


class Shop:
    """
    Five services, a git repository of their source, customers, and a payment service of others.

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
        gateway_port: int = 0,
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
            gateway_port: where the shop is open; 0 is any free port.
        """
        if telemetry == "otel" and otlp_endpoint is None:
            raise ShopError("telemetry 'otel' needs an OTLP endpoint: name one, or use 'logs'")
        self._work_dir = work_dir.resolve()
        self._api_url = api_url
        self._api_headers = dict(api_headers or {})
        self._customers = customers
        self._seed = seed
        self._services = Services(
            Surroundings(
                self._work_dir,
                self.repository,
                self.logs_dir,
                telemetry,
                otlp_endpoint,
                gateway_port,
            )
        )
        self._payment: Payment | None = None
        self._people: People | None = None
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
        return self._services.url("gateway")

    @property
    def pids(self) -> tuple[int, ...]:
        """Every process of the shop, in ascending order."""
        return tuple(sorted(child.pid for child in self._children()))

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
            self._payment = Payment(self._work_dir, self.logs_dir / "payment.log")
            self._payment.start()
            self._services.start(revision, {"payment": self._payment.url})
            self._people = People(self._work_dir, self.gateway_url, self._customers, self._seed)
            self._people.open()
            undo.pop_all()

    def stop(self) -> None:
        """End every process of the shop; doing so twice is fine."""
        for part in (self._people, self._services, self._payment):
            if part is not None:
                part.stop()

    def check(self) -> None:
        """Raise ShopError if a process of the shop has ended by itself."""
        for child in self._children():
            if not child.running:
                raise ShopError(f"{child.name} ended; see {child.log_file}:\n{child.last_words()}")

    def apply_fault(self, name: str) -> Deploy:
        """
        Do what the table says; a release or a setting is reported, what others do is not.

        Raises:
            ShopError: no such change, it is in already, or the new version does not start.
        """
        change = _change(name)
        match change.by:
            case "release":
                revision = commit_patch(self.repository, change.patch)
                summary = read_head(change.patch).subject
                if change.settings:
                    self._crowd().join(name, change.settings)
                return self._release(name, change.service, change.version, revision, summary)
            case "setting":
                words = " ".join(f"{key}={change.settings[key]}" for key in change.settings)
                return self._set(name, change.service, change.settings, f"set {words}")
            case "outside":
                return self._outside(name, change, change.settings)
            case "customers":
                self._crowd().join(name, change.settings)
                return self._note_outside(name, change)

    def deploy_decoy(self) -> Deploy:
        """Release something harmless."""
        return self.apply_fault(DECOY)

    def revert(self, name: str) -> Deploy:
        """Undo a change: a release by a further commit and release, the others by their opposite."""
        change = _change(name)
        undone = f"revert {name}"
        match change.by:
            case "release":
                revision = commit_patch(self.repository, change.patch, reverse=True)
                head, _, last = self._services[change.service].version.rpartition(".")
                summary = f'Revert "{read_head(change.patch).subject}"'
                version = f"{head}.{int(last) + 1}"
                if change.settings:
                    self._crowd().leave(name)
                return self._release(undone, change.service, version, revision, summary)
            case "setting":
                words = " ".join(sorted(change.settings))
                return self._set(undone, change.service, {}, f"set {words} back")
            case "outside":
                return self._outside(undone, change, {})
            case "customers":
                self._crowd().leave(name)
                return self._note_outside(undone, change)

    def truth(self) -> dict[str, Any]:
        """
        Return what the customers met so far, and every release; for a checker's eyes only.

        The keys are those of `load.Truth.write()` (the record is at most a second old), and:
        `deploys`; `faults`, the written truth of each change since the start with `name`,
        `at_unix_ns` and `revision`; `first_failed_checkout_unix_ns`, since the last fault, or None.
        """
        record = read_records(self._people.records if self._people is not None else ())
        failed = record.get("failed_checkouts_unix_ns", [])
        applied = [deploy for deploy in self._deploys if deploy.name in CHANGES]
        harmful = [deploy.at_unix_ns for deploy in applied if CHANGES[deploy.name].harmful]
        since = harmful[-1] if harmful else 0
        return record | {
            "deploys": [asdict(deploy) for deploy in self._deploys],
            "faults": [
                {"name": deploy.name, "at_unix_ns": deploy.at_unix_ns, "revision": deploy.revision}
                | dict(CHANGES[deploy.name].truth)
                for deploy in applied
            ],
            "first_failed_checkout_unix_ns": next((at for at in failed if at >= since), None),
        }

    def _children(self) -> tuple[Child, ...]:
        parts = (self._services, self._payment, self._people)
        return tuple(child for part in parts if part is not None for child in part.children)

    def _crowd(self) -> People:
        if self._people is None:
            raise ShopError("the shop is not open: call start()")
        return self._people

    def _empty_work_dir(self) -> None:
        mark = self._work_dir / OWNER_MARK
        if self._work_dir.exists() and any(self._work_dir.iterdir()) and not mark.exists():
            raise ShopError(f"{self._work_dir} holds something else: name an empty folder")
        shutil.rmtree(self._work_dir, ignore_errors=True)
        for folder in (self._work_dir / "data", self.logs_dir):
            folder.mkdir(parents=True)
        mark.touch()

    def _release(
        self, name: str, service: str, version: str, revision: str, summary: str
    ) -> Deploy:
        tag_release(self.repository, service, version)
        settings = self._services[service].settings
        return self._replace(name, "deploy", service, version, revision, settings, summary)

    def _set(self, name: str, service: str, settings: Mapping[str, str], summary: str) -> Deploy:
        now = self._services[service]
        return self._replace(name, "config", service, now.version, now.revision, settings, summary)

    def _replace(
        self,
        name: str,
        kind: Literal["deploy", "config"],
        service: str,
        version: str,
        revision: str,
        settings: Mapping[str, str],
        summary: str,
    ) -> Deploy:
        old = self._services[service]
        deploy = Deploy(
            name=name,
            kind=kind,
            service=service,
            version=version,
            previous_version=old.version,
            revision=revision,
            previous_revision=old.revision,
            summary=summary,
            at_unix_ns=self._services.replace(service, version, revision, settings),
        )
        self._deploys.append(deploy)
        if self._api_url is not None:
            report(deploy, self.repository, self._api_url, self._api_headers)
        return deploy

    def _outside(self, name: str, change: ShopChange, settings: Mapping[str, str]) -> Deploy:
        if self._payment is None:
            raise ShopError("the shop is not open: call start()")
        deploy = self._note_outside(name, change)
        self._payment.serve(settings)
        return deploy

    def _note_outside(self, name: str, change: ShopChange) -> Deploy:
        """Keep what somebody else did, for the truth alone."""
        at_unix_ns = time.time_ns()
        deploy = Deploy(name, "outside", change.service, "", "", "", "", change.effect, at_unix_ns)
        self._deploys.append(deploy)
        return deploy


def _change(name: str) -> ShopChange:
    if name not in CHANGES:
        raise ShopError(f"no change called {name!r}: there are {', '.join(sorted(CHANGES))}")
    return CHANGES[name]
