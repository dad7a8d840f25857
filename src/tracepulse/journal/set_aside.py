"""
Messages that the engine refused: kept as they are, until somebody has them tried again or decides
against them.

A message is `ID.SIGNAL.message`, in the form of a segment, and `ID.SIGNAL.json`, which says why.
"""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracepulse.accounting.accounts import Accounts
from tracepulse.errors import NotFound, Unavailable
from tracepulse.journal.disk import sync_folder
from tracepulse.journal.framing import body_of, frames, receipt_of
from tracepulse.journal.journal import Journal
from tracepulse.journal.recovery import Damage
from tracepulse.journal.segment import contents
from tracepulse.receive.admission import Receipt
from tracepulse.receive.signals import REQUEST_TYPES, Signal

__all__ = ["AsideMessage", "SetAside"]

_log = logging.getLogger("tracepulse")
_MESSAGE, _NOTE = ".message", ".json"


@dataclass(frozen=True, slots=True)
class AsideMessage:
    """A message that was set aside."""

    message_id: str
    signal: Signal
    records: int
    size_bytes: int
    reason: str
    """The engine's words."""
    set_aside_unix_ns: int
    receipt: Receipt | None
    """None when the file is damaged; then it cannot be retried."""


class SetAside:
    """The messages in the folder, by their ids in the accounts."""

    def __init__(self, folder: Path, journal: Journal, accounts: Accounts) -> None:
        """Prepare; call `recover` before anything is loaded."""
        self._folder = folder
        self._journal = journal
        self._accounts = accounts

    def recover(self) -> None:
        """Finish what an earlier process had begun, and take stock."""
        for message_id in sorted(set(self._accounts.unfinished_retries().values())):
            self._remove(message_id)
            self._accounts.removed(message_id, discarded=False)
        known = self._accounts.set_aside()
        files = {message_id: (path, signal) for message_id, path, signal in self._files()}
        for message_id in sorted(known.keys() - files.keys()):
            _log.warning("message %s was set aside, and its file is gone", message_id)
            self._accounts.removed(message_id, discarded=True)
        for message_id in sorted(files.keys() - known.keys()):
            path, signal = files[message_id]
            if self._accounts.waits(message_id.rpartition("-m")[0]):
                # Its segment is loaded again, and it is set aside again if need be.
                self._remove(message_id)
                continue
            held = contents(path.read_bytes(), signal)
            if held.arrivals:
                origin = held.arrivals[0].origin
                self._accounts.found(message_id, signal, held.records, origin)

    def messages(self) -> tuple[AsideMessage, ...]:
        """Return all messages by id."""
        return tuple(self._described(message_id) for message_id in self._accounts.set_aside())

    def get(self, message_id: str) -> tuple[AsideMessage, bytes]:
        """
        Return a message, and the request that it is.

        Raises:
            NotFound: it is not set aside.
            Unavailable: its file cannot be read.
        """
        described = self._described(message_id)
        data = self._data(message_id, described.signal)
        for each in frames(data):
            return described, body_of(each.message)
        raise Unavailable(f"message {message_id}: its file is damaged; it can only be discarded")

    def retry(self, message_id: str) -> str:
        """
        Put a message into the journal again; return the id of its new segment.

        Once it is durable there, the file is removed; a crash in between is made good at the start.

        Raises:
            NotFound: it is not set aside.
            Unavailable: its file cannot be read.
            Overloaded: there is no room.
        """
        described = self._described(message_id)
        data = self._data(message_id, described.signal)
        if contents(data, described.signal).records != described.records:
            raise Unavailable(
                f"message {message_id}: its file is damaged; it can only be discarded"
            )
        segment_id = self._journal.take_again(message_id, described.signal, data)
        self._remove(message_id)
        self._accounts.removed(message_id, discarded=False)
        return segment_id

    def discard(self, message_id: str) -> int:
        """Remove a message for good; return how many records it held. Raises NotFound."""
        described = self._described(message_id)
        self._remove(message_id)
        self._accounts.removed(message_id, discarded=True)
        return described.records

    def damaged(self) -> tuple[Damage, ...]:
        """Return what was acknowledged and cannot be read any more."""
        return self._journal.status().damaged

    # -- files ---------------------------------------------------------------------------------

    def _files(self) -> Iterator[tuple[str, Path, Signal]]:
        for signal in REQUEST_TYPES:
            ending = f".{signal}{_MESSAGE}"
            for path in sorted(self._folder.glob(f"*{ending}")):
                yield path.name.removesuffix(ending), path, signal

    def _described(self, message_id: str) -> AsideMessage:
        known = self._accounts.set_aside().get(message_id)
        if known is None:
            raise NotFound(f"no message {message_id[:100]!r} is set aside")
        signal, records = known
        size = changed_unix_ns = 0
        receipt = None
        with contextlib.suppress(OSError):
            path = self._path(message_id, signal, _MESSAGE)
            status = path.stat()
            size, changed_unix_ns = status.st_size, status.st_mtime_ns
            first = next(frames(path.read_bytes()), None)
            receipt = None if first is None else receipt_of(first.message)
        reason = str(self._note(message_id, signal).get("reason", ""))
        return AsideMessage(message_id, signal, records, size, reason, changed_unix_ns, receipt)

    def _path(self, message_id: str, signal: Signal, ending: str) -> Path:
        return self._folder / f"{message_id}.{signal}{ending}"

    def _data(self, message_id: str, signal: Signal) -> bytes:
        try:
            return self._path(message_id, signal, _MESSAGE).read_bytes()
        except OSError as error:
            raise Unavailable(
                f"message {message_id}: {error.strerror}; it can only be discarded"
            ) from error

    def _note(self, message_id: str, signal: Signal) -> dict[str, Any]:
        try:
            note = json.loads(self._path(message_id, signal, _NOTE).read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _remove(self, message_id: str) -> None:
        for signal in REQUEST_TYPES:
            for ending in (_NOTE, _MESSAGE):
                self._path(message_id, signal, ending).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            sync_folder(self._folder)
