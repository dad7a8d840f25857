"""The end of the embedded engine: whoever still asks is told, so that the process can end."""

import os
import subprocess
import sys
from pathlib import Path

ASK_AFTER_THE_END = """
import sys, threading
from pathlib import Path
from tracepulse.errors import EngineError
from tracepulse.store.chdb import ChdbEngine

engine = ChdbEngine(Path(sys.argv[1]))

def ask():
    try:
        engine.query("SELECT 1 AS one")
    except EngineError as error:
        print(error, flush=True)

engine.close()
asking = threading.Thread(target=ask)
asking.start()
asking.join()
"""


def test_a_question_after_the_end_is_refused(tmp_path: Path) -> None:
    """One that waited for a reader for ever kept a stopped server's process alive."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_AFTER_THE_END, str(tmp_path / "engine")],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert "the storage engine is closed\n" == done.stdout
