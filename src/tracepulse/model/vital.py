"""What a page told of its web vitals, beside its spans."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["VITAL_PREFIX", "Vital"]

VITAL_PREFIX = "browser.web_vital."
"""Of the attributes of such a record, as OpenTelemetry's semantic conventions have it."""


@dataclass(frozen=True, slots=True)
class Vital:
    """One web vital of one page, as the page measured it."""

    name: str
    """lcp, inp, fcp, ttfb or cls."""
    value: float
    """In ms from when the page could be seen; cls without unit."""
    span_id: str
    """Span that it was measured on; '' where it names none."""
    attributes: Mapping[str, str]
    """What it was spent on, without the prefix, values as text."""
