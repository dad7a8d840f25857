"""The window of an incident is read outward from its onset, and what was left out is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.receive.elastic_stand_in import elastic_stand_in
from tests.receive.loki_stand_in import loki_stand_in
from tests.receive.pulled_hand import DAY, NOW, S, connected
from tests.receive.splunk_stand_in import splunk_stand_in

from tracepulse.instants import rfc3339
from tracepulse.receive.pull.configured import Connector, Kind
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.stretches import joined, outward

EVERY_NS = 600 * S
WINDOW = Stretch(NOW - 10 * DAY, NOW - 9 * DAY)
BUDGET: dict[Kind, int] = {
    "loki": 40_000, "elasticsearch": 40_000, "opensearch": 40_000, "splunk": 200_000
}  # fmt: skip
"""An export is read only where there is room for what a socket brings at once, 64 KiB."""


@contextmanager
def _month(kind: Kind) -> Iterator[tuple[Connector, Callable[[], int]]]:
    """Serve a source of a line every ten minutes; yields its connector and what it has sent."""
    times = range(NOW - 29 * DAY, NOW, EVERY_NS)
    text = "drawer jammed " + "x" * (BUDGET[kind] // 130)
    match kind:
        case "loki":
            with loki_stand_in() as loki:
                for at in times:
                    loki.push({"app": "shop"}, at, text)
                yield (
                    Connector("shop", kind, loki.url, '{app="shop"}', follow=False),
                    lambda: loki.sent_bytes,
                )
        case "splunk":
            with splunk_stand_in() as splunk:
                for at in times:
                    splunk.put(at // 10**6, text)
                yield (
                    Connector("shop", kind, splunk.url, "index=main", follow=False),
                    lambda: splunk.sent_bytes,
                )
        case _:
            with elastic_stand_in(kind == "opensearch") as elastic:
                for at in times:
                    elastic.put({"@timestamp": rfc3339(at), "message": text})
                yield Connector("shop", kind, elastic.url, follow=False), lambda: elastic.sent_bytes


@pytest.mark.parametrize(
    ("kind", "part"),
    [("loki", 0.0), ("loki", 0.999), ("elasticsearch", 0.3), ("opensearch", 0.3), ("splunk", 0.3)],
)
def test_a_day_of_a_month_is_read_outward_from_the_onset(
    tmp_path: Path, kind: Kind, part: float
) -> None:
    """No more is read than the budget, what was read lies around the onset, the rest is told."""
    budget = BUDGET[kind]
    onset = WINDOW.start_unix_ns + int(part * DAY)
    with _month(kind) as (connector, sent_bytes), connected(connector, tmp_path) as hand:
        fetched = hand.fetch(*WINDOW, max_bytes=budget, around=onset)
        sent = sent_bytes()
        taken = sorted(hand.journal.times())
        onward = hand.fetch(*WINDOW, max_bytes=10**8, around=onset)
        everything = sorted(hand.journal.times())

    assert fetched.bytes_read <= budget
    # What is beside the budget: how much lies in each of the stretches that were left out.
    assert kind == "splunk" or sent <= budget + 1_500
    assert [f"the budget of {budget:,} bytes is used up"] == sorted(
        {o.why for o in fetched.left_out}
    )
    left = [each.stretch for each in fetched.left_out]
    read = [at for at in range(*WINDOW, EVERY_NS) if not any(s <= at < e for s, e in left)]
    assert set(read) <= set(taken)  # some of the rest may have come with what was given up
    assert 10 < len(read) < 120
    reach = max(onset - read[0], read[-1] - onset)
    nearer = [at for at in range(*WINDOW, EVERY_NS) if abs(at - onset) < reach / 4]
    assert set(nearer) <= set(read)
    assert [] == list(onward.left_out)
    assert list(range(*WINDOW, EVERY_NS)) == everything


@pytest.mark.parametrize("around", [-5 * S, 0, 1, 3_000 * S, 10_000 * S, 10_001 * S])
def test_the_parts_of_a_window_tile_it(around: int) -> None:
    """Each part touches those before it, none overlaps another, and together they are the window."""
    window = Stretch(0, 10_000 * S)
    parts = list(outward(window, around))
    assert [window] == joined(parts)
    assert window.end_unix_ns == sum(each.end_unix_ns - each.start_unix_ns for each in parts)
    assert all(len(joined(parts[:n])) == 1 for n in range(1, len(parts)))
