"""A server with connectors, through its command line, API, doctor and metrics."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
from tests.receive.loki_stand_in import loki_stand_in
from tests.running_server import ROOT, forked_server, wait_until

S = 1_000_000_000


def _tracepulse(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
    command = [sys.executable, "-m", "tracepulse.cli", "connect", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_source_is_proved_followed_and_fetched(tmp_path: Path) -> None:
    """One connector follows, another fetches a window; both are told of everywhere."""
    now = time.time_ns()
    with loki_stand_in() as loki:
        loki.token = "let-me-in"
        for number in range(20):
            loki.push({"app": "shop"}, now - (20 - number) * S, f"level=info msg=fresh n={number}")
            loki.push(
                {"app": "till"}, now - 86_400 * S + number * S, f"level=error msg=old n={number}"
            )
        config = tmp_path / "connectors.toml"
        config.write_text(
            f"""
            [connector.shop]
            kind = "loki"
            url = "{loki.url}"
            query = '{{app="shop"}}'
            token = {{ env = "SHOP_LOKI_TOKEN" }}
            every = "1s"
            back = "10m"

            [connector.till]
            kind = "loki"
            url = "{loki.url}"
            query = '{{app="till"}}'
            follow = false
            token = {{ env = "SHOP_LOKI_TOKEN" }}
            """
        )
        secrets = {"SHOP_LOKI_TOKEN": "let-me-in", "TRACEPULSE_CONNECTORS_FILE": str(config)}
        wrong = _tracepulse("test", "shop", **(secrets | {"SHOP_LOKI_TOKEN": "wrong"}))
        assert (2, True) == (wrong.returncode, "answers 401" in wrong.stderr)
        proved = _tracepulse("test", "shop", "--json", **secrets)
        assert (20, ["shop"]) == tuple(
            json.loads(proved.stdout)[k] for k in ("records", "services")
        )

        with forked_server(tmp_path, secrets) as server:
            assert 20 == len(server.logs(20, service="shop", limit=100))
            url = ("--url", str(server.client.base_url))
            window = ("--from", str(now - 90_000 * S), "--to", str(now - 80_000 * S))
            first = _tracepulse("fetch", "till", *window, *url, "--json")
            again = _tracepulse("fetch", "till", *window, *url, "--json")
            told = [json.loads(each.stdout) for each in (first, again)]
            assert [(20, True, 0), (0, True, 0)] == [
                (answer["records"], answer["complete"], each.returncode)
                for answer, each in zip(told, (first, again), strict=True)
            ]
            assert 20 == len(server.logs(20, service="till", since="-2d", limit=100))
            checks = {each["name"]: each for each in server.get("/api/doctor")["checks"]}
            assert checks["connector shop"]["ok"]
            assert "20 records so far" in checks["connector till"]["detail"]
            metrics = httpx.get(f"{server.client.base_url}/metrics").text
            assert (
                'tracepulse_connector_records_total{connector="till",kind="loki"} 20.0' in metrics
            )
            loki.token = "changed"
            failing = wait_until(
                lambda: next(
                    each
                    for each in server.get("/api/doctor")["checks"]
                    if each["name"] == "connector shop"
                ),
                lambda check: not check["ok"],
                "a failing connector",
            )  # fmt: skip
            assert "answers 401" in failing["detail"]
            assert "let-me-in" not in server.log_path.read_text() + json.dumps(failing)
