"""A server to be measured: what is done only once per installation is done before it starts."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.running_server import ROOT, RunningServer, running_server, wait_until

__all__ = ["measured_server", "wait_stored"]

_COMPILE = """
import importlib
for module in ("receive.wire", "receive.line_warm_up", "store.warm_up", "derive.warm_up"):
    importlib.import_module(f"tracepulse.{module}").warm_up()
"""


@contextmanager
def measured_server(
    folder: Path, environment: Mapping[str, str] | None = None, module: str = "tracepulse.cli"
) -> Iterator[RunningServer]:
    """
    Start a server with its data in `folder`, and stop it in the end; see `running_server`.

    Kernels are compiled first, as `make setup` does: else the compiler's time would be counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", _COMPILE], env=variables, check=True)
    with running_server(folder, environment, module=module) as server:
        yield server


def wait_stored(server: RunningServer, within_s: float = 300.0) -> None:
    """Return once the server says that nothing is queued."""
    wait_until(
        lambda: server.get("/api/doctor")["accounting"],
        lambda accounting: accounting["queued"] == 0,
        "all that was sent is stored",
        within_s,
    )
