"""The command line against a served API: what people and programs see, and exit statuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from tests.deliver.served import served
from tests.deliver.watched import FakeOperation, S, incident, keep, services, shop_telemetry

from tracepulse.cli import main
from tracepulse.config import Settings
from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.services import Check
from tracepulse.receive.access import ApiKey, Scope, key_hash
from tracepulse.store.chdb import ChdbEngine

ROOT = Path(__file__).resolve().parents[2]
DATA_SET = "cli-tests"
FAILED, FAST = "3a" * 16, "3b" * 16
HOSTILE = "session \x1b[31mred [bold]expired\u202e\nsecond line"


@pytest.fixture(scope="module")
def url(engine: ChdbEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an API over the shop's telemetry, with an incident and a failing check."""
    folder = tmp_path_factory.mktemp("cli")
    keep(engine, folder, shop_telemetry(1_852_000_000 * S, HOSTILE, ("3a", "3b")), DATA_SET)
    checks = (Check("disk", True, "room enough"), Check("loading", False, "the engine refused"))
    given = services(engine, folder, operation=FakeOperation(checks=checks))
    given.state.put_incident(incident(), 1)
    with served(api_app(given)) as address:
        yield address
    given.state.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    """Runs a command in this process."""
    monkeypatch.delenv("TRACEPULSE_API_KEY", raising=False)
    return Run(monkeypatch, capsys)


class Run:
    """One command: its exit status, what it printed, and what it complained of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, url: str = "") -> tuple[int, str, str]:
        """Run `tracepulse` with these arguments."""
        self._monkeypatch.setattr(sys, "argv", ["tracepulse", *arguments])
        if url:
            self._monkeypatch.setenv("TRACEPULSE_URL", url)
        with pytest.raises(SystemExit) as ended:
            main()
        output, complaints = self._capsys.readouterr()
        return int(ended.value.code or 0), output, complaints


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("traces", "--data-set", DATA_SET), (FAILED, FAST, "100 ms", "checkout: POST /checkout")),
        (("traces", "--data-set", DATA_SET, "--service", "catalogue"), (FAST, "5.00 ms")),
        (("traces", "--data-set", DATA_SET, "--status", "ok"), ("No such traces", "--since -24h")),
        (("traces", FAILED), ("checkout POST /checkout", "    session GET /sessions/{id}", "█")),
        (("path", FAILED), ("+30.0 ms", "40.0 %", "session: GET /sessions/{id}", "Confidence")),
        (("logs", "--data-set", DATA_SET), ("ERROR", "session opened", f"trace {FAILED}")),
        (("patterns", "--data-set", DATA_SET), ("lines", "session opened", "lines in all")),
        (("metrics", "--data-set", DATA_SET), ("session.count", "gauge")),
        (("metrics", "session.count", "--data-set", DATA_SET), ("█", "10", "8")),
        (("flows", "--data-set", DATA_SET), ("(outside)", "checkout", "100.0 %")),
        (("incidents",), ("inc_7f3a90b1c2d4", "open", "checkout POST /checkout fails")),
        (("incidents", "inc_7f3a90b1c2d4"), ("91.0 %", "31 of 100", "tracepulse context inc_")),
        (("incidents", "--state", "resolved"), ("There are no incidents.",)),
        (("context", "inc_1"), ("# Incident inc_1 within None\n",)),
    ],
)
def test_people_read_tables(
    run: Run, url: str, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Each command shows ids, formatted units, and what to try when nothing is found."""
    status, output, complaints = run(*arguments, url=url)
    assert (0, "") == (status, complaints)
    for part in parts:
        assert part in output


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("traces", "--data-set", DATA_SET), "traces"),
        (("traces", FAILED), "spans"),
        (("path", FAILED), "sections"),
        (("logs", "--data-set", DATA_SET), "records"),
        (("patterns", "--data-set", DATA_SET), "patterns"),
        (("metrics", "--data-set", DATA_SET), "metrics"),
        (("metrics", "session.count", "--data-set", DATA_SET), "series"),
        (("flows", "--data-set", DATA_SET), "edges"),
        (("incidents",), "incidents"),
        (("incidents", "inc_7f3a90b1c2d4"), "hypotheses"),
        (("context", "inc_1", "--max-tokens", "900"), "max_tokens"),
    ],
)
def test_programs_read_json(run: Run, url: str, arguments: tuple[str, ...], key: str) -> None:
    """--json prints the API's answer, and nothing else."""
    status, output, complaints = run(*arguments, "--json", url=url)
    assert (0, "") == (status, complaints)
    assert json.loads(output)[key]


def test_escape_sequences_do_not_reach_the_terminal(run: Run, url: str) -> None:
    """What a log line holds is shown, on one line, and changes nothing."""
    _, output, _ = run("logs", "--data-set", DATA_SET, "--severity", "error", url=url)
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "[31mred [bold]expired" in output
    assert 1 == output.count("\n")


def test_the_doctor_fails_when_a_check_does(run: Run, url: str) -> None:
    """A script can act on the exit status; the table says which check and why."""
    status, output, _ = run("doctor", url=url)
    assert 1 == status
    assert "FAILS" in output
    assert "the engine refused" in output
    assert json.loads(run("doctor", "--json", url=url)[1])["checks"][1]["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("traces", "zz"), "trace id 'zz': use 32 hex digits"),
        (("path", "0c" * 16), "no spans of trace"),
        (("logs", "--since", "yesterday"), "since 'yesterday'"),
        (("incidents", "inc_none"), "there is no incident"),
        (("incidents", "../doctor"), "nothing at"),
        (("context", "inc_gone"), "there is no incident inc_gone"),
    ],
)
def test_a_refused_question_is_one_line(
    run: Run, url: str, arguments: tuple[str, ...], part: str
) -> None:
    """The server's own words, on standard error, exit status 2."""
    status, output, complaints = run(*arguments, url=url)
    assert (2, "", 1) == (status, output, complaints.count("\n"))
    assert complaints.startswith("tracepulse: ")
    assert part in complaints


@pytest.mark.parametrize(
    "arguments", [("traces",), ("path", FAILED), ("context", "inc_1"), ("doctor", "--json")]
)
def test_without_a_server_one_line_says_how_to_start_one(
    run: Run, arguments: tuple[str, ...]
) -> None:
    """Nobody listens on port 9."""
    status, output, complaints = run(*arguments, url="http://127.0.0.1:9")
    assert (2, "", 1) == (status, output, complaints.count("\n"))
    assert "tracepulse serve" in complaints


def test_something_else_at_the_address_is_named(run: Run) -> None:
    """An address that is not one, and a server that is not ours."""

    async def other(_scope: object, _receive: object, send: object) -> None:
        await send(  # type: ignore[operator]
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/html")],
            }
        )
        await send({"type": "http.response.body", "body": b"<html>"})  # type: ignore[operator]

    with served(other) as address:
        status, _, complaints = run("traces", url=address)
    assert 2 == status
    assert "not as a TracePulse server" in complaints
    assert "write it as http" in run("traces", "--url", "localhost:8600")[2]


def test_the_key_is_read_from_the_environment(
    run: Run, engine: ChdbEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key the message names the variable; with it, the answer comes."""
    key = ApiKey("key_1", "me", Scope.READ, key_hash("secret"))
    given = services(engine, tmp_path, keys=(key,))
    with served(api_app(given)) as address:
        status, _, complaints = run("incidents", url=address)
        assert 2 == status
        assert "TRACEPULSE_API_KEY" in complaints
        monkeypatch.setenv("TRACEPULSE_API_KEY", "secret")
        assert 0 == run("incidents", url=address)[0]
    given.state.close()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("serve", "--port", "many"), "--port: 'many' is not a whole number"),
        (("serve", "--port", "70000"), "70000 is not a port"),
        (("serve", "--config", "missing.toml"), "missing.toml"),
        (("serve", "--retention-days", "0"), "at least 1 day"),
        (("import", "missing", "--data-set", "a"), "missing: no such file or folder"),
        (("import", ".", "--data-set", "a", "--zone", "Mars/Base"), "no such time zone"),
        (("import", ".", "--data-set", "a", "--otlp-url", "here"), "--otlp-url 'here'"),
        (("keys", "create", "--scope", "all", "--name", "x"), "--scope 'all'"),
        (("keys", "create", "--scope", "read", "--name", " "), "--name"),
        (("keys", "list", "--data-dir", "missing"), "no data folder"),
    ],
)
def test_a_wrong_setting_is_one_line(
    run: Run,
    arguments: tuple[str, ...],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What, where and what to do; exit status 2; nothing is left on disk."""
    monkeypatch.chdir(tmp_path)
    status, output, complaints = run(*arguments)
    assert (2, "", 1) == (status, output, complaints.count("\n"))
    assert part in complaints
    assert [] == list(tmp_path.iterdir())


def test_serve_has_a_flag_for_every_setting(run: Run) -> None:
    """Flags are generated from the settings, with their help."""
    _, output, _ = run("serve", "--help")
    assert all(f"--{each.name.replace('_', '-')}" in output for each in fields(Settings))


def test_help_is_quick_to_load() -> None:
    """The command line starts without the engine, the compiler or the web frameworks."""
    heavy = "chdb numba numpy pyarrow fastapi mcp sqlalchemy httpx grpc"
    script = (
        "import sys, tracepulse.cli\n"
        f"print(*(name for name in {heavy.split()!r} if name in sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "" == done.stdout.strip()


def test_a_reader_that_has_enough_is_no_error(url: str) -> None:
    """`tracepulse … | head` ends without a traceback."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "TRACEPULSE_URL": url}
    script = "import sys; from tracepulse.cli import main; sys.argv = sys.argv[1:]; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "tracepulse", "traces", FAILED, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_keys_are_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    """The key is printed once; only its hash is kept; a revoked key is gone."""
    folder = ("--data-dir", str(tmp_path / "data"))
    status, secret, hint = run("keys", "create", "--scope", "read", "--name", "grafana", *folder)
    assert 0 == status
    assert 40 < len(secret.strip())
    (listed,) = json.loads(run("keys", "list", "--json", *folder)[1])
    assert ("grafana", "read", True) == (
        listed["name"],
        listed["scope"],
        listed["key_id"] in hint,
    )
    kept = (tmp_path / "data" / "state.db").read_bytes()
    assert secret.strip().encode() not in kept
    assert "grafana" in run("keys", "list", *folder)[1]
    assert 0 == run("keys", "revoke", listed["key_id"], *folder)[0]
    assert "no API keys" in run("keys", "list", *folder)[1]
    status, _, complaints = run("keys", "revoke", listed["key_id"], *folder)
    assert 2 == status
    assert "is in force" in complaints
