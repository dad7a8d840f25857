"""What a Node program can reach of OpenTelemetry, and how to make it start with it."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracepulse.launch.findings import Findings
from tracepulse.launch.program import Program

__all__ = ["look_at_node", "node_environment"]

_PROBE_LIMIT_S = 20.0
_PACKAGE = "@opentelemetry/auto-instrumentations-node"
_OF_OLDER_NODE = "@0.81"
"""The last that runs on Node before 22.15."""
_HERE = Path(__file__).parent
_OLDEST = (18, 19)
"""Node from which a program can be hooked however it is loaded, by `--import`."""
_PREFIX = "@opentelemetry/instrumentation-"


def look_at_node(program: Program, cwd: Path, environment: Mapping[str, str]) -> Findings:
    """
    Ask the program's Node what it can reach from the program's folder, in a process of its own.

    Args:
        program: one whose language is Node.
        cwd: the folder it is started in; looked at second, and the global packages last.
        environment: what the program would start with.
    """
    interpreter = str(program.interpreter)
    try:
        said = _probe(interpreter, (program.folder, cwd), environment)
        version = str(said["version"])
        release = tuple(int(part) for part in version.split(".")[:2])
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        return Findings("Node", missing=(f"{interpreter} cannot be asked what it has: {error}",))
    if release < _OLDEST:
        return Findings(
            language=f"Node {version}",
            missing=(f"{interpreter} is older than {_OLDEST[0]}.{_OLDEST[1]}: use a newer Node",),
        )
    wanted = _PACKAGE + (_OF_OLDER_NODE if release < (22, 15) else "")
    install = f"install: npm install --prefix {_package_folder(program.folder)} {wanted}"
    if not said.get("from"):
        why = f"{_PACKAGE} is not installed where {program.folder} would find it"
        return Findings(f"Node {version}", missing=(why, install))
    if not said["fits"]:
        why = f"the OpenTelemetry of {said['from']} needs Node {said['needs']}, not {version}"
        return Findings(f"Node {version}", missing=(why, install))
    return Findings(
        language=f"Node {version}",
        start=str(said["from"]),
        instrumentations=tuple(name.removeprefix(_PREFIX) for name in said["names"]),
    )


def node_environment(start: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that load the instrumentation found from the folder `start`."""
    ours = f"--import={(_HERE / 'start_node.mjs').as_uri()}"
    rest = [word for word in environment.get("NODE_OPTIONS", "").split(" ") if word != ours]
    return {
        "NODE_OPTIONS": " ".join(filter(None, [*rest, ours])),
        "TRACEPULSE_NODE_FROM": start,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",  # milliseconds
        # A program that ends by process.exit() loses what is not sent yet.
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
        "OTEL_BLRP_SCHEDULE_DELAY": "1000",
        # The others ask a cloud's address for what this machine is, and wait for no answer.
        "OTEL_NODE_RESOURCE_DETECTORS": "env,host,os,process",
    }


def _probe(
    interpreter: str, folders: tuple[Path, ...], environment: Mapping[str, str]
) -> dict[str, Any]:
    lib = Path(interpreter).resolve().parents[1] / "lib"  # of `npm install --global`
    done = subprocess.run(  # noqa: S603
        [interpreter, str(_HERE / "find_node.mjs"), *map(str, folders), str(lib)],
        env={k: v for k, v in environment.items() if k != "NODE_OPTIONS"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PROBE_LIMIT_S,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


def _package_folder(folder: Path) -> Path:
    return next((p for p in (folder, *folder.parents) if (p / "package.json").exists()), folder)
