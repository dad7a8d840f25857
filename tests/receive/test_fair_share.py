"""Room shared among senders: the loud one waits, the others do not notice."""

import pytest

from tracepulse.errors import Overloaded
from tracepulse.receive.fair_share import FairShare


class Hours:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class Backlog:
    """What waits in the journal, set by hand."""

    def __init__(self) -> None:
        self.part, self.clock = 0.0, Hours()
        self.shares = FairShare(lambda: self.part, monotonic_s=self.clock)

    def fill(self, part: float) -> None:
        """Let so much wait."""
        self.part = part
        self.clock.now_s += 1

    def takes(self, sender: str, size: int = 100) -> bool:
        """Send a request; tells whether it was taken."""
        try:
            self.shares.take(sender, size)
        except Overloaded:
            return False
        return True


def test_while_there_is_room_everybody_is_served() -> None:
    """However unequal they are."""
    backlog = Backlog()
    backlog.fill(0.5)
    assert all(backlog.takes("loud", 10_000) for _ in range(100))
    assert backlog.takes("quiet")


def test_past_half_the_loud_one_waits_and_the_quiet_ones_do_not() -> None:
    """A backlog is the affair of whoever made it."""
    backlog = Backlog()
    for _ in range(50):
        backlog.takes("loud", 10_000)
        backlog.takes("quiet")
    backlog.fill(0.6)
    assert not backlog.takes("loud", 10_000)
    assert all(backlog.takes("quiet") for _ in range(50))
    assert backlog.takes("new")
    backlog.fill(0.4)
    assert backlog.takes("loud", 10_000)


def test_one_that_is_alone_may_fill_it() -> None:
    """There is nobody to keep room for."""
    backlog = Backlog()
    backlog.fill(0.9)
    assert all(backlog.takes("only", 10_000) for _ in range(100))


def test_what_was_sent_long_ago_is_forgotten() -> None:
    """A burst of a minute ago is no reason to wait now."""
    backlog = Backlog()
    backlog.takes("loud", 1_000_000)
    backlog.takes("quiet", 1000)
    backlog.fill(0.9)
    assert not backlog.takes("loud")
    backlog.clock.now_s += 61
    assert backlog.takes("quiet", 1000)
    assert backlog.takes("loud")


def test_requests_under_way_share_memory() -> None:
    """One that holds half of it leaves the rest to others, and gets its part back when it is through."""
    shares = FairShare(in_memory_bytes=1000)
    with shares.request("quiet", 10):
        with shares.request("loud", 450):
            with pytest.raises(Overloaded), shares.request("loud", 200):
                pytest.fail("it has its part")
            with shares.request("quiet", 100), shares.request("new", 100):
                pass
        with shares.request("loud", 480):
            pass


def test_no_more_than_there_is_is_held_and_a_large_one_is_taken_alone() -> None:
    """A request that is larger than all the room must be possible some time."""
    shares = FairShare(in_memory_bytes=1000)
    with shares.request("only", 900), pytest.raises(Overloaded), shares.request("only", 200):
        pytest.fail("there is no room")
    with shares.request("only", 5000):
        pass


def test_names_without_end_take_no_memory() -> None:
    """Whoever makes up a name for each request changes nothing for the rest."""
    backlog = Backlog()
    for number in range(30_000):
        backlog.takes(f"name-{number}", 1)
    backlog.fill(0.9)
    assert backlog.takes("quiet", 1)
