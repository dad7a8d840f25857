"""Where recorded data that is not part of the repository lies, and how tests do without it."""

import os
from pathlib import Path

import pytest

__all__ = ["shared_data"]

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared_data(name: str) -> Path:
    """Return the folder of a recorded data set; skips the test, saying so, if it is absent."""
    root = Path(os.environ.get("TRACEPULSE_DATA") or _BESIDE_CHECKOUT)
    folder = root / name
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}; set TRACEPULSE_DATA to the folder that has it")
    return folder
