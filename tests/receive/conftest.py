"""What the tests of receivers have in common: lines are read by the compiled loops, as in a server."""

import pytest
from tests.fenced_loops import fenced

from tracepulse.receive.line_warm_up import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled_loops() -> None:
    with fenced():
        warm_up()
