"""Loops compiled from another source are not used."""

from collections.abc import Iterator

import pytest

from tracepulse.receive import line_warm_up
from tracepulse.receive.line_batches import is_ready, set_ready
from tracepulse.receive.loops import stamp


@pytest.fixture(autouse=True)
def _ready_again() -> Iterator[None]:
    yield
    set_ready()


def test_code_of_another_source_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stamp is another one, though Numba takes it for this source's."""
    set_ready(False)
    monkeypatch.setattr(stamp, "STAMP", stamp.STAMP + 1)
    line_warm_up.warm_up()
    assert not is_ready()
    monkeypatch.undo()
    line_warm_up.warm_up()
    assert is_ready()
