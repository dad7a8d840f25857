"""Every limit on what is received: its unit, its reason, and what happens past it."""

from dataclasses import dataclass, replace

__all__ = [
    "ANY_TIME",
    "BODY_S",
    "BROWSER_LIMITS",
    "FARO_LIMITS",
    "SERVER_LIMITS",
    "Limits",
    "TimeWindow",
    "live_window",
]

BODY_S = 30.0
"""How long the body of a request over HTTP may take to come (408). No sender that we know waits longer
for its answer, and while a body comes it holds room that others may need."""
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What one request may hold.

    Past a limit on the request the whole request is refused (413). Past a limit on a record the
    record is refused and counted (`partial_success`). Past a limit on a part of a record the part
    is cut or dropped, and the record says so (`dropped_attributes_count`).
    """

    wire_bytes: int = 8 * MIB
    """Body as sent. A full batch of any SDK is a tenth of this."""
    body_bytes: int = 20 * MIB
    """Body once decompressed: OTLP asks receivers for this much over HTTP."""
    grpc_bytes: int = 4 * MIB
    """The default of gRPC, which OTLP keeps."""
    ratio_floor_bytes: int = MIB
    ratio_max: int = 100
    """A body that unpacks to more than `ratio_floor_bytes` may not be over 100 times its wire size."""
    records: int = 50_000
    """Spans, log records or metric points. 20 KiB of gzip can hold ten million empty ones."""
    containers: int = 50_000
    """Resource and scope groups, which cost as much as records when they are empty."""
    record_bytes: int = 256 * KIB
    attributes_per_record: int = 128
    attributes_per_resource: int = 64
    events_per_span: int = 128
    links_per_span: int = 128
    key_bytes: int = 256
    value_bytes: int = 4 * KIB
    name_bytes: int = KIB
    body_text_bytes: int = 64 * KIB
    """A log record's body, and the stack trace of an exception."""
    nesting: int = 16
    """Arrays and maps inside one another; deeper ones become the text "[depth]"."""


SERVER_LIMITS = Limits()
BROWSER_LIMITS = Limits(wire_bytes=64 * KIB, body_bytes=256 * KIB, records=1_000, containers=200)

FARO_LIMITS = replace(BROWSER_LIMITS, wire_bytes=512 * KIB, body_bytes=2 * MIB)
"""Faro gathers whatever has come together, and posts without `keepalive` what a browser would not keep
under way; a page with many resources sends several hundred KiB at its start."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """
    Which instants a record may bear, [earliest, latest] in Unix ns.

    An instant outside is moved to the nearer end, and the record keeps what the sender wrote.
    """

    earliest_unix_ns: int = 0
    latest_unix_ns: int = 2**63 - 1
    """At most what the tables can hold: they count nanoseconds in 64 bits, which end in 2262."""
    received_unix_ns: int = 0
    """Stands in for a time that was not given; 0 leaves it at zero."""


ANY_TIME = TimeWindow()
"""For imports, which keep their age."""
DAY_NS = 86_400_000_000_000
MAX_AHEAD_NS = DAY_NS
"""How far a sender's clock may be ahead of ours. Later than that is no clock, and a record from next
year would stand at the top of every list for a year."""


def live_window(received_unix_ns: int, retention_days: int) -> TimeWindow:
    """Return what live telemetry may bear: an older record would be past retention on arrival."""
    earliest = max(1, received_unix_ns - retention_days * DAY_NS)
    latest = min(received_unix_ns + MAX_AHEAD_NS, 2**63 - 1)
    return TimeWindow(earliest, latest, received_unix_ns)
