"""Numbers with their units, as people read them. Nothing else formats a unit."""

__all__ = ["format_bytes", "format_count", "format_duration", "format_rate", "format_ratio"]

_DURATIONS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_BYTES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def format_duration(duration_ns: int) -> str:
    """Return a length of time in three digits: `1.20 s`, `35.0 ms`, `740 ns`, `3 min 20 s`."""
    sign, length = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    if length >= 3_600_000_000_000:
        hours, rest = divmod(round(length / 60e9), 60)
        return f"{sign}{hours:,} h {rest} min"
    if length >= 60_000_000_000:
        minutes, rest = divmod(round(length / 1e9), 60)
        return f"{sign}{minutes} min {rest} s"
    for unit_ns, name in _DURATIONS:
        if length >= unit_ns:
            return f"{sign}{_three_digits(length / unit_ns)} {name}"
    return f"{sign}{length} ns"


def format_bytes(size_bytes: int) -> str:
    """Return a size in binary units: `1.50 MiB`."""
    for unit_bytes, name in _BYTES:
        if size_bytes >= unit_bytes:
            return f"{_three_digits(size_bytes / unit_bytes)} {name}"
    return f"{size_bytes} B"


def format_count(count: int) -> str:
    """Return a number with its thousands set apart."""
    return f"{count:,}"


def format_ratio(ratio: float) -> str:
    """Return a share as a percentage: `31.0 %`; what is not zero never reads as zero."""
    percent = ratio * 100
    if 0 < percent < 0.1:
        return "<0.1 %"
    return f"{percent:.1f} %"


def format_rate(per_second: float) -> str:
    """Return a rate: `12.5/s`."""
    if 0 < per_second < 0.1:
        return "<0.1/s"
    return f"{per_second:,.1f}/s"


def _three_digits(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
