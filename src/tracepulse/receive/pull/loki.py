"""
Loki, asked by `query_range`.

An answer holds at most so many lines, in order of time, and no page says where the next begins: lines
of one instant can be cut in two by the limit. So of a full answer the last instant is left for the
next question, which begins with it. An instant that fills an answer by itself is asked for with a
larger limit and then stream by stream.

Source: grafana.com/docs/loki/latest/reference/loki-http-api (query_range, index/stats, series); the
header `X-Loki-Response-Encoding-Flags: categorize-labels` keeps structured metadata apart from labels.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracepulse.errors import BadSetting, SourceFailure
from tracepulse.receive.log_fields import span_id, trace_id
from tracepulse.receive.pull.heard_request import key_of
from tracepulse.receive.pull.http_source import AnswerTooLarge, HttpSource
from tracepulse.receive.pull.interface import Estimate, Heard, Page, Stretch
from tracepulse.receive.pull.paging import PageSize
from tracepulse.receive.pull.spending import BudgetSpent, Spend
from tracepulse.receive.resource_names import resource_name
from tracepulse.receive.sent_logs import Known
from tracepulse.receive.service_names import service_name
from tracepulse.receive.severities import severity_of_word

__all__ = ["Loki", "selector_of"]

_HEADERS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
_SLICE_NS = 24 * 3_600_000_000_000
"""Asked for at once at most; Loki's own limit is usually 30 days, but it splits what is longer."""
_STATS_FROM_NS = 3_600_000_000_000
"""From this length on a window is wide, and Loki is asked first how much it holds."""
_ENTRIES_LIMIT = re.compile(r"max entries limit.*\(\d+ > (\d+)\)", re.IGNORECASE)
_LENGTH_LIMIT = re.compile(r"query (?:time range|length)[^.]*exceeds", re.IGNORECASE)
_ANSWER_RATIO = 2.0
"""Bytes of an answer to the bytes of its lines, labels and JSON included."""
_LEAST_SLICE_NS = 60_000_000_000
_LEVELS = ("level", "severity", "severity_text", "lvl", "loglevel", "detected_level")
_TRACES = ("trace_id", "traceid", "traceID", "traceId", "trace.id")
_SPANS = ("span_id", "spanid", "spanID", "spanId", "span.id")


class Loki:
    """A Loki server and a LogQL query."""

    def __init__(self, http: HttpSource, query: str, page_records: int, service: str = "") -> None:
        """
        Prepare to ask.

        Args:
            query: a selector in braces, with filters behind it or not.
            service: for streams whose labels name none.
        Raises:
            BadSetting: it does not begin with a selector.
        """
        self._http = http
        self._query = query
        self._selector, self._filters = selector_of(query)
        self._size = PageSize(page_records)
        self._service = service
        self._slice_ns = _SLICE_NS

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def server(self, spend: Spend) -> str:
        """Return its version; a first question then shows that the query is understood."""
        try:
            found = self._http.json(spend, "GET", "/loki/api/v1/status/buildinfo")
            version = str(found.get("version", "")) if isinstance(found, dict) else ""
        except SourceFailure as error:
            if not error.lasting:
                raise
            version = ""  # gateways before Loki often serve only what they must
        return f"Loki {version}".strip()

    def estimate(self, stretch: Stretch, spend: Spend) -> Estimate:
        """Return what the index says; lines that are not flushed yet are not in it."""
        found = self._http.json(
            spend, "GET", "/loki/api/v1/index/stats", self._window(stretch, query=self._selector)
        )
        if not isinstance(found, dict):
            return Estimate()
        entries, size = found.get("entries"), found.get("bytes")
        if isinstance(entries, int) and isinstance(size, int):
            if entries and not self._filters:
                self._size.expect(_ANSWER_RATIO * size / entries)
            return Estimate(entries, size)
        return Estimate()

    def pages(self, stretch: Stretch, spend: Spend) -> Iterator[Page]:
        """Yield the lines of a stretch; see `Asked`."""
        if stretch.end_unix_ns - stretch.start_unix_ns >= _STATS_FROM_NS:
            try:
                self.estimate(stretch, spend)
            except SourceFailure as error:
                if not error.lasting:
                    raise  # where it knows no statistics, pages begin small instead
        at = stretch.start_unix_ns
        while at < stretch.end_unix_ns:
            end = min(at + self._slice_ns, stretch.end_unix_ns)
            found = self._answer(Stretch(at, end), spend)
            if found is None:
                continue  # with another limit or a shorter slice
            records, limit = found
            if len(records) < limit:
                yield Page(records, end)
                at = end
                continue
            last = records[-1].time_unix_ns
            whole = [each for each in records if each.time_unix_ns < last]
            if whole:
                yield Page(whole, last)
                at = last
            elif not self._size.grow(limit, spend):
                yield from self._crowded(Stretch(last, last + 1), spend)
                at = last + 1

    # -- one answer ----------------------------------------------------------------------------

    def _answer(self, stretch: Stretch, spend: Spend) -> tuple[list[Heard], int] | None:
        """Return the first lines and how many were asked for; None when it must be asked anew."""
        limit = self._size.affordable(spend)
        try:
            records = self._ask(self._query, stretch, limit, spend)
        except AnswerTooLarge as error:
            if not self._size.shrink():
                raise SourceFailure(f"{error}, of one line", lasting=True) from error
            return None
        except BudgetSpent:
            self._size.shrink()  # the next question would else be as large, and end as this one
            raise
        except SourceFailure as error:
            if self._adapted(str(error)):
                return None
            raise
        return records, limit

    def _adapted(self, refusal: str) -> bool:
        """Obey a limit that a refusal names; returns whether there was one."""
        match = _ENTRIES_LIMIT.search(refusal)
        if match is not None and 0 < int(match[1]) < self._size.most:
            self._size.limit_to(int(match[1]))
            return True
        if _LENGTH_LIMIT.search(refusal) and self._slice_ns > _LEAST_SLICE_NS:
            self._slice_ns //= 2
            return True
        return False

    def _ask(self, query: str, stretch: Stretch, limit: int, spend: Spend) -> list[Heard]:
        before = spend.bytes_read
        found = self._http.json(
            spend,
            "GET",
            "/loki/api/v1/query_range",
            self._window(stretch, query=query, limit=limit, direction="forward"),
            headers=_HEADERS,
        )
        records = self._heard(found)
        self._size.measured(spend.bytes_read - before, len(records))
        return records

    def _window(self, stretch: Stretch, **parameters: str | int) -> dict[str, str | int]:
        return {
            "start": str(stretch.start_unix_ns),
            "end": str(stretch.end_unix_ns),
            **parameters,
        }

    def _crowded(self, instant: Stretch, spend: Spend) -> Iterator[Page]:
        """Yield the lines of an instant that has more of them than an answer may hold."""
        found = self._http.json(
            spend,
            "GET",
            "/loki/api/v1/series",
            {
                "match[]": self._selector,
                "start": str(instant.start_unix_ns),
                "end": str(instant.end_unix_ns),
            },
        )
        streams = found.get("data") if isinstance(found, dict) else None
        records: list[Heard] = []
        for labels in streams if isinstance(streams, list) else []:
            query = _exactly(labels) + self._filters
            limit = self._size.most
            told_of_stream = self._ask(query, instant, limit, spend)
            if len(told_of_stream) >= limit:
                raise SourceFailure(
                    f"stream {_exactly(labels)} has more than {limit:,} lines at one instant,"
                    f" {instant.start_unix_ns} Unix ns, and this Loki gives no more at once;"
                    " raise max_entries_limit_per_query there, and page_records here",
                    lasting=True,
                )
            records += told_of_stream
        yield Page(records, instant.end_unix_ns)

    # -- reading -------------------------------------------------------------------------------

    def _heard(self, found: Any) -> list[Heard]:
        """Return the lines of an answer in order of time, of equal times by stream and place."""
        data = found.get("data") if isinstance(found, dict) else None
        if not isinstance(data, dict) or data.get("resultType") != "streams":
            kind = data.get("resultType") if isinstance(data, dict) else "something else"
            raise SourceFailure(
                f"the query {self._query!r} is answered with {kind}, not with log lines; use one"
                " that selects lines",
                lasting=True,
            )
        records: list[Heard] = []
        try:
            for stream in data.get("result") or ():
                records += self._stream(stream["stream"], stream["values"])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise SourceFailure(
                f"an answer's streams are not as Loki writes them ({type(error).__name__}: {error});"
                " what it said was left aside"
            ) from error
        records.sort(key=lambda each: each.time_unix_ns)
        return records

    def _stream(self, labels: Mapping[str, str], values: list[list[Any]]) -> Iterator[Heard]:
        stream = key_of(labels)
        known = self._known(labels)
        for value in values:
            beside: dict[str, Any] = {}
            if len(value) > 2 and isinstance(value[2], dict):
                kept = value[2].get("structuredMetadata")
                beside = dict(kept) if isinstance(kept, dict) else {}
            time_unix_ns = int(value[0])
            if not isinstance(value[1], str):
                raise TypeError("a line that is no text")
            key = key_of(stream, time_unix_ns, value[1], beside)
            of_line, attributes = _with_metadata(known, beside) if beside else (known, ())
            yield Heard(time_unix_ns, key, of_line, value[1], attributes=attributes)

    def _known(self, labels: Mapping[str, str]) -> Known:
        service = service_name(labels) or self._service
        renamed: dict[str, str] = {"service.name": service} if service else {}
        for label, value in sorted(labels.items()):
            renamed.setdefault(resource_name(label), value)
        renamed.pop("service_name", None)
        level = next(
            (labels[name] for name in _LEVELS if severity_of_word(labels.get(name, ""))), ""
        )
        return Known(tuple(renamed.items()), service, severity_of_word(level), level)


def _with_metadata(known: Known, beside: dict[str, Any]) -> tuple[Known, list[tuple[str, Any]]]:
    """Return what is known of a line with structured metadata, and its attributes."""
    trace = span = b""
    for name in _TRACES:
        if name in beside and (trace := trace_id(beside[name])):
            del beside[name]
            break
    for name in _SPANS if trace else ():
        if name in beside and (span := span_id(beside[name])):
            del beside[name]
            break
    number, text = known.severity_number, known.severity_text
    for name in _LEVELS:
        level = beside.get(name)
        if isinstance(level, str) and severity_of_word(level):
            number, text = severity_of_word(level), level
            del beside[name]
            break
    changed = known._replace(
        severity_number=number, severity_text=text, trace_id=trace, span_id=span
    )
    return changed, list(beside.items())


def selector_of(query: str) -> tuple[str, str]:
    """
    Return a LogQL query's selector in braces, and what follows it.

    Raises:
        BadSetting: it does not begin with a selector.
    """
    text = query.strip()
    quote = ""
    skip = False
    if text.startswith("{"):
        for place, character in enumerate(text):
            if skip:
                skip = False
            elif quote:
                skip = character == "\\" and quote == '"'
                quote = "" if character == quote else quote
            elif character in '"`':
                quote = character
            elif character == "}":
                return text[: place + 1], text[place + 1 :]
    raise BadSetting(f'query {query!r}: a LogQL query begins with a selector: {{app="shop"}}')


def _exactly(labels: Mapping[str, str]) -> str:
    """Return the selector of one stream."""
    texts = (f'{name}="{str(value).translate(_ESCAPES)}"' for name, value in sorted(labels.items()))
    return "{" + ",".join(texts) + "}"


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})
