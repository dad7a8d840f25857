"""Everything that works on one data folder, opened and closed together."""

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tracepulse.accounting.accounts import Accounts
from tracepulse.clock import Clock, IdSource, SystemClock, UuidSource
from tracepulse.config import Settings
from tracepulse.data_folder import DataFolder
from tracepulse.errors import BadSetting, Unavailable
from tracepulse.journal.journal import Journal, JournalLimits
from tracepulse.journal.lookup import holds_message
from tracepulse.journal.set_aside import SetAside
from tracepulse.receive.access import ApiKey, Gate
from tracepulse.receive.admission import Receipt
from tracepulse.receive.fair_share import FairShare
from tracepulse.receive.pull.configured import read_connectors
from tracepulse.receive.pull.connectors import PROGRESS_FILE, Connectors
from tracepulse.receive.pull.progress import settle
from tracepulse.receive.receiver import IngestCounters
from tracepulse.receive.signals import Signal
from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.damage import StoreCheck
from tracepulse.store.edges.keeper import EdgeKeeper
from tracepulse.store.edges.recent import RecentEnds
from tracepulse.store.engine import Engine
from tracepulse.store.load.loader import Loader
from tracepulse.store.migrate import migrate
from tracepulse.store.queries.telemetry import Telemetry
from tracepulse.store.state.deferred import DeferredState
from tracepulse.store.state.keys_at_start import keys_at_start
from tracepulse.store.warm_up import warm_up

if TYPE_CHECKING:
    from tracepulse.store.in_place.opening import InPlace
    from tracepulse.store.state.records import StateStore

__all__ = ["Core", "open_core"]

_log = logging.getLogger("tracepulse")
_DRAIN_S = 15.0


class JournalSink:
    """
    Hands admitted requests to the journal.

    The journal makes many durable at once, and the event loop is woken once for all of them.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._settled: deque[tuple[asyncio.Future[None], BaseException | None]] = deque()
        self._waking = False

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """Return once the request is durable; see `Sink.append`."""
        waiting = _Waiting(self, asyncio.get_running_loop())
        self._journal.append_for(waiting, signal, body, receipt, records)
        await waiting.future

    def settle(self, waiting: "_Waiting", error: BaseException | None) -> None:
        """Take an answer of the journal, in its thread."""
        self._settled.append((waiting.future, error))
        if not self._waking:
            self._waking = True
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                waiting.loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._waking = False  # before the queue is looked at: what comes later wakes us again
        while self._settled:
            future, error = self._settled.popleft()
            if future.done():
                continue  # whoever waited has given up
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


class _Waiting:
    """A request that the event loop waits for, as the journal knows it."""

    __slots__ = ("_sink", "future", "loop")

    def __init__(self, sink: JournalSink, loop: asyncio.AbstractEventLoop) -> None:
        self._sink = sink
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()

    def set_result(self, _result: None, /) -> None:
        self._sink.settle(self, None)

    def set_exception(self, exception: BaseException | None, /) -> None:
        self._sink.settle(self, exception)


@dataclass(slots=True)
class Core:
    """The open stages: journal, store and state."""

    settings: Settings
    folder: DataFolder
    engine: Engine
    deferred_state: DeferredState
    journal: Journal
    loader: Loader
    telemetry: Telemetry
    edges: EdgeKeeper
    gate: Gate
    clock: Clock
    ids: IdSource
    accounts: Accounts
    set_aside: SetAside
    connectors: Connectors
    store_check: StoreCheck | None = None
    """Looks after the parts of the embedded store; a server has its own people for that."""
    in_place: "InPlace | None" = None
    """The database of others that is read; then nothing is received or loaded."""
    counters: IngestCounters = field(default_factory=IngestCounters)
    shares: FairShare = field(default_factory=FairShare)
    """Of the room that the doors have together."""
    parts: dict[str, int] = field(default_factory=dict)
    """Active parts by table, as counted last."""
    recovered_records: int = 0
    """Records that an earlier process had received and not loaded."""

    @property
    def state(self) -> "StateStore":
        """Incidents, changes, alerts and keys."""
        return self.deferred_state.store()

    @property
    def sink(self) -> JournalSink:
        """Where receivers put what they admit."""
        return JournalSink(self.journal)

    def open_engine(self) -> None:
        """Open what `engine_later` left; raises OperatorError where it cannot be used."""
        if isinstance(self.engine, ChdbEngine):
            self.engine.open(migrate)

    def close(self) -> None:
        """Load what was received, then let go of everything."""
        self.edges.stop()
        self.journal.seal_all()
        unusable = isinstance(self.engine, ChdbEngine) and self.engine.failure
        emptied = self.journal.wait_empty(0 if unusable else _DRAIN_S)
        self.loader.stop()
        if emptied:
            self.journal.close_cleanly()
        else:
            _log.warning("some telemetry waits in the journal; it is loaded at the next start")
        self.accounts.close()
        self.engine.close()
        self.deferred_state.close()
        self.folder.release()


def _accounts(folder: DataFolder, clock: Clock) -> Accounts:
    try:
        return Accounts(folder.accounts, clock.now_unix_ns())
    except OSError as error:
        raise Unavailable(
            f"{folder.accounts} cannot be written: {error.strerror}; see to the disk's room and health"
        ) from error


def _refuse_waiting(journal: Journal, settings: Settings) -> None:
    if journal.status().waiting_records:
        journal.seal_all()
        raise BadSetting(
            f"data folder {settings.data_dir}: telemetry waits there to be stored, which is not"
            " done where telemetry is read in place; choose another folder with --data-dir"
        )


def _in_place(settings: Settings) -> "InPlace | None":
    if not settings.in_place_url:
        return None
    from tracepulse.store.in_place.opening import open_in_place

    return open_in_place(settings.in_place_url, settings.in_place_tables, settings.retention_days)


def _open_stores(
    settings: Settings,
    in_place: "InPlace | None",
    engine_later: bool,
    opened: contextlib.ExitStack,
) -> tuple[DataFolder, Engine, DeferredState, tuple[ApiKey, ...]]:
    """
    Open folder, engine and state, and read the keys; `opened` closes them where a later one fails.

    Servers come first: where one does not answer, no folder has been made yet.
    """
    engine: Engine | None = None
    state: DeferredState | None = None
    if in_place is not None:
        engine = in_place.engine
    elif settings.storage_url:
        from tracepulse.store.clickhouse import ClickHouseEngine

        engine = ClickHouseEngine(settings.storage_url)
    if engine is not None:
        opened.callback(engine.close)
    if settings.state_url:
        state = DeferredState(settings.state_url)
        opened.callback(state.close)
        keys = state.store().keys()
    folder = DataFolder.open(settings.data_dir)
    opened.callback(folder.release)
    if engine is None:
        engine = ChdbEngine(folder.engine, opened=False)
        opened.callback(engine.close)
        if not engine_later:
            engine.open(migrate)
    elif in_place is None:
        migrate(engine)
    if state is None:
        state = DeferredState(folder.state_url)
        opened.callback(state.close)
        found = keys_at_start(folder.state_path)
        keys = state.store().keys() if found is None else found
    return folder, engine, state, keys


def open_core(
    settings: Settings,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    journal_limits: JournalLimits | None = None,
    engine_later: bool = False,
) -> Core:
    """
    Open the data folder, or the servers that the settings name, and begin to load.

    Args:
        engine_later: leave the embedded engine to `Core.open_engine`, so that telemetry is taken in
            meanwhile.
    Raises:
        OperatorError: something cannot be used; the text says what, where and what to do.
    """
    clock, ids = clock or SystemClock(), ids or UuidSource()
    connectors = read_connectors(Path(settings.connectors_file)) if settings.connectors_file else ()
    with contextlib.ExitStack() as opened:
        in_place = _in_place(settings)
        folder, engine, state, keys = _open_stores(settings, in_place, engine_later, opened)
        accounts = _accounts(folder, clock)
        opened.callback(accounts.close)
        journal = Journal(folder.journal, ids.new_id()[:20], journal_limits, accounts=accounts)
        if in_place is not None:
            _refuse_waiting(journal, settings)
        # Before anything is loaded: what a kill left undecided is in the journal, or is not.
        settle(folder.path / PROGRESS_FILE, partial(holds_message, folder.journal, folder.aside))
        connected = Connectors(connectors, folder.path, journal, clock, settings.retention_days)
        opened.pop_all()  # from here on `Core.close` closes them
    telemetry = Telemetry(engine) if in_place is None else in_place.telemetry
    set_aside = SetAside(folder.aside, journal, accounts)
    set_aside.recover()
    telemetry.recent = recent = RecentEnds()
    loader = Loader(engine, journal, folder.aside, on_spans=recent.add, prepare=warm_up)
    core = Core(
        settings,
        folder,
        engine,
        state,
        journal,
        loader,
        telemetry,
        EdgeKeeper(engine, telemetry, clock, settings.retention_days),
        Gate(keys),
        clock,
        ids,
        accounts,
        set_aside,
        connected,
        StoreCheck(engine, journal, folder.aside) if isinstance(engine, ChdbEngine) else None,
        in_place=in_place,
        recovered_records=journal.status().waiting_records,
        shares=FairShare(journal.fullness),
    )
    if in_place is None:
        loader.start()
        core.edges.start()
    return core
