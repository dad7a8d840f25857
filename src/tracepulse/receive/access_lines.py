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

from tracepulse.receive.access_records import AccessRecord, access_record
from tracepulse.receive.log_fields import span_id, trace_id

__all__ = ["read_access_line"]

_TAIL = (
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
)
_QUOTED = ("x_forwarded_for", "user_agent", "request_id", "authority", "upstream_host")
_MAX_PARTS = 64
"""A line with more quotes than that is no access log."""


def read_access_line(line: str) -> AccessRecord | None:
    """Return what a line says; None if it is of no known format."""
    close = line.find('] "', 19, 48)
    if close < 0 or line[0] != "[":
        return None
    parts = line.split('"', _MAX_PARTS)
    if len(parts) < 13:
        return None
    head = parts[2].split()
    if len(head) < 2 or not (head[0].isdigit() and len(head[0]) <= 3):
        return None
    fields: dict[str, str] = {
        "start_time": line[1:close],
        "response_code": head[0],
        "response_flags": head[1],
    }
    method, _, rest = parts[1].partition(" ")
    path, _, protocol = rest.rpartition(" ")
    fields["method"], fields["path"], fields["protocol"] = method, path, protocol
    at = _take_numbers(head, parts, fields)
    if at == 0 or not _take_quoted(parts, at, fields):
        return None
    record = access_record(fields, line[close + 2 :])
    return record if record.time_unix_ns is not None else None


def _take_numbers(head: list[str], parts: list[str], fields: dict[str, str]) -> int:
    """Take what stands from the flags to the four numbers; returns the part with those, or 0."""
    if len(head) == 6 and _are_numbers(head[2:]):
        numbers, at = head[2:], 2
    else:
        for at in (4, 6):
            numbers = parts[at].split()
            if len(numbers) == 4 and _are_numbers(numbers):
                break
        else:
            return 0
        fields["upstream_transport_failure_reason"] = parts[at - 1]
        if at == 6:
            fields["istio_policy_status"] = parts[3]
        if len(head) > 2:
            fields["response_code_details"] = head[2]
        if len(head) > 3:
            fields["connection_termination_details"] = " ".join(head[3:])
    fields["bytes_received"], fields["bytes_sent"] = numbers[0], numbers[1]
    fields["duration"], fields["upstream_service_time"] = numbers[2], numbers[3]
    return at


def _are_numbers(words: list[str]) -> bool:
    return all(word.isdigit() or word == "-" for word in words)


def _take_quoted(parts: list[str], at: int, fields: dict[str, str]) -> bool:
    """Take the five quoted fields and what follows them; False if they are not there."""
    between = parts[at + 2 : at + 9 : 2]
    if between == [" ", " ", " ", " "] and len(parts) > at + 10:
        values, rest = parts[at + 1 : at + 10 : 2], parts[at + 10 :]
    elif len(parts) > at + 10 and parts[-3] == parts[-5] == parts[-7] == " ":
        # A quote within the user agent: the fields after it are counted from the end.
        forwarded, agent = parts[at + 1], '"'.join(parts[at + 3 : -7])
        values, rest = [forwarded, agent, parts[-6], parts[-4], parts[-2]], parts[-1:]
    else:
        return False
    fields.update(zip(_QUOTED, values, strict=True))
    words = " ".join(rest).split()
    fields.update(zip(_TAIL, words, strict=False))
    if len(words) > len(_TAIL):
        _take_ids(words[len(_TAIL) :], fields)
    return True


def _take_ids(words: list[str], fields: dict[str, str]) -> None:
    """Take trace and span ids from what somebody added to the format."""
    for word in words:
        if word.count("-") == 3 and len(word) == 55:
            fields["traceparent"] = word
        elif len(word) == 32 and trace_id(word):
            fields.setdefault("trace_id", word)
        elif "trace_id" in fields and span_id(word):
            fields.setdefault("span_id", word)
