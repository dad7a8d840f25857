"""Warming up leaves nothing to compile for the first question."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
from numba.core import event
from tracepulse.derive.warm_up import warm_up
from tracepulse.derive.blocking_path import blocking_path
from tracepulse.testing import draw_spans, span_columns

warm_up()
compiled = []
class Listener(event.Listener):
    def on_start(self, happened):
        compiled.append(str(happened.data["dispatcher"]))
    def on_end(self, happened):
        pass
columns = span_columns(draw_spans('''
A Server gateway @h1    : =====================
  B Client              :     ==============
    C Server cart @h2   :  ========
'''))
with event.install_listener("numba:compile", Listener()):
    blocking_path(columns)
print(compiled)
"""


def test_nothing_is_left_to_compile() -> None:
    """After warming up, a path across hosts compiles no further kernel."""
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(source), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
