"""The SDK for Node as it is built: what it sends to the server is found again."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.running_server import RunningServer

PACKAGE = Path(__file__).resolve().parents[2] / "sdk" / "js"


def _needs(is_there: bool, what: str) -> None:
    if not is_there:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


def _run(program: str, endpoint: str) -> str:
    _needs(shutil.which("node") is not None, "Node.js is not installed")
    _needs((PACKAGE / "dist").is_dir(), "sdk/js is not built; `make setup`")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    settings = {
        "DEBUGQUEUE_ENDPOINT": endpoint,
        "OTEL_SERVICE_NAME": "node-shop",
        "GIT_COMMIT": "c0ffee",
    }
    done = subprocess.run(
        ["node", program],
        cwd=PACKAGE / "test" / "programs",
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_events_of_a_node_program_are_found_with_trace_place_and_commit(
    server: RunningServer,
) -> None:
    """Tag, details, exception, trace, place in the code and commit arrive; a secret does not."""
    printed = _run("shop.cjs", server.otlp_http_url)

    found = server.logs(3, service="node-shop")
    records: dict[str, Any] = {record["body"]: record for record in found}
    drop, error, asked = records["SESSION_DROP"], records["TypeError"], records["IN_REQUEST"]
    assert drop["attributes"]["details"] == "timeout"
    assert drop["attributes"]["user.plan"] == "free"
    assert json.loads(drop["attributes"]["list"]) == [1, "two"]
    assert drop["attributes"]["password"] == "[redacted:secret]"
    assert drop["attributes"]["code.file.path"].endswith("test/programs/shop.cjs")
    assert drop["resource"]["vcs.ref.head.revision"] == "c0ffee"
    assert error["attributes"]["exception.message"] == "no cart: naïve ✓"
    assert "shop.cjs" in error["attributes"]["exception.stacktrace"]
    told = re.search(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", printed)
    assert told is not None
    assert (asked["trace_id"], asked["span_id"]) == told.groups()
