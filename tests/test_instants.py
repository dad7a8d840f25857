"""Instants as text, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracepulse.errors import BadQuestion
from tracepulse.instants import parse_instant, rfc3339

NOW_UNIX_NS = 1_763_718_432_123_456_789


@given(st.integers(0, 2**63 - 1))
def test_what_is_written_is_read_back(unix_ns: int) -> None:
    """RFC 3339 with nine digits loses nothing."""
    assert unix_ns == parse_instant(rfc3339(unix_ns), NOW_UNIX_NS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW_UNIX_NS),
        ("-15m", NOW_UNIX_NS - 900_000_000_000),
        ("-250ms", NOW_UNIX_NS - 250_000_000),
        ("-2h", NOW_UNIX_NS - 7_200_000_000_000),
        ("-99999w", 0),
        ("0", 0),
        ("1763718432123456789", NOW_UNIX_NS),
        ("2025-11-21T09:47:12.123456789Z", NOW_UNIX_NS),
        ("2025-11-21t10:47:12.123456789+01:00", NOW_UNIX_NS),
        ("2025-11-21 10:47:12.123456789 01:00", NOW_UNIX_NS),  # '+' lost in a URL
        ("2025-11-21T09:47", 1_763_718_420_000_000_000),
        ("2025-11-21", 1_763_683_200_000_000_000),
    ],
)
def test_every_way_of_writing_an_instant(text: str, expected: int) -> None:
    """Relative, bare number and RFC 3339 name the same instants."""
    assert expected == parse_instant(text, NOW_UNIX_NS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "15m",
        "-15",
        "1763718432",
        "1763718432123",
        "99999999999999999999",
        "2025-13-01",
        "2025-11-21T25:00:00Z",
        "1969-12-31T23:59:59Z",
        "2300-01-01",
        "２０２５-11-21",
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    """Seconds and milliseconds too: guessing the unit would silently answer another question."""
    with pytest.raises(BadQuestion, match="since"):
        parse_instant(text, NOW_UNIX_NS, "since")
