"""
Splunk, asked by `search/v2/jobs/export`.

An export streams the events of a search as they are found, the newest first, and cannot be continued.
So a window is asked for in slices, each of which is taken whole or not at all: a slice that is larger
than a page is asked for anew in halves, and one that brought little makes the next one longer. An
export that ends without its last row is not taken.

There is no Splunk to be had for tests: this follows the documented exchanges.
Sources: help.splunk.com, REST API reference, "search/v2/jobs/export" and "search endpoint
descriptions"; splunk/splunk-sdk-python `splunklib/results.py`.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from tracepulse.errors import SourceFailure
from tracepulse.receive.pull.http_source import HttpSource
from tracepulse.receive.pull.interface import Estimate, Heard, Page, Stretch
from tracepulse.receive.pull.spending import BudgetSpent, Spend
from tracepulse.receive.pull.splunk_results import ResultReader

__all__ = ["Splunk"]

_S = 1_000_000_000
_FIRST_SLICE_NS = 60 * _S
_LONGEST_SLICE_NS = 86_400 * _S
_SHORTEST_SLICE_NS = 1_000_000
"""Splunk's times have microseconds; below a millisecond there is nothing to be halved."""
_SLICE_BYTES = 32 * 1024 * 1024
_FILLED_RATIO = 0.25
"""Below it a slice brought so little that the next may be longer."""


class Splunk:
    """A Splunk server's management port and a search."""

    def __init__(self, http: HttpSource, query: str, page_records: int, service: str = "") -> None:
        """
        Prepare to ask.

        Args:
            query: in SPL, `index=shop level=ERROR`; one that begins with `|` is used as it is.
            page_records: events that a slice should not have more of.
        """
        self._http = http
        text = query.strip()
        plain = not text.startswith(("|", "search "))
        self._search = f"search {text}" if plain else text
        self._most = page_records
        self._reader = ResultReader(service)
        self._slice_ns = _FIRST_SLICE_NS

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def server(self, spend: Spend) -> str:
        """Return its version; the credentials are needed for it."""
        found = self._http.json(spend, "GET", "/services/server/info", {"output_mode": "json"})
        entries = found.get("entry") if isinstance(found, dict) else None
        first = entries[0] if isinstance(entries, list) and entries else None
        content = first.get("content") if isinstance(first, dict) else None
        version = content.get("version", "") if isinstance(content, dict) else ""
        return f"Splunk {version}".strip()

    def estimate(self, stretch: Stretch, spend: Spend) -> Estimate:
        """Return how many events there are, which takes a search of its own."""
        counted = f"{self._search} | stats count"
        for row in self._rows(counted, stretch, spend):
            result = row.get("result")
            count = result.get("count") if isinstance(result, dict) else None
            if isinstance(count, str) and count.isdigit():
                return Estimate(int(count))
        return Estimate()

    def pages(self, stretch: Stretch, spend: Spend) -> Iterator[Page]:
        """Yield the events of a stretch, slice by slice; see `Asked`."""
        at = stretch.start_unix_ns
        while at < stretch.end_unix_ns:
            end = min(at + self._slice_ns, stretch.end_unix_ns)
            before = spend.bytes_read
            most_bytes = min(_SLICE_BYTES, max(1, spend.left_bytes // 2))
            records = self._slice(Stretch(at, end), spend, most_bytes)
            read = spend.bytes_read - before
            if records is None:
                if end - at <= _SHORTEST_SLICE_NS:
                    raise BudgetSpent(f"one instant holds more than {read:,} bytes")
                self._slice_ns = max(_SHORTEST_SLICE_NS, (end - at) // 4)
                continue
            yield Page(records, end)
            at = end
            filled = max(read / most_bytes, len(records) / self._most)
            if filled < _FILLED_RATIO:
                self._slice_ns = min(_LONGEST_SLICE_NS, self._slice_ns * 2)

    def _slice(self, stretch: Stretch, spend: Spend, most_bytes: int) -> list[Heard] | None:
        """Return the events of a slice in order of time; None when there are too many of them."""
        records: list[Heard] = []
        before = spend.bytes_read
        rows = self._rows(self._search, stretch, spend)
        try:
            for row in rows:
                result = row.get("result")
                if not isinstance(result, dict) or row.get("preview"):
                    continue
                record = self._reader.heard(result)
                if not _lies_beyond(record.time_unix_ns, stretch):
                    records.append(record)
                if len(records) > self._most or spend.bytes_read - before > most_bytes:
                    return None
        finally:
            rows.close()
        records.sort(key=lambda each: each.time_unix_ns)
        return records

    def _rows(self, search: str, stretch: Stretch, spend: Spend) -> "Rows":
        return Rows(
            self._http.lines(
                spend,
                "POST",
                "/services/search/v2/jobs/export",
                {
                    "search": search,
                    "earliest_time": _seconds(stretch.start_unix_ns),
                    "latest_time": _seconds(stretch.end_unix_ns + 999),
                    "output_mode": "json",
                    "preview": "false",
                    "adhoc_search_level": "smart",
                },
            )
        )


class Rows:
    """The rows of an export; raises SourceFailure where it ends before its last row."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._last_seen = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows."""
        for line in self._lines:
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise SourceFailure(f"the export is not JSON lines ({error})") from error
            if not isinstance(row, dict):
                raise SourceFailure("the export is not made of objects", lasting=True)
            _heed(row)
            self._last_seen = self._last_seen or bool(row.get("lastrow"))
            yield row
        if not self._last_seen:
            raise SourceFailure("the export ended before its last row; it is asked for again")

    def close(self) -> None:
        """End the export."""
        close = getattr(self._lines, "close", None)
        if close is not None:
            close()


def _heed(row: dict[str, Any]) -> None:
    """Raise SourceFailure where a row says that the search failed."""
    messages = row.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("type") in ("FATAL", "ERROR"):
            raise SourceFailure(f"the search fails: {str(message.get('text', ''))[:300]}")


def _lies_beyond(unix_ns: int, stretch: Stretch) -> bool:
    """Tell whether an event is of the microseconds at the edges, which are asked for whole."""
    start, end = stretch
    return start // 1000 * 1000 <= unix_ns < start or end <= unix_ns < end + 1000


def _seconds(unix_ns: int) -> str:
    """Return an instant as Splunk takes it: seconds, with microseconds, rounded down."""
    micros = unix_ns // 1000
    return f"{micros // 10**6}.{micros % 10**6:06d}"
