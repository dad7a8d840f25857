"""Numbers with their units, as people read them. Nothing else formats a unit."""

__all__ = ["format_bytes", "format_count", "format_duration", "format_rate", "format_ratio"]

_DURATIONS = ((1_000, "µs", 1000), (1_000_000, "ms", 1000), (1_000_000_000, "s", 60))
"""Length, name, and how many of it are better said in the next unit."""
_BYTES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def format_duration(duration_ns: int) -> str:
    """Return a length of time in three digits: `1.20 s`, `35.0 ms`, `740 ns`, `3 min 20 s`."""
    sign, length = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    if length < 1_000:
        return f"{sign}{length} ns"
    for unit_ns, name, limit in _DURATIONS:
        shown = _three_digits(length / unit_ns)
        if float(shown.replace(",", "")) < limit:
            return f"{sign}{shown} {name}"
    seconds = round(length / 1e9)
    if seconds < 3600:
        return f"{sign}{seconds // 60} min {seconds % 60} s"
    minutes = round(length / 60e9)
    return f"{sign}{minutes // 60:,} h {minutes % 60} min"


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
