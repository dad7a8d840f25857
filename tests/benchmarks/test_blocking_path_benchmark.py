"""The blocking-path benchmark runs and ends in the keys that are promised."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_last_line_is_json(tmp_path: Path) -> None:
    """Without recorded traces the agreement is unknown and says why; the rest is measured."""
    command = [sys.executable, "benchmarks/blocking_path.py", "--quick", "--json"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["spans"] == 150_000
    assert (
        found["spans_per_core_second"]["mean"] >= found["spans_per_core_second"]["worst_tenth"] > 0
    )
    assert found["jaeger_equal_ratio"] is None
    assert str(tmp_path) in found["jaeger_reason"]
