"""Every limit on what is received: its unit, its reason, and what happens past it."""

from dataclasses import dataclass

__all__ = ["BROWSER_LIMITS", "SERVER_LIMITS", "Limits"]

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
