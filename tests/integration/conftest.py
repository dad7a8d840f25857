"""A running server, and the programs that were got for these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peer_programs import peer
from tests.running_server import RunningServer, running_server


@pytest.fixture(scope="module")
def collector() -> Path:
    """Where the Collector's program is; its tests are skipped until it has been built."""
    return peer("otelcol-peer", "collector")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with an empty data folder; it must end well when the tests are through."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running
