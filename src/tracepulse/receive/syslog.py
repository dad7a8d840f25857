"""
Syslog messages to log records: RFC 5424, RFC 3164 as it is really sent, and text without either.

    <165>1 2003-10-11T22:14:15.003Z host app 8710 ID47 [id@1 key="value"] message
    <34>Oct 11 22:14:15 host su[230]: message
    <34>2024-03-05T10:00:00.123+01:00 host su[230]: message         rsyslog's forward format

The message is read as a line of a file is: JSON, logfmt, levels, trace ids. The sender's time and names
stand; a level that the program itself wrote says more than the priority, which is often the default one.

Source: RFC 5424, RFC 3164 (which describes what was seen, and prescribes nothing)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zlib import crc32

from tracepulse.receive.access_records import envoy_time_unix_ns
from tracepulse.receive.line_batches import is_ready
from tracepulse.receive.log_entries import Entry, LineReader
from tracepulse.receive.log_fields import span_id, trace_id
from tracepulse.receive.log_times import TIME_LAYOUTS, InstantReader, rfc3339_unix_ns
from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.severities import SYSLOG_SEVERITIES, severity_of_word
from tracepulse.receive.syslog_batches import (
    FACILITIES,
    SEVERITY_NAMES,
    SyslogTimes,
    read_messages,
)
from tracepulse.receive.syslog_framing import MAX_MESSAGE_BYTES

__all__ = ["SyslogReader", "local_zone"]

_GRAVITIES = tuple(zip(SYSLOG_SEVERITIES, SEVERITY_NAMES, strict=True))
_PRIORITIES = {f"<{number}>": number for number in range(192)} | {
    f"<{number:0{width}}>": number for number in range(100) for width in (2, 3)
}
_FACILITY_ATTRIBUTES = tuple(("syslog.facility", name) for name in FACILITIES)
_OPENING = ("", "{", "[", "(", "<", "@", '"', "'")
_LETTERED_LEVELS = ("I", "W", "E", "F", "D")
"""As klog's lines begin, I0305 10:00:00."""
_LONGEST_LEVEL = 14
_REMEMBERED_SECONDS = 4096
_MAX_TAG = 128
_MAX_PARAMETERS = 64
_READERS = 16
"""Text layouts are learnt by sender; this many sets of them are kept, whoever sends."""
_LOGFMT_SIGN = re.compile(r"\b(?:msg|level|lvl|message)=")
_LOGFMT_SAMPLE = ["level=info msg=begun", "level=info msg=done"]
_IDS = {"trace_id": 0, "traceid": 0, "trace.id": 0, "span_id": 1, "spanid": 1, "span.id": 1}
_CEE = "@cee:"
_BOM = "\ufeff"
_WITHOUT_YEAR = next(layout for layout in TIME_LAYOUTS if layout.name == "syslog")
_MINUTE_NS = 60 * 10**9
_DAY_NS = 1440 * _MINUTE_NS


@dataclass(slots=True)
class _Message:
    """What the frame around a message says."""

    text: str = ""
    time_unix_ns: int = 0
    host: str = ""
    app: str = ""
    pid: str = ""
    message_id: str = ""
    parameters: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class SyslogReader:
    """Reads messages of any number of senders; what it remembers of them is bounded."""

    reference_unix_ns: int
    """Completes times without a year until the first message."""
    local_zone: tzinfo = UTC
    """Of this machine: a time without a zone is taken in this or in UTC, whichever is nearer to the
    time of receipt."""
    _readers: list[LineReader] = field(default_factory=list)
    _logfmt: LineReader = field(init=False)
    _times: list[InstantReader] = field(default_factory=list)
    _seconds: dict[str, int] = field(default_factory=dict)
    """Instants of today's times without a year."""
    _known_times: SyslogTimes = field(init=False)

    def __post_init__(self) -> None:
        self._readers = [LineReader(self.reference_unix_ns) for _ in range(_READERS)]
        self._logfmt = LineReader(self.reference_unix_ns)
        self._logfmt.learn(_LOGFMT_SAMPLE)
        self._known_times = SyslogTimes(lambda time, now: self._nearest(time, "", now))
        self._begin_day(self.reference_unix_ns)

    def _begin_day(self, now_unix_ns: int) -> None:
        """Complete years from here: a server may run past the end of one."""
        self.reference_unix_ns = now_unix_ns
        zones = [UTC] if self.local_zone is UTC else [UTC, self.local_zone]
        self._times = [InstantReader(_WITHOUT_YEAR, now_unix_ns, zone) for zone in zones]
        self._seconds.clear()
        self._known_times.forget()

    def add_all(
        self, writer: LogWriter, messages: Sequence[bytes], sender: str, received_unix_ns: int
    ) -> None:
        """Add the records of messages, each as `add` does: those that are plain, by compiled loops."""
        if received_unix_ns - self.reference_unix_ns > _DAY_NS:
            self._begin_day(received_unix_ns)
        if not is_ready():
            for raw in messages:
                self.add(writer, raw, sender, received_unix_ns)
            return
        records = read_messages(messages, self._known_times, received_unix_ns)
        for raw, written in zip(messages, records, strict=True):
            if written is None:
                self.add(writer, raw, sender, received_unix_ns)
                continue
            host = ("host.name", written.host or sender)
            resource = (("service.name", written.app), host) if written.app else (host,)
            writer.add_written(resource, written.record, 1)

    def add(self, writer: LogWriter, raw: bytes, sender: str, received_unix_ns: int) -> None:
        """
        Add the record of one message.

        Args:
            raw: without framing; longer than MAX_MESSAGE_BYTES by one octet if it was cut.
            sender: its address, which stands in for a host name that is not given.
        """
        if received_unix_ns - self.reference_unix_ns > _DAY_NS:
            self._begin_day(received_unix_ns)
        line = raw[:MAX_MESSAGE_BYTES].rstrip(b"\r\n\0 ").decode(errors="replace")
        if not line:
            return
        end = line.find(">", 2, 5)
        priority = _PRIORITIES.get(line[: end + 1]) if end > 0 else None
        rest = line if priority is None else line[end + 1 :]
        message = _rfc5424(rest) if rest[:2] == "1 " else None
        if message is None:
            message = self._rfc3164(rest, received_unix_ns)
            if priority is None and not message.time_unix_ns:
                message = _Message(rest)
        entry = self._read(message.text, sender)
        attributes = _attributes(message, entry, priority)
        if len(raw) > MAX_MESSAGE_BYTES:
            attributes.append(("tracepulse.cut_at_bytes", MAX_MESSAGE_BYTES))
        severity, severity_text = entry.severity_number, entry.severity_text
        if not severity and priority is not None:
            severity, severity_text = _GRAVITIES[priority & 7]
        trace, span = entry.trace_id, entry.span_id
        if message.parameters and not trace:
            trace, span = _ids(message.parameters)
        app = entry.service or message.app
        host = ("host.name", message.host or sender)
        writer.add(
            (("service.name", app), host) if app else (host,),
            entry.body,
            time_unix_ns=message.time_unix_ns or entry.time_unix_ns or received_unix_ns,
            observed_unix_ns=received_unix_ns,
            severity_number=severity,
            severity_text=severity_text,
            attributes=attributes,
            trace_id=trace,
            span_id=span,
        )

    def _read(self, text: str, sender: str) -> Entry:
        """Return what the message itself says: most are a sentence, with the frame saying the rest."""
        if "#01" in text:  # how rsyslog escapes line ends and tabs
            text = text.replace("#012", "\n").replace("#011", "\t")
        if "=" in text and _LOGFMT_SIGN.search(text) is not None:
            entry = self._logfmt.read(text)
            if entry.headed:
                return entry
        elif _is_sentence(text):
            return Entry(text)
        if text.startswith(_CEE):
            text = text[len(_CEE) :].lstrip()
        return self._readers[crc32(sender.encode()) % _READERS].read(text)

    def _rfc3164(self, rest: str, received_unix_ns: int) -> _Message:
        """Read time, host and tag as far as they are there; what is not them is the message."""
        message = _Message()
        if rest[3:4] == " " and rest[9:10] == ":" and rest[12:13] == ":":
            end = rest.find(" ", 15)
            if end >= 0:
                fraction = rest[16:end] if rest[15:16] == "." else ""
                message.time_unix_ns = self._nearest(rest[:15], fraction, received_unix_ns)
        elif rest[4:5] == "-" and rest[10:11] == "T":
            end = rest.find(" ", 19)
            if end >= 0:
                message.time_unix_ns = _rfc3339(rest[:end]) or 0
        if not message.time_unix_ns:
            message.text = rest
            _take_tag(message)
            return message
        host, _, text = rest[end + 1 :].partition(" ")
        if host.endswith((":", "]")):  # a tag: the host was left out
            message.text = rest[end + 1 :]
        else:
            message.host, message.text = host, text
        _take_tag(message)
        return message

    def _nearest(self, whole: str, fraction: str, received_unix_ns: int) -> int:
        if fraction and not (fraction.isdecimal() and len(fraction) <= 9):
            return 0
        base = self._seconds.get(whole)
        if base is None:
            instants = [
                instant
                for reader in self._times
                if (instant := _instant(reader, whole)) is not None
            ]
            base = min(instants, key=lambda each: abs(each - received_unix_ns), default=0)
            if len(self._seconds) >= _REMEMBERED_SECONDS:
                self._seconds.clear()
                self._known_times.forget()
            self._seconds[whole] = base
        return base + int(fraction.ljust(9, "0")) if base and fraction else base


def _instant(reader: InstantReader, whole: str) -> int | None:
    try:
        return reader.read(whole, None, None)
    except ValueError:
        return None


def _is_sentence(text: str) -> bool:
    """Tell whether a message is plain words, without a header, fields, level or trace of its own."""
    first = text[:1]
    if first.isdigit() or first in _OPENING or "race" in text or "RACE" in text:
        return False
    if first in _LETTERED_LEVELS and text[1:3].isdigit():
        return False
    word = text[:_LONGEST_LEVEL].partition(" ")[0].rstrip(":|,")
    return not severity_of_word(word)


def _rfc3339(text: str) -> int | None:
    """Return an instant with its zone as programs mostly write it at once, others by and by."""
    if text[-1:] == "Z":
        instant = envoy_time_unix_ns(text)
    elif text[-6:-5] in ("+", "-") and text[-3:-2] == ":":
        instant = envoy_time_unix_ns(text[:-6] + "Z")
        offset = text[-5:-3] + text[-2:]
        if instant is None or not offset.isdecimal():
            return rfc3339_unix_ns(text)
        ahead_ns = (int(offset[:2]) * 60 + int(offset[2:])) * _MINUTE_NS
        instant -= ahead_ns if text[-6] == "+" else -ahead_ns
    else:
        instant = None
    return instant if instant is not None else rfc3339_unix_ns(text)


def _rfc5424(rest: str) -> _Message | None:
    parts = rest.split(" ", 6)
    if len(parts) < 7:
        return None
    time, after = parts[1], parts[6]
    host, app, pid, message_id = ("" if word == "-" else word for word in parts[2:6])
    time_unix_ns = 0 if time == "-" else _rfc3339(time)
    if time_unix_ns is None:
        return None
    message = _Message(after, time_unix_ns, host, app, pid, message_id)
    if after[:1] == "[":
        parameters: list[tuple[str, str]] = []
        message.parameters = parameters
        message.text = after[_take_parameters(after, parameters) :].removeprefix(" ")
    elif after[:1] == "-":
        message.text = after[1:].removeprefix(" ")
    # rsyslog's messages begin with the space that followed the tag in the older format.
    message.text = message.text.removeprefix(_BOM).removeprefix(" ")
    return message


def _take_parameters(text: str, parameters: list[tuple[str, str]]) -> int:
    """Take structured data, [id name="value" …][…]; returns where it ends."""
    at = 0
    while text[at : at + 1] == "[":
        end = text.find("]", at)
        if end < 0:
            return at  # no structured data after all: it is the message
        element, _, rest = text[at + 1 : end].partition(" ")
        if "\\" in rest or rest.count('"') % 2 or '="' not in rest:
            # Escapes, or a bracket inside a value: octet by octet.
            end = _take_escaped(text, at + 1 + len(element), element, parameters)
            if end < 0:
                return at
        else:
            pieces = rest.split('"')
            for name, value in zip(pieces[::2], pieces[1::2], strict=False):
                if len(parameters) < _MAX_PARAMETERS:
                    parameters.append((f"{element}.{name.strip(' =')}", value))
        at = end + 1
    return at


def _take_escaped(text: str, at: int, element: str, parameters: list[tuple[str, str]]) -> int:
    """Take an element's parameters, some of which have escapes or ] in them; returns its end, or -1."""
    while text[at : at + 1] != "]":
        name_end = text.find('="', at)
        if name_end < 0:
            return -1
        value, from_ = [], name_end + 2
        while from_ < len(text) and text[from_] != '"':
            if text[from_] == "\\" and text[from_ + 1 : from_ + 2] in ('"', "\\", "]"):
                from_ += 1
            value.append(text[from_])
            from_ += 1
        if len(parameters) < _MAX_PARAMETERS:
            parameters.append((f"{element}.{text[at:name_end].strip()}", "".join(value)))
        at = from_ + 1
        if at > len(text):
            return -1
    return at


def _take_tag(message: _Message) -> None:
    """Move the program's name and process id from the front of the text to where they belong."""
    text = message.text
    colon = text.find(":", 0, _MAX_TAG)
    tag = text[:colon] if colon > 0 else ""
    if not tag or " " in tag.strip():
        return
    name, bracket, pid = tag.partition("[")
    if bracket and not pid.endswith("]"):
        return
    message.app, message.pid = (
        name.strip().rpartition("/")[2] if name[:1] == "/" else name,
        pid[:-1],
    )
    message.text = text[colon + 1 :].removeprefix(" ")


def _attributes(message: _Message, entry: Entry, priority: int | None) -> list[tuple[str, Any]]:
    attributes: list[tuple[str, Any]] = []
    if priority is not None:
        attributes.append(_FACILITY_ATTRIBUTES[priority >> 3])
        if entry.severity_number:
            attributes.append(("syslog.severity", SEVERITY_NAMES[priority & 7]))
    if message.pid:
        numeric = message.pid.isdecimal() and len(message.pid) < 10
        attributes.append(
            ("process.pid", int(message.pid)) if numeric else ("syslog.procid", message.pid)
        )
    if message.message_id:
        attributes.append(("syslog.msgid", message.message_id))
    if message.parameters:
        attributes += [(f"syslog.structured_data.{name}", v) for name, v in message.parameters]
    attributes += entry.attributes
    if entry.original is not None and entry.original != entry.body:
        attributes.append(("log.record.original", entry.original))
    return attributes


def _ids(parameters: Sequence[tuple[str, str]]) -> tuple[bytes, bytes]:
    """Return trace and span among structured data."""
    found = ["", ""]
    for name, value in parameters:
        place = _IDS.get(name.partition(".")[2].lower())
        if place is not None:
            found[place] = value
    trace = trace_id(found[0])
    return trace, span_id(found[1]) if trace else b""


def local_zone() -> tzinfo:
    """Return this machine's zone, as it is now."""
    return datetime.now().astimezone().tzinfo or UTC
