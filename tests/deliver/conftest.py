"""Telemetry that the tests of this folder ask about, and the API over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.deliver.watched import S, keep, services, shop_telemetry

from tracepulse.deliver.api.app import api_app
from tracepulse.store.chdb import ChdbEngine

DATA_SET = "api-tests"
START_UNIX_NS = 1_850_000_000 * S


@pytest.fixture(scope="session")
def shop(engine: ChdbEngine, tmp_path_factory: pytest.TempPathFactory) -> ChdbEngine:
    """The engine with the shop's telemetry in the data set `api-tests`."""
    keep(engine, tmp_path_factory.mktemp("shop"), shop_telemetry(START_UNIX_NS), DATA_SET)
    return engine


@pytest.fixture
def api(shop: ChdbEngine, tmp_path: Path) -> Iterator[TestClient]:
    """A client of the API, on this machine and without keys."""
    given = services(shop, tmp_path)
    with TestClient(api_app(given), raise_server_exceptions=False) as client:
        yield client
    given.state.close()
