"""What every test file may use."""

from collections.abc import Iterator

import pytest

from tracepulse.store.chdb import ChdbEngine
from tracepulse.store.migrate import migrate


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    """
    The embedded engine with its tables, one for the whole run.

    A process can open one folder only, so tests share it: each uses data sets and times of its own.
    Nothing may fork after this.
    """
    opened = ChdbEngine(tmp_path_factory.mktemp("engine") / "engine")
    migrate(opened)
    yield opened
    opened.close()
