"""
All connectors of a server: started, stopped, asked for a window, and asked how they are.

What needs a window of a source that is not followed, or not yet read so far, calls
`Connectors.fetch`; it is safe to ask for the same window again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from tracepulse.clock import Clock
from tracepulse.errors import BadQuestion, BadSetting, InternalError, NotFound, SourceFailure
from tracepulse.receive.limits import live_window
from tracepulse.receive.pull.configured import Connector
from tracepulse.receive.pull.elastic import Elastic
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.pull.follower import Follower, FollowerState
from tracepulse.receive.pull.http_source import Credentials, HttpPlace, HttpSource
from tracepulse.receive.pull.interface import Asked, DurableAppend, Heard, Proof, Stretch
from tracepulse.receive.pull.loki import Loki
from tracepulse.receive.pull.passes import Fetched, Puller
from tracepulse.receive.pull.progress import Pulled
from tracepulse.receive.pull.spending import Budget, BudgetSpent, Spend
from tracepulse.receive.pull.splunk import Splunk

__all__ = ["PROGRESS_FILE", "ConnectorReport", "Connectors", "asked_of", "prove"]

PROGRESS_FILE = "pulled.db"
"""In the data folder."""
_PROOF_BUDGET = Budget(4 * 1024 * 1024, 30.0)
_PROOF_RECORDS = 100
_MOST_AT_ONCE = 5000
_STOP_S = 10.0
"""Waited at a stop for all sources together, however many of them stand still."""


@dataclass(frozen=True, slots=True)
class ConnectorReport:
    """How a connector is."""

    name: str
    kind: str
    place: str
    """Its address, or the patterns of its files."""
    follows: bool
    ok: bool
    detail: str
    """In words."""
    records: int = 0
    """Taken, ever; of files since the start."""
    repeated: int = 0
    """Read and left out because they were taken already, since the start."""
    bytes_read: int = 0
    """Since the start."""
    requests: int = 0
    failed_looks: int = 0
    left_out: int = 0
    """Questions that ended for their budget, since the start."""
    behind_s: float | None = None
    """Age of the end of what is read without a gap; None where that is not known."""


def asked_of(connector: Connector) -> Asked:
    """
    Return the source that a connector asks.

    Raises:
        BadSetting: a secret or certificate cannot be read, or its query cannot be used.
        BadQuestion: it is not one that can be asked for a window.
    """
    http = _http(connector)
    try:
        return _asked_of(connector, http)
    except (BadSetting, BadQuestion):
        http.close()
        raise


def _asked_of(connector: Connector, http: HttpSource) -> Asked:
    most = min(connector.page_records, _MOST_AT_ONCE)
    match connector.kind:
        case "loki":
            return Loki(http, connector.query, most, connector.service)
        case "elasticsearch" | "opensearch":
            return Elastic(
                http,
                connector.index,
                connector.query,
                connector.time_field,
                most,
                connector.service,
            )
        case "splunk":
            return Splunk(http, connector.query, connector.page_records, connector.service)
        case "files":
            raise BadQuestion(
                f"connector {connector.name}: files are followed, they cannot be asked for a window"
            )
        case kind:
            assert_never(kind)


def _header_text(text: str, what: str) -> str:
    """Return what can stand in a header; what refuses it later would show it in its message."""
    if text.isascii() and text.isprintable():
        return text
    raise BadSetting(
        f"{what}: it holds a line end or a character that no header can; is it more than the token?"
    )


def _http(connector: Connector) -> HttpSource:
    return HttpSource(
        HttpPlace(
            connector.name,
            connector.url,
            lambda: _credentials(connector),
            connector.ca_file,
            connector.verify,
        )
    )


def _credentials(connector: Connector) -> Credentials:
    """Read the secrets of a connector; raises BadSetting where one cannot be had or used."""
    what = f"connector {connector.name}"
    token = _header_text(connector.token.read(f"{what}: token"), f"{what}: token")
    scheme = "ApiKey" if connector.kind in ("elasticsearch", "opensearch") else "Bearer"
    headers = [("authorization", f"{scheme} {token}")] if token else []
    tenant = _header_text(connector.tenant, f"{what}: tenant")
    if tenant and connector.kind == "loki":
        headers.append(("x-scope-orgid", tenant))
    password = connector.password.read(f"{what}: password")
    return Credentials(tuple(headers), connector.user, password)


def prove(connector: Connector, now_unix_ns: int) -> Proof:
    """
    Ask a source for what it is and for its latest records; nothing is kept.

    Raises:
        SourceFailure: it does not answer as it should; the text says what to do.
        BadSetting: the connector cannot be used as configured.
        BadQuestion: it is one of files.
    """
    asked = asked_of(connector)
    try:
        spend = Spend(_PROOF_BUDGET)
        server = asked.server(spend)
        for back_s in (300, 3600, 86_400):
            stretch = Stretch(now_unix_ns - back_s * 10**9, now_unix_ns + 60 * 10**9)
            records = _first(asked, stretch, spend)
            if records:
                return _proof(server, records, back_s)
        return Proof(server, 0, notes=("the query finds nothing in the last day",))
    except BudgetSpent as spent:
        raise SourceFailure(f"connector {connector.name}: {spent} before anything came") from spent
    finally:
        asked.close()


def _first(asked: Asked, stretch: Stretch, spend: Spend) -> list[Heard]:
    records: list[Heard] = []
    for page in asked.pages(stretch, spend):
        records += page.records
        if len(records) >= _PROOF_RECORDS:
            break
    return records


def _proof(server: str, records: list[Heard], back_s: int) -> Proof:
    services = Counter(each.known.service or "(no service)" for each in records)
    notes = [f"read from the last {back_s // 60} minutes"]
    if services["(no service)"]:
        notes.append("records without a service: name one with `service = …`")
    return Proof(
        server,
        len(records),
        max(each.time_unix_ns for each in records),
        tuple(name for name, _ in services.most_common(10)),
        tuple(notes),
    )


class _Running:
    """A connector of a running server."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.files: FollowedFiles | None = None
        self.asked: Asked | None = None
        self.pulled: Pulled | None = None
        self.puller: Puller | None = None
        self.follower: Follower | None = None
        self.numbers: Counter[str] = Counter()

    def count(self, fetched: Fetched) -> None:
        self.numbers["repeated"] += fetched.repeated
        self.numbers["bytes_read"] += fetched.bytes_read
        self.numbers["requests"] += fetched.requests
        self.numbers["left_out"] += bool(fetched.unread) and fetched.failure is None


class Connectors:
    """The connectors of a server."""

    def __init__(
        self,
        connectors: Sequence[Connector],
        folder: Path,
        journal: DurableAppend,
        clock: Clock,
        retention_days: int,
    ) -> None:
        """
        Open what is remembered of each; nothing is asked before `start`.

        Args:
            folder: the data folder.
        Raises:
            BadSetting: one of them cannot be used; the text says which and why.
        """
        self._clock = clock
        self._retention_days = retention_days
        self._running = {each.name: _Running(each) for each in connectors}
        for running in self._running.values():
            if running.connector.kind == "files":
                self._open_files(running, folder, journal)
            else:
                self._open(running, folder, journal)

    def _open_files(self, running: _Running, folder: Path, journal: DurableAppend) -> None:
        connector = running.connector
        running.files = FollowedFiles(
            tuple(_pattern(path) for path in connector.paths),
            folder / f"followed-{connector.name}.json",
            journal,
            self._clock,
            retention_days=self._retention_days,
            promises=Pulled(folder / PROGRESS_FILE, connector.name),
        )

    def _open(self, running: _Running, folder: Path, journal: DurableAppend) -> None:
        connector = running.connector
        running.asked = asked_of(connector)
        running.pulled = Pulled(folder / PROGRESS_FILE, connector.name)
        running.puller = Puller(
            running.asked,
            running.pulled,
            journal,
            self._clock,
            f"{connector.kind}_pull",
            connector.overlap_ns,
            self._retention_days,
            running.count,
        )
        if connector.follow:
            running.follower = Follower(
                connector.name,
                running.puller,
                running.pulled,
                self._clock,
                connector.budget,
                connector.every_s,
                connector.overlap_ns,
                connector.back_ns,
                self._retention_days,
            )

    def start(self) -> None:
        """Begin to follow those that are to be followed."""
        for running in self._running.values():
            if running.files is not None:
                running.files.start()
            if running.follower is not None:
                running.follower.start()

    def stop(self) -> None:
        """Stop all; what was read is durable."""
        every = list(self._running.values())
        until_s = time.monotonic() + _STOP_S
        for running in every:
            if running.puller is not None:
                running.puller.stopping.set()
        for running in every:
            if running.files is not None:
                running.files.stop()
            if running.follower is not None:
                running.follower.stop(max(0.0, until_s - time.monotonic()))
            if running.asked is not None:
                running.asked.close()
            if running.pulled is not None:
                running.pulled.close()

    def fetch(
        self,
        name: str,
        window: Stretch,
        max_bytes: int | None = None,
        max_s: float | None = None,
        around_unix_ns: int | None = None,
    ) -> Fetched:
        """
        Take what is missing of a window, and tell what was left out and why.

        Asking for a window again takes only what is missing still. A source that does not answer is
        told in `failure`, with all of the window that is missing in `left_out`.

        Args:
            window: what lies before retention is left out.
            max_bytes: to read; that of the connector where none is given.
            max_s: to take; likewise.
            around_unix_ns: what lies nearest to it is read first, such as an incident's onset; None
                begins with the earliest.
        Raises:
            NotFound: there is no such connector.
            BadQuestion: it is one of files, or the window is empty.
            Unavailable: our own notes cannot be kept.
        """
        running = self._found(name)
        if running.puller is None:
            raise BadQuestion(f"connector {name}: files are followed, not asked for a window")
        if window.start_unix_ns >= window.end_unix_ns:
            raise BadQuestion("the window is empty: its end is not after its start")
        usual = running.connector.budget
        budget = Budget(
            usual.max_bytes if max_bytes is None else max_bytes,
            usual.max_s if max_s is None else max_s,
        )
        return running.puller.fetch(window, budget, around_unix_ns=around_unix_ns)

    def fetch_all(
        self,
        window: Stretch,
        max_bytes: int | None = None,
        max_s: float | None = None,
        wanted: Callable[[Connector], bool] = lambda _: True,
        around_unix_ns: int | None = None,
    ) -> dict[str, Fetched]:
        """
        Take what is missing of a window from every source that can be asked, by name.

        The budget is for each. Raises Unavailable as `fetch`.
        """
        return {
            name: self.fetch(name, window, max_bytes, max_s, around_unix_ns)
            for name, running in self._running.items()
            if running.puller is not None and wanted(running.connector)
        }

    def reports(self) -> tuple[ConnectorReport, ...]:
        """Return how each is, by name."""
        return tuple(_report(running) for _, running in sorted(self._running.items()))

    def kept_since_unix_ns(self) -> int:
        """Return the instant before which nothing is kept."""
        return live_window(self._clock.now_unix_ns(), self._retention_days).earliest_unix_ns

    def _found(self, name: str) -> _Running:
        if name not in self._running:
            known = ", ".join(sorted(self._running)) or "none"
            raise NotFound(f"there is no connector {name[:80]!r}; there are: {known}")
        return self._running[name]


def _pattern(path: str) -> str:
    """Return a pattern for what was given: of a folder everything below it."""
    if Path(path).expanduser().is_dir():
        return str(Path(path).expanduser() / "**" / "*")
    return str(Path(path).expanduser())


def _report(running: _Running) -> ConnectorReport:
    connector = running.connector
    place = connector.url or ", ".join(connector.paths)
    if running.files is not None:
        files = running.files.state
        return ConnectorReport(
            connector.name,
            connector.kind,
            place,
            True,
            files.ok,
            files.detail(),
            running.files.records,
        )
    if running.pulled is None:
        raise InternalError(f"connector {connector.name} was never opened")
    state = None if running.follower is None else running.follower.state
    numbers = running.numbers
    return ConnectorReport(
        connector.name,
        connector.kind,
        place,
        connector.follow,
        state is None or not state.failures,
        _detail(state, running.pulled.records()),
        running.pulled.records(),
        numbers["repeated"],
        numbers["bytes_read"],
        numbers["requests"],
        0 if state is None else state.failed_looks,
        numbers["left_out"],
        None if state is None else state.behind_s,
    )


def _detail(state: FollowerState | None, records: int) -> str:
    taken = f"{records:,} records so far"
    if state is None:
        return f"windows are fetched when asked for; {taken}"
    if state.failures:
        again = f"tried again every {state.next_look_in_s:.0f} s"
        return f"{state.last_failure} ({state.failures} times in a row, {again}); {taken}"
    if not state.looks:
        return f"has not looked yet; {taken}"
    if state.catching_up:
        return f"catching up, {state.behind_s or 0:.0f} s behind; {taken}"
    return f"followed; {taken}"
