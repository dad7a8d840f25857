"""What the API needs from the rest of the server, given to it once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tracepulse.accounting.terms import Accounting
from tracepulse.clock import Clock
from tracepulse.context.bundle import Bundle
from tracepulse.journal.recovery import Damage
from tracepulse.journal.set_aside import AsideMessage
from tracepulse.model.regression import Coverage
from tracepulse.receive.access import Gate
from tracepulse.receive.pull.connectors import ConnectorReport
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.passes import Fetched
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.records import StateStore

__all__ = [
    "AsideDesk",
    "Check",
    "ConnectorDesk",
    "DoctorReport",
    "Explanation",
    "Hypothesis",
    "Investigator",
    "JournalBacklog",
    "Operation",
    "QueryRoom",
    "ServerNumbers",
    "Services",
    "explanation_of",
]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One candidate cause, as it is listed with its incident."""

    rank: int
    """1 is the most probable."""
    statement: str
    probability: float
    cause_kind: str
    service: str
    change_id: str = ""
    revision: str = ""
    evidence: tuple[str, ...] = ()
    """Ids of facts; the bundle of the incident holds them."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The ranked causes of one incident."""

    hypotheses: tuple[Hypothesis, ...] = ()
    """By rank."""
    unknown_probability: float = 1.0
    """The mass on what was not considered."""


class Investigator(Protocol):
    """Explains incidents; called in a worker thread."""

    def explain(self, incident_id: str) -> Explanation:
        """Return the ranked causes; raises NotFound."""

    def bundle(
        self, incident_id: str, form: Literal["json", "markdown"], max_tokens: int | None
    ) -> bytes:
        """
        Return the context bundle, UTF-8.

        Args:
            max_tokens: the budget; None is the usual one.
        Raises:
            NotFound: there is no such incident.
            BadQuestion: the budget is too small to say anything.
        """


@dataclass(frozen=True, slots=True)
class JournalBacklog:
    """What was received and is not yet in the store."""

    waiting_records: int = 0
    waiting_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the doctor looked at."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """How the server itself is."""

    version: str
    uptime_s: float
    data_dir: str
    engine: str
    """`chdb 26.1` or a ClickHouse server's address without its password."""
    accounting: Accounting
    """What became of every record, since counting began on this data folder."""
    journal: Mapping[str, Any]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class ServerNumbers:
    """What the server counts about itself; all of it at hand, none of it asked of the store."""

    version: str
    started_unix_ns: int
    accounting: Accounting
    answered: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Requests that brought telemetry, by origin and status, since the start."""
    altered_records: int = 0
    journal_waiting_bytes: int = 0
    journal_waiting_segments: int = 0
    journal_stored_bytes: int = 0
    """In segments that are kept although they are in the store."""
    journal_full: bool = False
    damaged: tuple[Damage, ...] = ()
    set_aside_messages: int = 0
    loaded_segments: int = 0
    repaired_segments: int = 0
    last_load_age_s: float | None = None
    """None when nothing was loaded since the start."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Active parts of the engine's tables, as counted every minute."""
    connectors: tuple[ConnectorReport, ...] = ()


class Operation(Protocol):
    """The running server, as it may be asked about; called in a worker thread."""

    def backlog(self) -> JournalBacklog:
        """Return what waits in the journal."""

    def received(self) -> Mapping[str, int]:
        """Return records received since the start, by signal: traces, logs, metrics."""

    def doctor(self) -> DoctorReport:
        """Return how the server is."""

    def failure(self) -> str:
        """Return why no telemetry can be taken in now; '' when all is well. Must be quick."""

    def numbers(self) -> ServerNumbers:
        """Return what the server counts. Must be quick."""


class AsideDesk(Protocol):
    """Messages that the engine refused; called in a worker thread."""

    def messages(self) -> tuple[AsideMessage, ...]:
        """Return all of them by id."""

    def damaged(self) -> tuple[Damage, ...]:
        """Return what was acknowledged and cannot be read any more."""

    def get(self, message_id: str) -> tuple[AsideMessage, bytes]:
        """Return one, and the request that it is; raises NotFound, Unavailable."""

    def retry(self, message_id: str) -> str:
        """Queue one again; returns its segment's id; raises NotFound, Unavailable, Overloaded."""

    def discard(self, message_id: str) -> int:
        """Remove one for good; returns how many records it held; raises NotFound."""


class ConnectorDesk(Protocol):
    """Systems that are asked for their logs; called in a worker thread."""

    def reports(self) -> tuple[ConnectorReport, ...]:
        """Return how each connector is, by name."""

    def fetch(
        self,
        name: str,
        window: Stretch,
        max_bytes: int | None = None,
        max_s: float | None = None,
        around_unix_ns: int | None = None,
    ) -> Fetched:
        """Take what is missing of a window; raises NotFound, BadQuestion, Unavailable."""


@dataclass(frozen=True, slots=True)
class QueryRoom:
    """How many questions are answered at a time; past it the asker is told to come back."""

    at_once: int = 6
    """The embedded engine has four readers; a few more keep them busy while JSON is written."""
    waiting: int = 64


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that an endpoint may use."""

    telemetry: Telemetry
    state: StateStore
    clock: Clock
    gate: Gate
    investigator: Investigator
    operation: Operation
    aside: AsideDesk
    connectors: ConnectorDesk
    redaction_key: bytes
    """Secret of this installation, for pseudonyms."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names this server is called by, besides this machine's own; '*' is any."""
    static_folder: Path | None = None
    """Folder of the page; None serves none."""
    room: QueryRoom = field(default_factory=QueryRoom)
    github_secret: bytes = b""
    """What GitHub's webhooks are signed with; b"" where there is none."""
    sentry_secret: bytes = b""
    """What Sentry's webhooks are signed with; b"" where there is none."""
    regression_coverage: Callable[[], Coverage | None] = lambda: None
    """What the last look for regressions could judge; None where there was none."""
    on_signal: Callable[[], None] = lambda: None
    """Told when an alert or a change came in, so that the watch looks at once."""


def explanation_of(bundle: Bundle) -> Explanation:
    """Return a bundle's hypotheses as they are listed: redacted, with the bundle's evidence ids."""
    return Explanation(
        hypotheses=tuple(
            Hypothesis(
                rank=rank,
                # The backticks are for Markdown; here it is plain text.
                statement=each.statement.replace("`", ""),
                probability=each.probability,
                cause_kind=each.kind,
                service=each.service,
                change_id=each.change_id,
                revision=each.revision,
                evidence=tuple(
                    dict.fromkeys(
                        number
                        for part in (*each.supports, *each.against)
                        for number in part.evidence
                    )
                ),
            )
            for rank, each in enumerate(bundle.hypotheses, 1)
        ),
        unknown_probability=bundle.unknown_probability,
    )
