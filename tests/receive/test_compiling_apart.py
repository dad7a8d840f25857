"""The process that compiles the loops of lines, beside a server that goes on."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tracepulse.receive import line_warm_up


def test_stopping_does_not_wait_for_the_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What compiles for a minute is ended when the server stops, and nothing of it is left."""
    told = tmp_path / "pid"
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\necho $$ > {told}.new && mv {told}.new {told}\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(line_warm_up, "_is_compiled", lambda: False)
    monkeypatch.setattr(line_warm_up, "_forget", lambda: None)

    async def serve() -> None:
        compiling = asyncio.create_task(line_warm_up.compile_apart())
        while not told.exists():
            await asyncio.sleep(0.01)
        compiling.cancel()
        await asyncio.wait([compiling])

    asyncio.run(serve())

    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
