"""The syslog messages of one sender, read by the compiled loops as far as they are plain sentences."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracepulse.receive.line_batches import Cells, address, joined
from tracepulse.receive.log_writer import pack_attributes
from tracepulse.receive.loops.columns import (
    DONE,
    END,
    GROUP,
    ITEM_COLUMNS,
    LINE_ROOM,
    MAX_GROUPS,
    OUT_END,
    OUT_START,
    SCRATCH_BYTES,
    START,
    STATUS,
    UNKNOWN_KEYS,
)
from tracepulse.receive.loops.syslog import read_syslog
from tracepulse.receive.otlp_bytes import key_bytes
from tracepulse.receive.severities import SYSLOG_SEVERITIES
from tracepulse.receive.syslog_framing import MAX_MESSAGE_BYTES

__all__ = ["FACILITIES", "SEVERITY_NAMES", "SyslogTimes", "Written", "read_messages"]

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
)  # fmt: skip
SEVERITY_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_WITHOUT_YEAR = 15
"""Characters of `Oct 11 22:14:15`."""
_MOST_TIMES = 64
_GROUP_BYTES = 64 * 1024


def _parts() -> tuple[NDArray[np.uint8], Cells]:
    keys = [key_bytes(name) for name in ("process.pid", "syslog.procid", "syslog.msgid")]
    prefix = [b"syslog.structured_data.", *[b""] * 8]
    words = [name.encode() for name in SEVERITY_NAMES]
    facilities = [pack_attributes([("syslog.facility", name)]) for name in FACILITIES]
    blob, parts = joined([*keys, *prefix, *words, *facilities])
    parts[12:20, 2] = SYSLOG_SEVERITIES
    return blob, parts


_BLOB, _PARTS = _parts()


class Written(NamedTuple):
    """The record of a message."""

    app: str
    host: str
    """Both '' where the message does not say."""
    record: bytes


class SyslogTimes:
    """Times without a year that the loops know: those of the last batches."""

    def __init__(self, instant: Callable[[str, int], int]) -> None:
        """`instant` returns ns since 1970 of such a time at a time of receipt; 0 if it is none."""
        self._instant = instant
        self._known: dict[bytes, int] = {}

    def forget(self) -> None:
        """Complete all times anew."""
        self._known.clear()

    def learn(self, times: Sequence[bytes], received_unix_ns: int) -> bool:
        """Add times; returns whether there is any that is one."""
        found = {
            time: instant
            for time in dict.fromkeys(times)
            if time.isascii() and (instant := self._instant(time.decode(), received_unix_ns))
        }
        if len(self._known) + len(found) > _MOST_TIMES:
            self._known.clear()
        self._known.update(list(found.items())[:_MOST_TIMES])
        return bool(found)

    def table(self) -> Cells:
        """Return a row for each: its first and its last eight bytes as numbers, and its instant."""
        rows = [
            (int.from_bytes(time[:8], "little"), int.from_bytes(time[-8:], "little"), instant)
            for time, instant in self._known.items()
        ]
        return np.array(rows, np.int64).reshape(-1, 3)


def read_messages(
    messages: Sequence[bytes], times: SyslogTimes, received_unix_ns: int
) -> list[Written | None]:
    """Return the record of each message; None for those that are left to Python."""
    data = b"".join(messages)
    items: Cells = np.zeros((len(messages), ITEM_COLUMNS), np.int64)
    sizes = np.fromiter(map(len, messages), np.int64, len(messages))
    items[:, END] = np.cumsum(sizes)
    items[:, START] = items[:, END] - sizes
    items[sizes > MAX_MESSAGE_BYTES, START : END + 1] = 0
    source = np.frombuffer(data or b"\0", np.uint8)
    out: NDArray[np.uint8] = np.empty(6 * len(data) + (len(items) + 8) * LINE_ROOM, np.uint8)
    scratch: NDArray[np.uint8] = np.empty(SCRATCH_BYTES, np.uint8)
    for _ in range(2):
        keys: NDArray[np.uint8] = np.empty(_GROUP_BYTES, np.uint8)
        groups: Cells = np.empty((MAX_GROUPS, 3), np.int64)
        slots: NDArray[np.int32] = np.full(2 * MAX_GROUPS, -1, np.int32)
        counts: Cells = np.array([0, 0, len(keys)], np.int64)
        used = read_syslog(
            items, times.table(), received_unix_ns, address(source), address(out), len(out),
            address(keys), groups, slots, counts, address(_BLOB), _PARTS, address(scratch),
        )  # fmt: skip
        starts = items[items[:, STATUS] == UNKNOWN_KEYS, OUT_START].tolist()
        unknown = [data[at : at + _WITHOUT_YEAR] for at in starts]
        if not unknown or not times.learn(unknown, received_unix_ns):
            break
    written = out[:used].tobytes()
    named = keys[: counts[1]].tobytes()
    owners = [_owner(named[at : at + size]) for _, at, size in groups[: counts[0]].tolist()]
    columns = items[:, [STATUS, GROUP, OUT_START, OUT_END]].tolist()
    return [
        Written(owners[group][0], owners[group][1], written[start:end]) if status == DONE else None
        for status, group, start, end in columns
    ]


def _owner(key: bytes) -> tuple[str, str]:
    size = int.from_bytes(key[:4], "little")
    return key[4 : 4 + size].decode(), key[4 + size :].decode()
