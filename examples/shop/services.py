"""The shop's own services: started, and started anew for a release, without losing a request."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .faults import FIRST_VERSIONS
from .processes import Child, ListeningSocket, ReadyPipe
from .telemetry import (
    NODE_PACKAGES,
    Telemetry,
    otel_environment,
    plain_environment,
    service_command,
)

MOST_OPEN_FILES = 256
"""As in a small container."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service's present process, and what it runs."""

    child: Child
    version: str
    revision: str
    instance: int
    settings: Mapping[str, str]
    """Variables beside those that every instance gets."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all services share."""

    work_dir: Path
    repository: Path
    logs_dir: Path
    telemetry: Telemetry
    otlp_endpoint: str | None
    gateway_port: int


class Services:
    """The processes of the shop's services, each behind a socket that stays."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._running: dict[str, Running] = {}
        self._sockets: dict[str, ListeningSocket] = {}
        self._further_urls: dict[str, str] = {}

    @property
    def children(self) -> tuple[Child, ...]:
        """Every process."""
        return tuple(running.child for running in self._running.values())

    def __getitem__(self, service: str) -> Running:
        return self._running[service]

    def url(self, service: str) -> str:
        """Return where a service is found."""
        return self._sockets[service].url

    def start(self, revision: str, further_urls: Mapping[str, str]) -> None:
        """Start all, side by side; `further_urls` are of services that are not the shop's."""
        self._further_urls = dict(further_urls)
        modules = NODE_PACKAGES / "node_modules"
        (self._around.work_dir / "node_modules").symlink_to(modules)
        for service in FIRST_VERSIONS:
            port = self._around.gateway_port if service == "gateway" else 0
            self._sockets[service] = ListeningSocket(port)
        begun = [
            (service, *self._begin(service, version, revision, 1, {}))
            for service, version in FIRST_VERSIONS.items()
        ]
        for service, child, ready in begun:
            ready.wait(child)
            self._running[service] = Running(child, FIRST_VERSIONS[service], revision, 1, {})

    def replace(
        self, service: str, version: str, revision: str, settings: Mapping[str, str]
    ) -> int:
        """
        Start a further instance, then end the old one; return when the new one took requests.

        Raises:
            ShopError: the new one does not start; the old one stays.
        """
        old = self._running[service]
        child, ready = self._begin(service, version, revision, old.instance + 1, settings)
        try:
            at_unix_ns = time.time_ns()
            ready.wait(child)
        except BaseException:
            child.stop()
            raise
        self._running[service] = Running(child, version, revision, old.instance + 1, settings)
        old.child.stop()
        return at_unix_ns

    def stop(self) -> None:
        """End every process; doing so twice is fine."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()
        for listening in self._sockets.values():
            listening.close()

    def _begin(
        self, service: str, version: str, revision: str, instance: int, settings: Mapping[str, str]
    ) -> tuple[Child, ReadyPipe]:
        around = self._around
        listening = self._sockets[service]
        command = service_command(service)
        environment = self._environment(service, version, revision, instance)
        ready = ReadyPipe()
        environment |= {"LISTEN_FD": str(listening.fd), "READY_FD": str(ready.write_fd)}
        child = Child(
            service,
            command,
            cwd=around.repository,
            environment=environment | dict(settings),
            log_file=around.logs_dir / f"{service}.log",
            keep_fds=(listening.fd, ready.write_fd),
            most_open_files=MOST_OPEN_FILES,
        )
        # Known from its first moment, so that stop() also ends one that never became ready.
        self._running.setdefault(service, Running(child, version, revision, instance, settings))
        ready.close_write()
        return child, ready

    def _environment(
        self, service: str, version: str, revision: str, instance: int
    ) -> dict[str, str]:
        around = self._around
        environment = plain_environment() | {
            "DATA_DIR": str(around.work_dir / "data"),
            "SERVICE_VERSION": version,
            "SERVICE_REVISION": revision,
        }
        urls = {name: its.url for name, its in self._sockets.items()} | self._further_urls
        environment |= {f"{name.upper()}_URL": url for name, url in urls.items()}
        if around.telemetry == "logs" or around.otlp_endpoint is None:
            return environment
        resource = {
            "deployment.environment.name": "demo",
            "service.instance.id": f"{service}-{instance}",
            "service.namespace": "shop",
            "service.version": version,
            "vcs.ref.head.revision": revision,
        }
        environment["BROWSER_TELEMETRY_URL"] = around.otlp_endpoint
        return environment | otel_environment(around.otlp_endpoint, service, resource)
