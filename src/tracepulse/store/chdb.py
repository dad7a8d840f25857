"""
ClickHouse inside this process: chDB.

Traps that shaped this file: one process owns a folder, and a fork after opening hangs for ever; a
second query on one connection returns nothing while a result streams, so a connection serves one
query at a time; `async_insert` does nothing here.
"""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from tracepulse.errors import (
    BadQuestion,
    EngineError,
    InternalError,
    Overloaded,
    TracePulseError,
    Unavailable,
)
from tracepulse.store.engine import NO_ROOM, Parameter, QueryLimits, encode_parameter
from tracepulse.store.settings import LOAD_SETTINGS, SERVER_SETTINGS, literal

__all__ = ["ChdbEngine"]

_log = logging.getLogger("tracepulse")
_READERS = 4
_TRIES = 3
_LOOK_S = 0.5
"""How often whoever waits for a reader looks whether the engine was closed meanwhile."""
_DAMAGED = (
    "CHECKSUM_DOESNT_MATCH",
    "CORRUPTED_DATA",
    "CANNOT_DECOMPRESS",
    "UNKNOWN_CODEC",
    "CANNOT_READ_ALL_DATA",
    "TOO_LARGE_SIZE_COMPRESSED",
    "ATTEMPT_TO_READ_AFTER_EOF",
    "BAD_SIZE_OF_FILE_IN_DATA_PART",
    "NO_FILE_IN_DATA_PART",
    "FILE_DOESNT_EXIST",
    "SIZES_OF_MARKS_FILES_ARE_INCONSISTENT",
)
"""The engine's names for files that are not what it wrote."""
_TOO_COSTLY = {"TIMEOUT_EXCEEDED", "MEMORY_LIMIT_EXCEEDED", "TOO_SLOW", "TOO_MANY_ROWS"}


class ChdbEngine:
    """The embedded engine over one data folder."""

    def __init__(self, folder: Path, opened: bool = True) -> None:
        """
        Open or make a data folder.

        Args:
            opened: False leaves that to `open`, which takes a second or so; statements wait until
                then.
        Raises:
            Unavailable: another process has it, or it cannot be read.
        """
        self._folder = folder
        self._block = folder.absolute().with_name("block.native")
        self._pid = os.getpid()
        self._write_lock = threading.Lock()
        self._readers: queue.Queue[Any] = queue.Queue()
        self._writer: Any = None
        self._closed = False
        self._ready = threading.Event()
        self._opener = 0
        self.failure = ""
        """Why it could not be opened."""
        self._faults: tuple[type[Exception], ...] = ()
        """What the engine raises."""
        self.damage_seen = threading.Event()
        """Set when a statement met a file that is not what the engine wrote."""
        self.name = "chDB (embedded)"
        """What it is and where."""
        if opened:
            self.open()

    def open(self, prepare: Callable[["ChdbEngine"], object] = lambda engine: None) -> None:
        """
        Open the folder, then let statements run.

        Args:
            prepare: called before any other statement; it may use the engine.
        Raises:
            Unavailable: another process has the folder, or it cannot be read.
            Exception: from `prepare`.
        """
        self._opener = threading.get_ident()
        self.failure = "the storage engine could not be opened"
        try:
            self._connect()
            prepare(self)
            self.failure = ""
        except TracePulseError as error:
            self.failure = str(error)
            raise
        finally:
            self._opener = 0
            self._ready.set()

    def _connect(self) -> None:
        import chdb  # here, so that whoever only asks a server need not load 500 MB

        # What its binding makes of errors in C++: most are of the first two, one whose text is no
        # UTF-8 is of the third, and where memory is short, of the fourth.
        self._faults = (chdb.ChdbError, RuntimeError, UnicodeDecodeError, MemoryError)
        connect: Any = chdb.connect
        folder = self._folder.absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            opened = (
                f"{folder}?{'&'.join(f'{name}={value}' for name, value in SERVER_SETTINGS.items())}"
            )
            self._writer = connect(opened)
            readers = [connect(opened) for _ in range(_READERS)]
        except (OSError, *self._faults) as error:
            raise Unavailable(
                f"data folder {folder}: the storage engine cannot open it"
                f" ({_first_line(error) or 'no reason given'}); is another process using it?"
            ) from error
        for reader in readers:
            self._readers.put(reader)
        self.name = f"chDB {chdb.__version__} (embedded)"

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        """Answer a SELECT; see `Engine.query`."""
        cost = limits or QueryLimits()
        statement = (
            f"{sql}\nSETTINGS max_execution_time={cost.time_s:g},"
            f" max_memory_usage={cost.memory_bytes}, max_result_rows={cost.rows},"
            f" max_rows_to_read={cost.rows_read}, result_overflow_mode='throw', output_format_arrow_string_as_string=1,"
            " output_format_arrow_low_cardinality_as_dictionary=0, max_threads=2"
        )
        for _ in range(_TRIES):
            with self._reader() as reader:
                data = self._run(reader, statement, "Arrow", parameters).bytes()
            try:
                return pa.ipc.open_file(pa.BufferReader(data)).read_all()
            except (OSError, pa.ArrowInvalid) as error:
                # Seen once in some thousand queries, on a statement that did well when repeated.
                _log.warning(
                    "an answer of the storage engine cannot be read, asked again: %s", error
                )
        raise EngineError(f"the storage engine answered {_TRIES} times with what cannot be read")

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing; see `Engine.execute`."""
        self._wait_opened()
        with self._write_lock:
            self._run(self._writer, sql, "TSV", parameters)

    def insert(
        self, table: str, columns: Sequence[str], block: Iterable[bytes | memoryview]
    ) -> int:
        """Insert a block of rows; see `Engine.insert`."""
        settings = ", ".join(f"{name}={value}" for name, value in LOAD_SETTINGS.items())
        names = ", ".join(f"`{name}`" for name in columns)
        self._wait_opened()
        with self._write_lock:
            with open(self._block, "wb") as file:
                file.writelines(block)
            source = f"file({literal(str(self._block))}, 'Native')"
            sql = f"INSERT INTO {table} ({names}) SELECT * FROM {source} SETTINGS {settings}"  # noqa: S608
            return int(self._run(self._writer, sql, "TSV", None).rows_written())

    def part_is_whole(self, table: str, part: str) -> bool:
        """Read a part of a table through; False when its files are not what was written."""
        with self._reader() as reader:
            said = self._run(reader, f"CHECK TABLE {table} PART '{part}'", "TSV", None)
        return str(said).split("\t")[1:2] == ["1"]

    def table_engine(self, aggregating: bool = False) -> str:
        """Return the ENGINE clause for a table."""
        return "AggregatingMergeTree" if aggregating else "MergeTree"

    def close(self) -> None:
        """Close every connection; the folder may be opened again afterwards."""
        if self._closed:
            return
        self._closed = True
        if self._writer is None:
            return
        for _ in range(_READERS):
            self._readers.get().close()
        with self._write_lock:
            self._writer.close()

    def _wait_opened(self) -> None:
        """Wait until the folder is open; raises Unavailable where it cannot be."""
        if self._opener == threading.get_ident():
            return
        while not self._ready.wait(_LOOK_S):
            if self._closed:
                raise EngineError("the storage engine is closed")
        if self.failure:
            raise Unavailable(self.failure)

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        self._wait_opened()
        reader = self._free_reader()
        try:
            yield reader
        finally:
            self._readers.put(reader)

    def _free_reader(self) -> Any:
        """Return a reader once one is free; `close` takes them all, and none comes back."""
        while not self._closed:
            with contextlib.suppress(queue.Empty):
                return self._readers.get(timeout=_LOOK_S)
        raise EngineError("the storage engine is closed")

    def _run(
        self, connection: Any, sql: str, form: str, parameters: Mapping[str, Parameter] | None
    ) -> Any:
        if os.getpid() != self._pid:
            raise InternalError("the storage engine was used after a fork, which hangs it")
        if self._closed:
            raise EngineError("the storage engine is closed")
        values = {name: encode_parameter(value) for name, value in (parameters or {}).items()}
        try:
            return connection.query(sql, form, params=values)
        except self._faults as error:
            text = _first_line(error)
            if any(f"({name})" in str(error) for name in _DAMAGED):
                self.damage_seen.set()
            if any(f"({name})" in str(error) for name in NO_ROOM):
                raise Overloaded(f"the storage engine has no room: {text}") from error
            if any(f"({name})" in str(error) for name in _TOO_COSTLY):
                raise BadQuestion(
                    f"the question costs too much ({text}); ask for less time or add a filter"
                ) from error
            raise EngineError(text) from error


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:500]
