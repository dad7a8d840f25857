"""`tracepulse run`: start an unchanged program so that its telemetry reaches the server."""

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from tracepulse.errors import BadSetting, Unavailable

if TYPE_CHECKING:
    from tracepulse.launch.findings import Findings
    from tracepulse.launch.program import Program

__all__ = ["run"]

_SERVER_LIMIT_S = 0.3
_SHOWN = 12


def run(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments.")],
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What to call the program (or OTEL_SERVICE_NAME).",
            show_default="its module, file, package or folder",
        ),
    ] = "",
    otlp_url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The server's OTLP port over HTTP (or OTEL_EXPORTER_OTLP_ENDPOINT); its key is"
            " read from TRACEPULSE_API_KEY.",
            show_default="http://127.0.0.1:4318",
        ),
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Say what was found, and start nothing.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Refuse to start without OpenTelemetry (exit status 2), not only warn."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing of our own unless something is missing.")
    ] = False,
) -> None:
    """
    Start an unchanged Python or Node program with OpenTelemetry, sending to the server.

    `tracepulse run -- python app.py`. The program takes this process's place, so signals, input,
    output and exit status are its own. OpenTelemetry must be installed where the program finds it;
    what is missing is said, with the command that installs it, and the program starts all the same.
    """
    from tracepulse.launch.environment import otlp_protocol, service_name, telemetry_environment
    from tracepulse.launch.node_program import node_environment
    from tracepulse.launch.program import read_program
    from tracepulse.launch.python_program import python_environment

    if otlp_url and not otlp_url.startswith(("http://", "https://")):
        raise BadSetting(f"--otlp-url {otlp_url!r}: write it as http://127.0.0.1:4318")
    environment = dict(os.environ)
    program = read_program(command, Path.cwd())
    findings = _look(program, environment, otlp_protocol(environment))
    if findings.missing:
        _warn(program, findings, refuse=strict or check)
        _start(program, environment)
    common = telemetry_environment(program, environment, otlp_url.rstrip("/"), service)
    loading = (
        python_environment(findings.start, environment)
        if program.language == "python"
        else node_environment(findings.start, environment)
    )
    # What loads the instrumentation is ours to set; anything else the caller may have chosen.
    ours = ("PYTHONPATH", "NODE_OPTIONS", "TRACEPULSE_NODE_FROM")
    chosen = {k: v for k, v in loading.items() if k in ours or k not in environment}
    endpoint = common["OTEL_EXPORTER_OTLP_ENDPOINT"]
    if check or not quiet:
        name = service_name(program, service, environment)
        _say(f"service {name} ({findings.language}) sends to {endpoint}{_away(endpoint)}")
        _say_coverage(findings, full=check)
    if not check:
        _start(program, environment | common | chosen)


def _look(program: "Program", environment: dict[str, str], protocol: str) -> "Findings":
    from tracepulse.launch.findings import Findings
    from tracepulse.launch.node_program import look_at_node
    from tracepulse.launch.python_program import look_at_python

    match program.language:
        case "python":
            return look_at_python(program, environment, protocol)
        case "node":
            return look_at_node(program, Path.cwd(), environment)
        case None:
            return Findings(
                language="",
                missing=(
                    f"{program.executable} is neither Python nor Node, nor a script of theirs:"
                    " put `tracepulse run --` before the python or node command inside it",
                ),
            )


def _warn(program: "Program", findings: "Findings", refuse: bool) -> None:
    """Say what is missing; raises Unavailable if the program shall not start without it."""
    if refuse:
        raise Unavailable("; ".join(findings.missing))
    for line in (*findings.missing, f"{program.command[0]} starts without OpenTelemetry"):
        _say(line)


def _say_coverage(findings: "Findings", full: bool) -> None:
    if full:
        _say(f"will be seen: {', '.join(findings.instrumentations) or 'nothing'}")
    if findings.uncovered:
        shown = findings.uncovered if full else findings.uncovered[:_SHOWN]
        _say(f"more would be seen after: {findings.advice} {' '.join(shown)}")


def _away(endpoint: str) -> str:
    """Return a remark if nobody listens there; the program starts in any case."""
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _SERVER_LIMIT_S).close()
    except OSError:
        return ", where nobody answers now; what it sends until somebody does is lost"
    return ""


def _start(program: "Program", environment: dict[str, str]) -> NoReturn:
    """Become the program."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program.executable, list(program.command), environment)  # noqa: S606
    except OSError as error:
        raise Unavailable(f"{program.executable}: {error.strerror}") from error


def _say(text: str) -> None:
    print(f"tracepulse: {text}", file=sys.stderr)  # noqa: T201
