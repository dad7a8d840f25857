"""Findings put in words: what was seen, and what it could mean, told apart."""

from tracepulse.derive.findings import Finding
from tracepulse.units import format_duration, format_ratio

__all__ = ["said"]


def said(found: Finding) -> str:
    """Return one or two sentences; names are those of telemetry, to be quoted by whoever shows it."""
    calls = " then ".join(found.calls) or "calls"
    each = f"{found.calls_each:g}"
    detail = found.detail
    words = {
        "n_plus_one": (
            f"{each} like calls one after the other in a request: {calls}."
            " One call for all of them would save all but one"
        ),
        "serial_calls": (
            f"Never seen overlapping, {detail.get('never_overlapping', 0):.0f} traces: {calls}."
            " They could run at once if a later one does not need what an earlier one brought"
        ),
        "retries": f"Made again after failing, up to {each} times: {calls}",
        "timeout_ladder": (
            f"Made again after failing at the same {_time(detail.get('attempt_ns', 0))} each time,"
            f" as a time-out does: {calls}"
        ),
        "chatty_fan_out": f"{each} small calls to {calls} in a request",
        "waiting": f"Waits for a lock or a place in a pool: {calls}",
        "cold_start": (
            f"The first request of {detail.get('starts', 0):.0f} new instances took"
            f" {_time(detail.get('first_ns', 0))}, others {_time(detail.get('usual_ns', 0))}"
        ),
        "cache_miss_storm": (
            f"For a while {format_ratio(detail.get('miss_ratio', 0))} of look-ups missed, otherwise"
            f" {format_ratio(detail.get('usual_miss_ratio', 0))}, and the database was asked: {calls}"
        ),
        "render_blocking": f"Nothing is painted until it has come, long after the markup: {calls}",
        "late_resource": (
            f"Asked for only {_time(found.per_held_ns)} after the markup had come, and waited for"
            f" by the load: {calls}"
        ),
        "long_frames": f"Frames that kept the page from answering and painting: {calls}",
        "slow_first_byte": (
            f"The page came after {_time(detail.get('first_byte_ns', 0))}, most of it in its server;"
            f" there the path stayed longest in {calls}, {_time(detail.get('call_ns', 0))}"
        ),
    }
    return (
        f"{words[found.shape]}. It held up {found.held_requests:,} of {found.requests:,} requests,"
        f" each by {_time(found.per_held_ns)} in the mean."
    )


def _time(length_ns: float) -> str:
    return format_duration(round(length_ns))
