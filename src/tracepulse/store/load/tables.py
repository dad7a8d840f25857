"""Which tables a signal is loaded into, and which roll-ups go with each."""

from tracepulse.receive.signals import Signal
from tracepulse.store.load.metric_blocks import METRIC_KINDS

__all__ = ["BESIDE", "ROLLUPS", "tables"]

ROLLUPS = {"otel_traces": ("span_bins", "span_minutes"), "otel_logs": ("log_bins",)}
"""The roll-ups that are worked out from each table's rows."""
BESIDE = {**ROLLUPS, "otel_logs": ("log_bins", "log_shapes")}
"""All that is worked out from each table's rows and stored beside them."""


def tables(signal: Signal) -> tuple[str, ...]:
    """Return the tables that a signal is loaded into, without roll-ups."""
    if signal == "metrics":
        return tuple(f"otel_metrics_{kind}" for kind in METRIC_KINDS)
    return (f"otel_{signal}",)
