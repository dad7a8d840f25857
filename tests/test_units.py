"""Numbers with their units."""

import pytest

from tracepulse.units import (
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    format_ratio,
)


@pytest.mark.parametrize(
    ("duration_ns", "expected"),
    [
        (0, "0 ns"),
        (740, "740 ns"),
        (1_000, "1.00 µs"),
        (35_000_000, "35.0 ms"),
        (212_400_000, "212 ms"),
        (999_999_999, "1.00 s"),
        (1_200_000_000, "1.20 s"),
        (59_999_999_999, "1 min 0 s"),
        (200_000_000_000, "3 min 20 s"),
        (7_500_000_000_000, "2 h 5 min"),
        (-1_500, "-1.50 µs"),
    ],
)
def test_durations_take_three_digits(duration_ns: int, expected: str) -> None:
    """The unit is the largest that gives at least 1, and rounding never shows 1,000 of a unit."""
    assert expected == format_duration(duration_ns)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1_572_864, "1.50 MiB")],
)
def test_sizes_are_in_binary_units(size_bytes: int, expected: str) -> None:
    """1 KiB is 1,024 bytes."""
    assert expected == format_bytes(size_bytes)


def test_little_is_not_nothing() -> None:
    """A share or rate that is not zero never reads as zero."""
    assert ("0.0 %", "<0.1 %", "31.0 %") == tuple(map(format_ratio, (0, 0.0001, 0.31)))
    assert ("0.0/s", "<0.1/s", "1,200.5/s") == tuple(map(format_rate, (0, 0.01, 1200.5)))
    assert "1,234,567" == format_count(1_234_567)
