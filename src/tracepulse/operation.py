"""The running server as it may be asked about: what waits, what was received, what is wrong."""

import shutil
import threading
from collections.abc import Mapping

from tracepulse import __version__
from tracepulse.core import Core
from tracepulse.deliver.api.services import Check, DoctorReport, JournalBacklog, ServerNumbers
from tracepulse.in_place_checks import in_place_checks
from tracepulse.storage_checks import balance, journal_damage, store_damage
from tracepulse.store.in_place.opening import InPlace
from tracepulse.watch import Watch

__all__ = ["RunningServer"]


class RunningServer:
    """Answers about this process; see `Operation`."""

    def __init__(self, core: Core, watch: Watch) -> None:
        self._core = core
        self._watch = watch
        self._started_unix_ns = core.clock.now_unix_ns()

    def backlog(self) -> JournalBacklog:
        """Return what waits in the journal."""
        status = self._core.journal.status()
        return JournalBacklog(status.waiting_records, status.waiting_bytes)

    def received(self) -> Mapping[str, int]:
        """Return records received since the start, by signal."""
        return dict(self._core.journal.status().received_by_signal)

    def failure(self) -> str:
        """Return why no telemetry can be taken in now; '' when all is well."""
        return self._core.journal.status().full

    def doctor(self) -> DoctorReport:
        """Return how the server is."""
        core = self._core
        status = core.journal.status()
        return DoctorReport(
            version=__version__,
            uptime_s=(core.clock.now_unix_ns() - self._started_unix_ns) / 1e9,
            data_dir=str(core.folder.path),
            engine=core.engine.name,
            accounting=core.accounts.accounting(),
            journal={
                "waiting_bytes": status.waiting_bytes,
                "waiting_records": status.waiting_records,
                "waiting_segments": status.waiting_segments,
                "recovered_records": core.recovered_records,
                "refused_requests": core.counters.refused_requests,
                "altered_records": core.counters.altered_records,
            },
            checks=self._checks()
            if core.in_place is None
            else self._checks_in_place(core.in_place),
        )

    def _checks_in_place(self, in_place: InPlace) -> tuple[Check, ...]:
        """Return the checks that mean something where nothing is received and loaded."""
        usual = tuple(each for each in self._checks() if each.name in ("disk", "watch"))
        return (*in_place_checks(in_place), *usual)

    def numbers(self) -> ServerNumbers:
        """Return what the server counts."""
        core = self._core
        status, loaded = core.journal.status(), core.loader.status()
        return ServerNumbers(
            version=__version__,
            started_unix_ns=self._started_unix_ns,
            accounting=core.accounts.accounting(),
            answered=dict(core.counters.answered),
            altered_records=core.counters.altered_records,
            journal_waiting_bytes=status.waiting_bytes,
            journal_waiting_segments=status.waiting_segments,
            journal_stored_bytes=status.stored_bytes,
            journal_full=bool(status.full),
            damaged=status.damaged,
            set_aside_messages=len(core.accounts.set_aside()),
            loaded_segments=loaded.segments,
            repaired_segments=loaded.repaired_segments,
            last_load_age_s=core.accounts.last_settled_age_s(),
            parts=dict(core.parts),
            connectors=core.connectors.reports(),
        )

    def _checks(self) -> tuple[Check, ...]:
        core = self._core
        status, loaded = core.journal.status(), core.loader.status()
        usage = shutil.disk_usage(core.folder.path)
        alive = {thread.name for thread in threading.enumerate()}
        ended = sorted({"journal", "loader", "watch"} - alive)
        aside = len(core.accounts.set_aside())
        hint = "; see `tracepulse set-aside list`" if aside else ""
        return (
            Check("receiving", not status.full, status.full or "telemetry is taken in"),
            Check(
                "loading",
                not loaded.last_error,
                loaded.last_error or f"{loaded.segments} segments stored",
            ),
            Check("set aside", not aside, f"{aside} messages refused by the engine{hint}"),
            balance(core.accounts.accounting()),
            journal_damage(status.damaged),
            store_damage(core.store_check),
            Check("threads", not ended, f"ended: {', '.join(ended)}" if ended else "all run"),
            Check("disk", usage.free > 2 * 1024**3, f"{usage.free:,} bytes free"),
            self._watching(),
            *(
                Check(f"connector {each.name}", each.ok, each.detail)
                for each in core.connectors.reports()
            ),
        )

    def _watching(self) -> Check:
        detection = self._watch.detection
        if self._watch.last_error:
            return Check("watch", False, self._watch.last_error)
        if detection is None:
            return Check("watch", True, "has not looked yet")
        if detection.cold_start:
            return Check("watch", True, "too little telemetry so far to judge anything")
        return Check(
            "watch",
            True,
            f"{detection.series_judged} series judged,"
            f" {detection.series_without_baseline} too young",
        )
