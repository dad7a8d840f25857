"""What the operator can mend: one line, exit status 2, nothing changed on disk."""

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from tests.faults.server_process import ENVIRONMENT, serve_command, start
from tests.faults.spawner import spawn

from tracepulse.data_folder import DataFolder
from tracepulse.errors import Unavailable
from tracepulse.ports import bind
from tracepulse.store.chdb import ChdbEngine


def _refused(folder: Path, *flags: str, **environment: str) -> str:
    """Start a server that cannot start; return the one line that it says."""
    return _one_line(serve_command(folder, [0, 0, 0], *flags), environment)


def _one_line(arguments: list[str], environment: dict[str, str]) -> str:
    with NamedTemporaryFile() as log:
        process = spawn(arguments, None, Path(log.name), environment)
        try:
            status = process.wait(60)
        finally:
            process.kill()
        lines = log.read().decode().splitlines()
    assert (2, 1) == (status, len(lines)), lines
    return lines[0]


def _tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    "name",
    [
        "otlp-grpc-port",
        pytest.param("port", marks=pytest.mark.slow),
        pytest.param("otlp-http-port", marks=pytest.mark.slow),
    ],
)
def test_a_port_in_use(tmp_path: Path, name: str) -> None:
    """The line names the port, what it is for, and the flag."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = _refused(tmp_path / "data", f"--{name}", str(port))
    assert f"127.0.0.1:{port} is in use by another program" in line
    assert f"--{name}" in line
    assert {} == _tree(tmp_path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--port", "http"), "--port: 'http' is not a whole number"),
        (("--port", "99999"), "99999 is not a port"),
        (("--port", "8600", "--otlp-http-port", "8600"), "must differ"),
        (("--retention-days", "0"), "at least 1 day"),
        (("--colour", "red"), "--colour"),
        (("--storage-url", "ftp://x"), "storage address"),
        (("--storage-url", "http://127.0.0.1:1/x"), "cannot be reached"),
        (("--state-url", "nonsense"), "state database"),
        (("--config", "/nowhere/settings.toml"), "/nowhere/settings.toml"),
    ],
)
def test_a_wrong_flag(tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    """The line names the flag and what is wrong with it."""
    assert words in _refused(tmp_path / "data", *flags)
    assert {} == _tree(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("port = 'x'", "'x' is not a whole number"),
        ("port = true", "not a whole number"),
        ("port = 80.5", "not a whole number"),
        ("prot = 1", "there is no setting 'prot'"),
        ("allowed_origins = 5", "allowed_origins"),
        ("host = 5", "host"),
        ("= 1", "settings.toml"),
    ],
)
def test_a_wrong_settings_file(tmp_path: Path, content: str, words: str) -> None:
    """The line names the file and the entry."""
    file = tmp_path / "settings.toml"
    file.write_text(content)
    # The flags for ports would win over the file, so the command is made by hand.
    line = _one_line(["serve", "--config", str(file)], {})
    assert words in line
    assert "settings.toml" in line
    assert [file] == list(tmp_path.iterdir())


def test_a_refusal_goes_to_standard_error(tmp_path: Path) -> None:
    """As a shell sees it: one line on standard error, and nothing on the other output."""
    ran = subprocess.run(
        [sys.executable, "-m", "tracepulse.cli", "serve", "--port", "http"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    assert (2, 1, "") == (ran.returncode, ran.stderr.count("\n"), ran.stdout)
    assert "--port: 'http' is not a whole number" in ran.stderr
    assert {} == _tree(tmp_path)


def test_a_wrong_variable(tmp_path: Path) -> None:
    """The line names the variable."""
    line = _refused(tmp_path / "data", TRACEPULSE_RETENTION_DAYS="ten")
    assert "TRACEPULSE_RETENTION_DAYS: 'ten' is not a whole number" in line
    assert {} == _tree(tmp_path)


def test_a_network_without_keys(tmp_path: Path) -> None:
    """Anything but loopback needs a key first; the line says how to make one."""
    line = _refused(tmp_path / "data", "--host", "0.0.0.0")
    assert "without any API key" in line
    assert "tracepulse keys create" in line
    assert {} == _tree(tmp_path)


def test_an_address_of_another_machine() -> None:
    """The line says whether the name is unknown or the address not ours."""
    with pytest.raises(Unavailable, match="is not an address of this machine"):
        bind("192.0.2.1", 0, "OTLP over HTTP", "--otlp-http-port")
    with pytest.raises(Unavailable, match=r"no\.such\.host\.invalid is not known"):
        bind("no.such.host.invalid", 0, "OTLP over HTTP", "--otlp-http-port")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the way, and a file system that takes no folders."""
    (tmp_path / "file").write_text("mine")
    assert str(tmp_path / "file") in _refused(tmp_path / "file")
    for path in (tmp_path / "file" / "data", Path("/proc/tracepulse")):
        with pytest.raises(Unavailable, match=str(path)):
            DataFolder.open(path)
    assert {str(tmp_path / "file"): b"mine"} == _tree(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps({"format": 999}), "newer version"),
        ("not json", "does not look like a data folder"),
        ('{"format": "x"}', "format"),
        ("[]", "does not look like a data folder"),
    ],
)
def test_a_folder_of_another_format(tmp_path: Path, content: str, words: str) -> None:
    """What a newer version wrote, or somebody else, is left alone."""
    (tmp_path / "format.json").write_text(content)
    before = _tree(tmp_path)
    with pytest.raises(Unavailable, match=words) as refused:
        DataFolder.open(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert before == _tree(tmp_path)


def test_a_folder_in_use_and_a_clean_end(tmp_path: Path) -> None:
    """A second server says who holds the folder; the first ends with status 0 on SIGTERM."""
    folder = tmp_path / "it's data"
    with start(folder, fresh=True) as server:
        line = _refused(folder)
        assert f"already in use by process {server.process.pid}" in line
        server.stop()
    assert (folder / "journal" / "closed-cleanly").exists()
    text = (tmp_path / "server.log").read_text()
    for word in ("Traceback", "PyGILState", "Fatal", "ERROR"):
        assert word not in text, text


def test_a_start_that_fails_late_ends_as_plainly(tmp_path: Path) -> None:
    """A refusal once the engine is open neither crashes at exit nor leaves the folder held."""
    folder = tmp_path / "data"
    with start(folder) as server:
        server.stop()
    (folder / "state.db").write_bytes(b"this is no database" * 100)
    assert "state database" in _refused(folder)


_FORK = """
import os, sys
from pathlib import Path
from tracepulse.errors import InternalError
from tracepulse.journal.journal import Journal
from tracepulse.receive.admission import Receipt
from tracepulse.store.chdb import ChdbEngine
engine = ChdbEngine(Path(sys.argv[1]) / "engine")
journal = Journal(Path(sys.argv[1]) / "journal", "run")
if os.fork() == 0:
    for attempt in (
        lambda: engine.query("SELECT 1 AS one"),
        lambda: engine.execute("CREATE TABLE t (x UInt8) ENGINE = Memory"),
        lambda: journal.append("traces", b"", Receipt(1, "otlp_http", "loopback"), 1),
    ):
        try:
            attempt()
        except InternalError as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
print(engine.query("SELECT 1 AS one").num_rows, "row for the parent", flush=True)
journal.seal_all()
engine.close()
"""


def test_a_fork_is_refused(tmp_path: Path) -> None:
    """A child would hang for ever, or write what its parent never sees; it is told instead."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORK, str(tmp_path)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
    )
    *told, parent = ran.stdout.splitlines()
    assert 3 == len([line for line in told if "after a fork" in line]), ran.stdout + ran.stderr
    assert "1 row for the parent" == parent


def test_an_engine_that_cannot_be_opened_ends_the_server(tmp_path: Path) -> None:
    """It is opened while telemetry is taken in already; what was taken in waits for a better day."""
    folder = tmp_path / "data"
    with start(folder) as server:
        server.stop()
    engine = folder / "engine"
    engine.rename(tmp_path / "elsewhere")
    engine.write_text("in the way")
    command = serve_command(folder, [0, 0, 0])
    ran = subprocess.run(
        [sys.executable, "-m", "tracepulse.cli", *command],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )
    assert 2 == ran.returncode
    assert f"data folder {engine}: the storage engine cannot open it" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert "in the way" == engine.read_text()


def test_statements_wait_until_the_engine_is_open(tmp_path: Path) -> None:
    """And are told why where it cannot be."""
    (tmp_path / "engine").write_text("in the way")
    engine = ChdbEngine(tmp_path / "engine", opened=False)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(engine.query, "SELECT 1 AS one")
        written = pool.submit(engine.execute, "CREATE TABLE t (x UInt8) ENGINE = Memory")
        assert not answer.done()
        with pytest.raises(Unavailable, match="cannot open it"):
            engine.open()
        for each in (answer, written):
            with pytest.raises(Unavailable, match="cannot open it"):
                each.result(timeout=30)
    engine.close()
