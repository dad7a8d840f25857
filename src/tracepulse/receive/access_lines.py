"""
Lines of text access logs of Envoy and Istio, in the formats that each version has by default.

    [time] "method path protocol" code flags … "…" received sent length upstream "forwarded for" "agent"
        "request id" "authority" "upstream host" cluster local local remote name route …

Between the flags and the four numbers stand: nothing (Envoy; Istio before 1.1), `"policy" "failure"`
(Istio 1.1 to 1.8, with the first empty or missing at the end of that), or `details termination
"failure"` (since 1.9). Envoy's own format ends with the upstream host, and the route's name came with Istio 1.3. What
somebody added at the end is looked through for trace ids.

Envoy does not escape quotes in what it writes between quotes, so a user agent can have any.
"""

from tracepulse.receive.access_records import AccessRecord, access_record, ids_of
from tracepulse.receive.log_fields import span_id, trace_id

__all__ = ["read_access_line"]

_TAIL_FIELDS = 6
"""Cluster, its local address, ours, the remote one, name asked for, route."""
_MAX_PARTS = 64
"""A line with more quotes than that is no access log."""
_ABSENT = ("", "", "", "", "", "")
_NUMERIC = str.maketrans("", "", "0123456789- ")


def read_access_line(line: str) -> AccessRecord | None:
    """Return what a line says; None if it is of no known format."""
    close = line.find('] "', 19, 48)
    if close < 0 or line[0] != "[":
        return None
    parts = line.split('"', _MAX_PARTS)
    if len(parts) < 13:
        return None
    head = parts[2].split()
    if len(head) < 2 or not head[0].isdecimal():
        return None
    at = _place_of_numbers(head, parts)
    quoted = _quoted(parts, at) if at else None
    if quoted is None:
        return None
    (forwarded, agent, request, authority, host), rest = quoted
    details = ended = failure = ""
    numbers = head[2:]
    if at > 2:
        numbers = parts[at].split()
        failure = parts[at - 1]
        details, ended = (*head[2:4], "", "")[:2]
    tail = rest.split()
    ids = _ids(tail[_TAIL_FIELDS:]) if len(tail) > _TAIL_FIELDS else (b"", b"")
    cluster, sent_from, came_to, peer, server, route = (*tail, *_ABSENT)[:_TAIL_FIELDS]
    method, _, target = parts[1].partition(" ")
    path, _, protocol = target.rpartition(" ")
    record = access_record(
        (
            method, head[1], details, ended, failure, agent, request, host, cluster, server,
            route, "",
        ),
        numbers,
        (
            line[1:close], head[0], path, protocol, authority, forwarded, peer, sent_from, came_to,
        ),
        line[close + 2 :],
        ids,
    )  # fmt: skip
    return record if record.time_unix_ns is not None else None


def _place_of_numbers(head: list[str], parts: list[str]) -> int:
    """Return the part that holds (or, in Envoy's format, ends in) the four numbers; 0 for none."""
    if len(head) == 6 and not "".join(head[2:]).translate(_NUMERIC):
        return 2
    for at in (4, 6):
        text = parts[at]
        if text.count(" ") == 5 and len(text.split()) == 4 and not text.translate(_NUMERIC):
            return at
    return 0


def _quoted(parts: list[str], at: int) -> tuple[list[str], str] | None:
    """Return the five quoted fields and the text after them; None if they are not there."""
    if len(parts) <= at + 10:
        return None
    if parts[at + 2] == parts[at + 4] == parts[at + 6] == parts[at + 8] == " ":
        return parts[at + 1 : at + 10 : 2], " ".join(parts[at + 10 :])
    if parts[-3] == parts[-5] == parts[-7] == " ":
        # A quote within the user agent: the fields after it are counted from the end.
        agent = '"'.join(parts[at + 3 : -7])
        return [parts[at + 1], agent, parts[-6], parts[-4], parts[-2]], parts[-1]
    return None


def _ids(words: list[str]) -> tuple[bytes, bytes]:
    """Return trace and span from what somebody added to the format."""
    trace = span = ""
    for word in words:
        if word.count("-") == 3 and len(word) == 55:
            return ids_of(word, "", "")
        if not trace and len(word) == 32 and trace_id(word):
            trace = word
        elif trace and not span and span_id(word):
            span = word
    return ids_of(None, trace, span)
