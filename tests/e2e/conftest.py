"""One server for all end-to-end tests of a file."""

from collections.abc import Iterator

import pytest
from tests.running_server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with an empty data folder; it must end well when the tests are through."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running
