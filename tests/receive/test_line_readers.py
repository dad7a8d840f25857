"""A request that is sent twice is read alike, whatever was learnt of its sender meanwhile."""

import json
import random
from itertools import pairwise

import pytest

from tracepulse.receive.line_readers import LEARNT_LINES, Lent, LineReaders
from tracepulse.receive.splunk_events import read_events

NOW_NS = 1_770_000_000 * 10**9
S = 10**9
LAYOUTS = (
    "2026-02-02 02:40:{n:02d},123 INFO  [till] order {n} paid",
    "[02/Feb/2026:02:40:{n:02d} +0000] WARN order {n} waits",
    "{n:02d}|2026.02.02 02:40:{n:02d}|ERROR|order {n} lost",
    "level=info ts=2026-02-02T02:40:{n:02d}Z msg=paid order={n}",
)


def _request(number: int, lines: int = 5) -> list[str]:
    """Return lines of a sender whose layout changes while it is learnt."""
    chosen = random.Random(number)
    return [chosen.choice(LAYOUTS).format(n=(number * lines + n) % 60) for n in range(lines)]


def _read(readers: LineReaders, lines: list[str], at_ns: int = NOW_NS) -> bytes:
    body = "".join(json.dumps({"event": line, "source": "till"}) for line in lines)
    return read_events(body.encode(), {}, readers, at_ns).body


@pytest.mark.parametrize("later", [1, 3, 60])
def test_a_request_that_is_sent_again_is_read_alike(later: int) -> None:
    """However many others came in between, and whether all was learnt by then."""
    readers = LineReaders()
    requests = [_request(number) for number in range(later + 1)]
    first = [_read(readers, lines) for lines in requests]
    assert first == [_read(readers, lines, NOW_NS + 60 * S) for lines in requests]


@pytest.mark.parametrize("before", [0, 1, 3, 60])
def test_requests_that_are_read_at_the_same_time_are_read_alike(before: int) -> None:
    """A repetition beside its original, whose reader is not given back yet, and one of another's lines."""
    readers = LineReaders()
    for number in range(before):
        _read(readers, _request(number))
    lines = _request(before)

    def lend(text: list[str]) -> Lent:
        return readers.lend("splunk/till", text, NOW_NS)

    lent = [lend(lines), lend(_request(before + 1)), lend(lines), lend(lines)]

    assert len({id(each.reader) for each in lent}) == 4
    for one, other in pairwise((lent[0], lent[2], lent[3])):
        assert one.taught == other.taught
        assert [one.reader.read(line) for line in lines] == [
            other.reader.read(line) for line in lines
        ]


def test_what_is_remembered_of_requests_is_bounded() -> None:
    """In number, in time and to the first lines of a sender."""
    readers = LineReaders()
    for number in range(2 * LEARNT_LINES):
        readers.take_back(readers.lend("till", [f"line {number}"], NOW_NS + number * S))
    assert 0 < len(readers._remembered) <= LEARNT_LINES
    readers.take_back(readers.lend("till", ["line"], NOW_NS + 3600 * S))
    assert not readers._remembered
    for number in range(1100):
        readers.take_back(readers.lend(f"till {number}", ["line"], NOW_NS))
    assert 1024 == len(readers._remembered)


def test_more_senders_than_are_recent_keep_what_was_learnt() -> None:
    """A layout is not learnt anew because many others wrote meanwhile."""
    readers = LineReaders(recent=3)
    lines = [LAYOUTS[0].format(n=n % 60) + f" {n}" for n in range(LEARNT_LINES)]
    first = []
    for number in range(7):
        lent = readers.lend(f"service-{number}", lines, NOW_NS)
        readers.take_back(lent)
        first.append(lent)
    for number, before in enumerate(first):
        lent = readers.lend(f"service-{number}", lines[:5], NOW_NS + S)
        assert before is lent
        assert lent.reader.read(lines[7]).time_unix_ns == 1_770_000_007_123_000_000
        readers.take_back(lent)
