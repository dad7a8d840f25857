"""`tracepulse run`: real Python and Node programs, unchanged, with and without OpenTelemetry."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.otlp_sink import OtlpSink, otlp_sink
from tests.running_server import free_ports, wait_until

from tracepulse.errors import BadSetting
from tracepulse.launch.program import read_program

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "examples" / "shop" / "node" / "node_modules"
RUN = [sys.executable, "-m", "tracepulse", "run"]
LIMIT_S = 60

PYTHON = """
import logging, sqlite3, sys
logging.basicConfig(level=logging.INFO)
database = sqlite3.connect(":memory:")
with database:
    database.cursor().execute("CREATE TABLE carts (id TEXT)")
    logging.getLogger("shop").warning("cart %s is stale", 4711)
print(sys.argv[1:], sys.stdin.read())
sys.exit(3)
"""

NODE_SERVER = """
const http = require("node:http");
const server = http.createServer((_, answer) => answer.end("hello"));
server.listen(0, "127.0.0.1", async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/greeting`);
  console.log(await answer.text());
});
"""

EXPRESS = """
import express from "express";
import http from "node:http";
const app = express();
app.get("/carts/:id", (request, answer) => answer.json({ id: request.params.id }));
const server = app.listen(0, "127.0.0.1", () => {
  http.get(`http://127.0.0.1:${server.address().port}/carts/7`, (answer) => {
    answer.on("data", (part) => console.log(String(part), process.argv[2]));
    answer.on("end", () => { server.close(); process.exitCode = 4; });
  });
});
"""


REGISTER = """
const { NodeSDK } = require("@opentelemetry/sdk-node");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] });
sdk.start();
process.on("SIGTERM", () => sdk.shutdown());
process.once("beforeExit", () => sdk.shutdown());
"""
"""What the auto-instrumentation package does when it is loaded, with one instrumentation."""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    """A place for telemetry to go."""
    with otlp_sink() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a program, with a name of its own."""
    made = tmp_path / "cart-service"
    made.mkdir()
    return made


@pytest.fixture
def node_folder(folder: Path) -> Path:
    """The same, with the packages that `make setup` installs for the shop."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not NODE_MODULES.is_dir():
        pytest.skip(f"{NODE_MODULES} is not there; run `make setup`")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "package.json").write_text('{"name": "cart-page", "version": "4.5.6"}')
    return folder


def write(folder: Path, name: str, text: str) -> str:
    """Write a program and return its file's name."""
    (folder / name).write_text(textwrap.dedent(text))
    return name


def auto_package(folder: Path, needs_node: str) -> Path:
    """Make an auto-instrumentation package beside the real SDK, and return its folder."""
    if shutil.which("node") is None or not NODE_MODULES.is_dir():
        pytest.skip("Node or the shop's packages are not installed; run `make setup`")
    scope = folder / "node_modules" / "@opentelemetry"
    scope.mkdir(parents=True)
    for each in (NODE_MODULES / "@opentelemetry").iterdir():
        (scope / each.name).symlink_to(each)
    auto = scope / "auto-instrumentations-node"
    auto.mkdir()
    (auto / "package.json").write_text(
        json.dumps(
            {
                "name": "@opentelemetry/auto-instrumentations-node",
                "version": "0.81.2",
                "engines": {"node": needs_node},
                "exports": {"./register": "./register.js"},
                "dependencies": {"@opentelemetry/instrumentation-http": "*"},
            }
        )
    )
    return auto


def surroundings(**more: str) -> dict[str, str]:
    """Variables for a child: ours, without OpenTelemetry's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TRACEPULSE_"))}
    return kept | {"PYTHONPATH": str(ROOT / "src")} | more


def run(folder: Path, *words: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run `tracepulse run …` in a folder to its end."""
    return subprocess.run(
        [*RUN, *words],
        cwd=folder,
        env=surroundings(**more),
        input=said,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_a_python_program_is_itself_and_is_seen(folder: Path, sink: OtlpSink) -> None:
    """Arguments, input, output and exit status are the program's; its spans and logs arrive."""
    write(folder, "app.py", PYTHON)
    done = run(
        folder,
        *("--otlp-url", sink.url, "--", sys.executable, "app.py", "--service", "x"),
        said="from stdin",
        OTEL_RESOURCE_ATTRIBUTES="service.version=1.2.3",
    )
    assert (3, "['--service', 'x'] from stdin\n") == (done.returncode, done.stdout)
    assert f"tracepulse: service cart-service (Python {sys.version.split()[0]})" in done.stderr
    resource, span = sink.spans()[0]
    assert ("cart-service", "1.2.3") == (resource["service.name"], resource["service.version"])
    assert "CREATE" in span.name
    bodies = [record.body.string_value for _, record in sink.logs()]
    assert "cart 4711 is stale" in bodies


def test_a_node_program_is_seen_and_still_ends_when_told_to(
    node_folder: Path, sink: OtlpSink
) -> None:
    """A CommonJS server without a handler of its own dies of SIGTERM, after sending what is left."""
    write(node_folder, "index.js", NODE_SERVER)
    command = [*RUN, "--otlp-url", sink.url, "--", "node", "index.js"]
    with subprocess.Popen(
        command, cwd=node_folder, env=surroundings(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "hello\n" == process.stdout.readline()
        process.terminate()
        assert -signal.SIGTERM == process.wait(LIMIT_S)
    resource, _ = sink.spans()[0]
    assert ("cart-page", "4.5.6") == (resource["service.name"], resource["service.version"])
    server = next(span for _, span in sink.spans() if span.kind == span.SPAN_KIND_SERVER)
    client = next(span for _, span in sink.spans() if span.kind == span.SPAN_KIND_CLIENT)
    assert (client.trace_id, client.span_id) == (server.trace_id, server.parent_span_id)


@pytest.mark.slow
def test_the_auto_instrumentation_package_comes_first(folder: Path, sink: OtlpSink) -> None:
    """Where it is installed it is what starts, and a signal still ends the program."""
    auto = auto_package(folder, "^18.19.0 || >=20.6.0")
    (auto / "register.js").write_text(REGISTER)
    write(folder, "index.js", NODE_SERVER)
    command = [*RUN, "--otlp-url", sink.url, "--", "node", "index.js"]
    with subprocess.Popen(
        command, cwd=folder, env=surroundings(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "hello\n" == process.stdout.readline()
        process.terminate()
        assert -signal.SIGTERM == process.wait(LIMIT_S)
    # The client's span would be undici's, whose instrumentation this package does not bring.
    assert ["SPAN_KIND_SERVER"] == [span.SpanKind.Name(span.kind) for _, span in sink.spans()]


def test_an_opentelemetry_for_another_node_is_said_and_not_loaded(folder: Path) -> None:
    """The line names both versions; the program starts without it."""
    auto = auto_package(folder, ">=99.1.0")
    (auto / "register.js").write_text("throw new Error('loaded');")
    write(folder, "app.js", "console.log('ran')")
    done = run(folder, "--", "node", "app.js")
    assert (0, "ran\n") == (done.returncode, done.stdout)
    assert f"the OpenTelemetry of {folder} needs Node >=99.1.0, not " in done.stderr


def test_what_breaks_while_loading_leaves_the_program_alone(folder: Path) -> None:
    """A broken instrumentation is one line; the program starts without it."""
    auto = auto_package(folder, ">=18")
    (auto / "register.js").write_text("throw new Error('out of order');")
    write(folder, "app.mjs", "console.log('ran')")
    done = run(folder, "--", "node", "app.mjs")
    assert (0, "ran\n") == (done.returncode, done.stdout)
    assert "tracepulse: started without OpenTelemetry: out of order" in done.stderr


@pytest.mark.slow
def test_a_handler_of_the_program_decides_how_it_ends(node_folder: Path, sink: OtlpSink) -> None:
    """Where a Node program handles SIGTERM itself, its exit status stands."""
    write(node_folder, "main.js", NODE_SERVER + "process.on('SIGTERM', () => process.exit(7));")
    command = [*RUN, "--otlp-url", sink.url, "--", "node", "main.js"]
    with subprocess.Popen(
        command, cwd=node_folder, env=surroundings(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert 7 == process.wait(LIMIT_S)


def test_es_modules_are_seen_too(node_folder: Path, sink: OtlpSink) -> None:
    """A program of ES modules gets its routes into its spans; its exit status stands."""
    write(node_folder, "shop.mjs", EXPRESS)
    done = run(node_folder, "--otlp-url", sink.url, "node", "shop.mjs", "--flag")
    assert (4, '{"id":"7"} --flag\n') == (done.returncode, done.stdout)
    assert "GET /carts/:id" in {span.name for _, span in sink.spans()}


@pytest.mark.parametrize(
    ("language", "hangs"),
    [
        ("python", False),
        pytest.param("node", True, marks=pytest.mark.slow),
        pytest.param("python", True, marks=pytest.mark.slow),
        pytest.param("node", False, marks=pytest.mark.slow),
    ],
)
def test_a_server_that_is_away_or_hangs_changes_nothing(
    language: str, hangs: bool, node_folder: Path
) -> None:
    """Output and exit status are the same when nobody takes the telemetry."""
    if language == "python":
        command = [sys.executable, write(node_folder, "app.py", PYTHON)]
        expected = (3, "[] \n")
    else:
        command = ["node", write(node_folder, "shop.mjs", EXPRESS)]
        expected = (4, '{"id":"7"} undefined\n')
    with otlp_sink(hangs_s=LIMIT_S) as sink:
        url = sink.url if hangs else f"http://127.0.0.1:{free_ports(1)[0]}"
        done = run(node_folder, "--otlp-url", url, "--", *command)
    assert expected == (done.returncode, done.stdout)
    assert ("nobody answers now" in done.stderr) is not hangs


def test_a_signal_reaches_the_program_itself(folder: Path) -> None:
    """The program has the process id that `tracepulse run` was started with."""
    write(folder, "wait.py", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    command = [*RUN, "--quiet", "--", sys.executable, "wait.py"]
    with subprocess.Popen(
        command, cwd=folder, env=surroundings(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.pid == int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert -signal.SIGTERM == process.wait(LIMIT_S)


def test_what_is_missing_for_python_is_said_with_its_cure(folder: Path) -> None:
    """Without OpenTelemetry the program starts all the same, or not at all if that was asked."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "bare"], cwd=folder, check=True)
    python = folder / "bare" / "bin" / "python"
    done = run(folder, "--", str(python), "-c", "print('ran')")
    assert (0, "ran\n") == (done.returncode, done.stdout)
    cure = "-m pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http"
    assert f"install: {python} {cure}" in done.stderr
    assert f"tracepulse: {python} starts without OpenTelemetry" in done.stderr
    refused = run(folder, "--strict", "--", str(python), "-c", "print('ran')")
    assert (2, "") == (refused.returncode, refused.stdout)
    assert cure in refused.stderr


def test_what_is_missing_for_node_is_said_with_its_cure(folder: Path) -> None:
    """The line names the package, and the folder to install it in."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    write(folder, "app.js", "console.log('ran')")
    done = run(folder, "--", "node", "app.js")
    assert (0, "ran\n") == (done.returncode, done.stdout)
    assert f"npm install --prefix {folder} @opentelemetry/auto-instrumentations" in done.stderr


def test_other_programs_start_as_they_are(folder: Path) -> None:
    """A program in another language runs, with a line that says why it is not seen."""
    done = run(folder, "--", "sh", "-c", "echo ran; exit 5")
    assert (5, "ran\n") == (done.returncode, done.stdout)
    assert "is neither Python nor Node" in done.stderr
    done = run(folder, "--", "no-such-program")
    assert (2, "tracepulse: no-such-program: no such program, or it may not be run\n") == (
        done.returncode,
        done.stderr,
    )


def test_check_starts_nothing(folder: Path) -> None:
    """`--check` names the service, the server and what will be seen."""
    write(folder, "app.py", "print('ran')")
    done = run(folder, "--check", "--service", "till", sys.executable, "app.py")
    assert (0, "") == (done.returncode, done.stdout)
    assert "service till (Python" in done.stderr
    assert "sqlite3" in done.stderr
    closed = run(folder, "--check", "--", sys.executable, "-I", "app.py")
    assert (2, True) == (closed.returncode, "leave them out" in closed.stderr)


@pytest.mark.parametrize(
    ("command", "language", "name"),
    [
        ("python3 app.py", "python", "till"),
        ("python3 -u -X dev billing.py", "python", "billing"),
        ("python3 -m services.session", "python", "session"),
        ("python3 -m services.session.__main__", "python", "session"),
        ("python3 -um gunicorn shop:app", "python", "till"),
        ("python3 -c pass", "python", "till"),
        ("node --require ./x.js src/index.js", "node", "src"),
        ("node", "node", "till"),
        ("./serve", "python", "serve"),
        ("./flask run", "python", "till"),
        ("./long", "python", "long"),
        ("./script", "node", "script"),
        ("sh -c true", None, "sh"),
    ],
)
def test_programs_are_understood(
    command: str, language: str | None, name: str, tmp_path: Path
) -> None:
    """The interpreter is found through first lines of scripts, and the name says what runs."""
    folder = tmp_path / "till"
    folder.mkdir()
    for script, head in {
        "serve": "#!/usr/bin/env -S python3 -u\n",
        "flask": f"#!{tmp_path}/python3\n",
        "long": f"#!/bin/sh\n'''exec' \"{tmp_path}/python3\" \"$0\" \"$@\"\n' '''\n",
        "script": "#!/usr/bin/env node\n",
        "../python3": "",
        "../node": "",
        "../sh": "",
    }.items():
        (folder / script).write_text(head)
        (folder / script).chmod(0o755)
    words = [
        str(folder / w) if w.startswith("./") and w != "./x.js" else w for w in command.split()
    ]
    found = read_program(words, folder, search_path=str(tmp_path))
    assert (language, name) == (found.language, found.name)


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(BadSetting, match="nothing-here: no such program"):
        read_program(["nothing-here"], tmp_path)


@pytest.mark.slow
def test_npm_is_not_the_program(node_folder: Path, sink: OtlpSink) -> None:
    """`npm start` starts the program with OpenTelemetry, and npm itself without."""
    (node_folder / "package.json").write_text(
        '{"name": "cart-page", "scripts": {"start": "node shop.mjs"}}'
    )
    write(node_folder, "shop.mjs", EXPRESS)
    done = run(node_folder, "--otlp-url", sink.url, "--", "npm", "start")
    assert '{"id":"7"}' in done.stdout
    names = wait_until(lambda: {s.name for _, s in sink.spans()}, bool, "spans")
    assert "GET /carts/:id" in names
    assert {"cart-page"} == {resource["service.name"] for resource, _ in sink.spans()}
