"""
A ClickHouse server or cluster, spoken to over its HTTP interface.

The statements are those of the embedded engine; a block of rows travels as the body of the request.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import pyarrow as pa

from tracepulse.errors import BadQuestion, BadSetting, EngineError, Overloaded, Unavailable
from tracepulse.store.engine import NO_ROOM, Parameter, QueryLimits, encode_parameter
from tracepulse.store.settings import LOAD_SETTINGS

__all__ = ["ClickHouseEngine", "error_code"]

_MAY_NOT_SET = (115, 164, 452)
"""Unknown setting, read-only, a constraint on settings."""
_TOO_COSTLY = ("TIMEOUT_EXCEEDED", "MEMORY_LIMIT_EXCEEDED", "TOO_SLOW", "TOO_MANY_ROWS")


class ClickHouseEngine:
    """The engine behind `http://user:password@host:8123/database`."""

    def __init__(self, url: str, cluster: str = "", read_only: bool = False) -> None:
        """
        Connect and make sure that the database answers.

        Args:
            url: scheme http or https, with the database as its path.
            cluster: when set, tables are made replicated.
            read_only: the user may have been made with readonly = 1, and then may set nothing:
                questions go without limits of ours where the server will not take them.
        Raises:
            BadSetting: the address cannot be used.
            Unavailable: nothing answers there, or it refuses us.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSetting(
                f"storage address {_without_password(url)!r}: use"
                " http://user:password@host:8123/database"
            )
        self.name = _without_password(url)
        """What it is and where, without secrets."""
        self._cluster = cluster
        self._read_only = read_only
        self.sets_limits = True
        """False where the server's own limits are all there is."""
        self.database = unquote(parts.path.strip("/")) or "default"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or (8443 if parts.scheme == "https" else 8123)
        headers = {}
        if parts.username:
            headers["X-ClickHouse-User"] = unquote(parts.username)
            headers["X-ClickHouse-Key"] = unquote(parts.password or "")
        self._client = httpx.Client(
            base_url=f"{parts.scheme}://{host}:{port}",
            headers=headers,
            timeout=httpx.Timeout(120.0, connect=5.0),
        )
        with ExitStack() as unless_greeted:
            unless_greeted.callback(self._client.close)
            try:
                self._greet()
            except EngineError as error:
                raise Unavailable(f"storage at {self.name} refuses us: {error}") from error
            unless_greeted.pop_all()

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Parameter] | None = None,
        limits: QueryLimits | None = None,
    ) -> pa.Table:
        """Answer a SELECT; see `Engine.query`."""
        # These two are the interface's own and no settings.
        settings = {"default_format": "Arrow", "wait_end_of_query": "1"}
        if self.sets_limits:
            settings |= _settings(limits or QueryLimits())
            if self._read_only:
                # A table of theirs may be distributed, and our statements join and look up; without
                # this a server refuses one such within another.
                settings["distributed_product_mode"] = "global"
        data = self._post(settings, sql.encode(), parameters).content
        return pa.ipc.open_file(pa.BufferReader(data)).read_all()

    def execute(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> None:
        """Run a statement that returns nothing; see `Engine.execute`."""
        self._post({"wait_end_of_query": "1"}, sql.encode(), parameters)

    def insert(
        self, table: str, columns: Sequence[str], block: Iterable[bytes | memoryview]
    ) -> int:
        """Insert a block of rows; see `Engine.insert`."""
        settings = {name: str(value) for name, value in LOAD_SETTINGS.items()}
        names = ", ".join(f"`{name}`" for name in columns)
        settings |= {
            "wait_end_of_query": "1",
            "query": f"INSERT INTO {table} ({names}) FORMAT Native",
        }
        answer = self._post(settings, b"".join(block), None)
        summary = json.loads(answer.headers.get("X-ClickHouse-Summary", "{}"))
        return int(summary.get("written_rows", 0))

    def table_engine(self, aggregating: bool = False) -> str:
        """Return the ENGINE clause for a table."""
        name = "AggregatingMergeTree" if aggregating else "MergeTree"
        return f"Replicated{name}" if self._cluster else name

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _greet(self) -> None:
        try:
            self.query("SELECT 1 AS one")
        except EngineError as error:
            if not self._read_only or error_code(error) not in _MAY_NOT_SET:
                raise
            self.sets_limits = False
            self.query("SELECT 1 AS one")

    def _post(
        self,
        settings: Mapping[str, str],
        body: bytes,
        parameters: Mapping[str, Parameter] | None,
    ) -> httpx.Response:
        bound = {f"param_{k}": encode_parameter(v) for k, v in (parameters or {}).items()}
        try:
            answer = self._client.post(
                "/", params={"database": self.database, **settings, **bound}, content=body
            )
        except httpx.TransportError as error:
            raise Unavailable(
                f"storage at {self.name} cannot be reached ({type(error).__name__}: {error})"
            ) from error
        if answer.status_code == 200:
            return answer
        text = answer.text.split("\n", 1)[0][:500]
        if any(f"({name})" in answer.text for name in NO_ROOM):
            raise Overloaded(f"storage at {self.name} has no room: {text}")
        if any(f"({name})" in answer.text for name in _TOO_COSTLY):
            raise BadQuestion(f"the question costs too much ({text}); ask for less time")
        raise EngineError(text or f"HTTP {answer.status_code}")


def error_code(error: EngineError) -> int:
    """Return the number of a server's error, which long texts still begin with; 0 without one."""
    found = re.match(r"Code: (\d+)\.", str(error))
    return int(found[1]) if found else 0


def _settings(cost: QueryLimits) -> dict[str, str]:
    return {
        "readonly": "2",
        "max_execution_time": f"{cost.time_s:g}",
        "max_memory_usage": str(cost.memory_bytes),
        "max_rows_to_read": str(cost.rows_read),
        "max_result_rows": str(cost.rows),
        "result_overflow_mode": "throw",
        "output_format_arrow_string_as_string": "1",
        "output_format_arrow_low_cardinality_as_dictionary": "0",
    }


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@")))
