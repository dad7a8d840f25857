"""Results of a Splunk search, as records."""

from datetime import datetime
from typing import Any

from tracepulse.errors import SourceFailure
from tracepulse.receive.pull.heard_request import key_of
from tracepulse.receive.pull.interface import Heard
from tracepulse.receive.sent_logs import SentLogs

__all__ = ["ResultReader"]

_REMEMBERED = 10_000
_METADATA = ("source", "sourcetype", "index")
_NOT_KEPT = frozenset(
    {"_raw", "_time", "_cd", "_bkt", "_si", "_serial", "_indextime", "_sourcetype", "_subsecond",
     "_eventtype_color", "_kv", "_meta", "host", "linecount", "punct", "splunk_server",
     "splunk_server_group", "timestartpos", "timeendpos", "eventtype", "tag", *_METADATA}
)  # fmt: skip
"""Splunk's own fields of an event; what is useful of them is kept under other names."""


class ResultReader:
    """Reads the results of a search."""

    def __init__(self, service: str) -> None:
        """Prepare; `service` is that of events that name none."""
        self._service = service
        self._places = SentLogs()
        self._read = 0

    def heard(self, result: dict[str, Any]) -> Heard:
        """
        Return an event as a record.

        Raises:
            SourceFailure: it is not an event: the search makes something else of them.
        """
        self._read += 1
        if self._read % _REMEMBERED == 0:
            self._places = SentLogs()  # it remembers every place that it has seen
        raw, time = result.get("_raw"), result.get("_time")
        if not isinstance(raw, str) or not isinstance(time, str):
            raise SourceFailure(
                "the search returns rows without _raw and _time; use one that returns events",
                lasting=True,
            )
        unix_ns = _unix_ns(time)
        fields = {
            name: value
            for name, value in result.items()
            if name not in _NOT_KEPT and not name.startswith("date_") and value not in ("", None)
        }
        for name in _METADATA:
            if isinstance(result.get(name), str):
                fields[f"com.splunk.{name}"] = result[name]
        if isinstance(result.get("host"), str):
            fields["host.name"] = result["host"]
        known, left = self._places.known_of(fields)
        if not known.service:
            service = self._service or str(result.get("sourcetype") or "")
            if service:
                named = (("service.name", service), *known.resource)
                known = known._replace(resource=named, service=service)
        place = result.get("_bkt"), result.get("_cd")
        key = key_of(*place, unix_ns) if all(place) else key_of(unix_ns, raw, known.resource)
        return Heard(unix_ns, key, known, raw, attributes=left)


def _unix_ns(time: str) -> int:
    """Return the instant of an event: RFC 3339, or seconds since 1970."""
    try:
        whole, _, fraction = time.partition(".")
        if whole.isascii() and whole.isdigit():
            return int(whole) * 10**9 + int((fraction or "0")[:9].ljust(9, "0"))
        at = datetime.fromisoformat(time.replace(" ", "T", 1))
    except ValueError:
        raise SourceFailure(f"an event has the time {time[:40]!r}", lasting=True) from None
    if at.tzinfo is None:
        raise SourceFailure(f"an event has a time without its zone, {time[:40]!r}", lasting=True)
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000
