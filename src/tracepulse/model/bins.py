"""Counts in 5-second bins: the shape in which the store hands signals to the detector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogBins", "SignalWindow", "SpanBins"]

Strings = NDArray[np.object_]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SpanBins:
    """
    Calls and failures per bin, service, operation and kind; one row each, in any order.

    A bin without a row had no calls. Rows of the same bin and series are added up.
    """

    bin_start_unix_ns: Integers
    """A multiple of the bin's length."""
    service: Strings
    operation: Strings
    """Span name."""
    kind: Strings
    """Server, Consumer, Client or Producer; Internal spans need not be handed in."""
    entry: Flags
    """No parent span in another service."""
    calls: Integers
    errors: Integers
    """StatusCode Error or HTTP status 500 and above, but not 4xx (a client span of a 4xx answer
    bears StatusCode Error: it is a refusal)."""
    refused: Integers
    """HTTP status 400 to 499 on either side."""
    first_error_unix_ns: Integers
    """Start of the first such span of the bin; 0 when there is none or it is not known."""
    first_refused_unix_ns: Integers

    def __len__(self) -> int:
        return len(self.service)


@dataclass(frozen=True, slots=True, eq=False)
class LogBins:
    """
    Lines per bin, service and shape; one row each, in any order.

    Lines below warning may be handed in summed per service (template_id ''): they only say how busy
    a service is. Lines at warning and above (severity_number >= 13) come per shape.
    """

    bin_start_unix_ns: Integers
    service: Strings
    severity_number: Integers
    """0 when unknown, which counts as below warning."""
    template_id: Strings
    """Id of the shape or template, the same for equal shapes."""
    template: Strings
    lines: Integers
    first_unix_ns: Integers
    """Time of the first such line of the bin; 0 when not known."""
    trust: Strings
    """server_key, loopback or browser_unauthenticated."""

    def __len__(self) -> int:
        return len(self.service)


@dataclass(frozen=True, slots=True)
class SignalWindow:
    """What the detector looks at: at most the last 30 minutes."""

    start_unix_ns: int
    """A multiple of the bin's length."""
    end_unix_ns: int
    """Exclusive; a multiple of the bin's length. Bins that may still fill are left out."""
    begins_at_first_telemetry: bool
    """True while the whole life of the store fits in the window (a cold start)."""
    spans: SpanBins | None = None
    logs: LogBins | None = None
