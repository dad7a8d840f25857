"""Questions about log records."""

import re

from tracepulse.model.log import LogRecord
from tracepulse.model.question import LogQuestion
from tracepulse.store.queries.statements import Filters, Queries, window_parameters

__all__ = ["LogQueries"]

_TOKEN = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
"""Letters and digits of ASCII, and all beyond it: what the engine takes for a token."""


class LogQueries(Queries):
    """What can be asked of log records."""

    def search_logs(
        self, question: LogQuestion, oldest_first: bool = False
    ) -> tuple[LogRecord, ...]:
        """Return log records, newest first unless told otherwise."""
        filters = Filters()
        if question.service:
            filters.add("ServiceName = {service:String}", service=question.service)
        if question.min_severity:
            filters.add("SeverityNumber >= {severity:UInt8}", severity=question.min_severity)
        if question.trace_id:
            filters.add("TraceId = {trace_id:String}", trace_id=question.trace_id)
        if question.text:
            filters.add("positionCaseInsensitiveUTF8(Body, {text:String}) > 0", text=question.text)
        if question.word:
            _add_word(filters, question.word)
        filters.attributes(question.attributes, ("LogAttributes", self._resource))
        table = self._ask(
            "search_logs",
            {
                **window_parameters(question.window),
                "data_set": question.data_set,
                "limit": question.limit,
            },
            filters,
            direction="ASC" if oldest_first else "DESC",
        )
        return tuple(
            LogRecord(
                time_unix_ns=row["time_unix_ns"],
                service=row["service"],
                severity_text=row["severity_text"],
                severity_number=row["severity_number"],
                body=row["body"],
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                attributes=dict(row["attributes"]),
                resource=dict(row["resource"]),
                trust=row["trust"],
                origin=row["origin"],
            )
            for row in table.to_pylist()
        )


def _add_word(filters: Filters, word: str) -> None:
    """Ask for the tokens by which the index knows lines, and where that leaves a doubt for it all."""
    tokens = sorted(set(_TOKEN.findall(word)))
    for n, token in enumerate(tokens):
        filters.add(f"hasToken(Body, {{token{n}:String}})", **{f"token{n}": token})
    if tokens != [word]:
        filters.add("position(Body, {word:String}) > 0", word=word)
