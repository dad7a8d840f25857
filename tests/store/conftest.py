"""Both ways to the engine: in this process, and over HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.clickhouse import ClickHouseEngine
from tracepulse.store.engine import Engine
from tracepulse.store.migrate import migrate

FRONT = Path(__file__).with_name("http_front.py")


@pytest.fixture(scope="session")
def front_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a stand-in for a ClickHouse server; user `us`, password `se:cr@t`."""
    folder = tmp_path_factory.mktemp("front")
    # Started anew and not forked, for the engine of this process may be open.
    with subprocess.Popen(
        [sys.executable, str(FRONT), str(folder / "engine"), "us", "se:cr@t"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        assert line, "the front did not start"
        yield int(line)
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope="session")
def server_engine(front_port: int) -> Iterator[ClickHouseEngine]:
    """The client of a ClickHouse server, with its tables."""
    opened = ClickHouseEngine(f"http://us:se%3Acr%40t@127.0.0.1:{front_port}/default")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture(params=["embedded", "server"])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the two engines in turn."""
    name = "engine" if request.param == "embedded" else "server_engine"
    found: ChdbEngine | ClickHouseEngine = request.getfixturevalue(name)
    return found
