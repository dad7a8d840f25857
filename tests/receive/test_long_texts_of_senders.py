"""Texts of senders that are meant to be searched over and over are read in one go."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import pytest

from tracepulse.errors import LimitExceeded
from tracepulse.receive.json_sequence import read_json_sequence
from tracepulse.receive.log_entries import LineReader
from tracepulse.receive.log_fields import logfmt_fields
from tracepulse.receive.log_sources import service_of_path
from tracepulse.receive.loki_labels import parsed_labels


def _labels(text: str) -> int:
    return len(list(parsed_labels("{" + text + "}")))


def _events(text: str) -> int:
    found = 0
    with suppress(LimitExceeded):  # of more events than are taken, as many as are read
        for _ in read_json_sequence(text.encode()):
            found += 1
    return found


@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (_labels, 'a="b",'),
        (_events, "1 "),
        (_events, '{"a":"}{'),
        (logfmt_fields, 'a="\\" '),
        (logfmt_fields, 'a="x"y '),
        (lambda text: logfmt_fields(text + "\\"), 'a="\\" '),
        (lambda text: logfmt_fields("a=1 " + text), 'a="\\\n" '),
        (lambda text: service_of_path(PurePath(text)), ".log"),
        (lambda text: service_of_path(PurePath(text)), "-2024-05-01"),
    ],
)
def test_a_text_ten_times_as_long_takes_no_hundred_times_as_long(
    read: Callable[[str], Any], piece: str
) -> None:
    """What is repeated 200,000 times would take minutes if each were searched to the end."""
    began_s = time.process_time()
    read(piece * 200_000)
    assert time.process_time() - began_s < 20


@pytest.mark.parametrize(
    "layout",
    [
        "a b c d e f g h 2026-02-02T02:40:0{}Z INFO x y z done {}",
        "2026-02-02T02:40:0{}Z a b c d e f g INFO x y z done {}",
        "a b c INFO d e f 2026-02-02T02:40:0{}Z x y z done {}",
    ],
)
def test_a_line_that_can_be_divided_in_many_ways(layout: str) -> None:
    """Words are skipped in one way only, where a layout has its time or level behind some."""
    reader = LineReader(1_770_000_000 * 10**9)
    assert 1.0 == reader.learn([layout.format(second, second) for second in range(9)])
    for start in ("", "2026-02-02T02:40:01Z ", "a b "):
        for piece in ("[]", "[a]", "[a] ", "| |", "a|[]"):
            line = start + piece * 200
            assert line.endswith(reader.read(line).body)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('level=info msg="a \\"b\\"" n=', {"level": "info", "msg": 'a "b"', "n": ""}),
        ('level=info msg="a\\\\"', {"level": "info", "msg": "a\\"}),
        ('level=info n=1 msg="a', None),
        ('level=info n=1 msg="a\\"', None),
        ('level=info n=1 msg="', None),
    ],
)
def test_a_text_in_quotes_has_an_end(line: str, fields: dict[str, str] | None) -> None:
    """A line whose last text does not end is none of pairs."""
    assert fields == logfmt_fields(line)
