"""What a Python interpreter has of OpenTelemetry, and how to make it start with it."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracepulse.launch.findings import Findings
from tracepulse.launch.program import Program

__all__ = ["look_at_python", "python_environment"]

_PROBE_LIMIT_S = 20.0
_NEEDED = ("opentelemetry-distro", "opentelemetry-exporter-otlp-proto-http")

_PROBE = r"""
import json, re, sys
sys.path[:] = [place for place in sys.path if place]
try:
    from importlib.metadata import distributions
except ImportError:
    distributions = lambda: ()
have = {}
hooks = set()
for each in distributions():
    name = each.metadata["Name"]
    if name:
        have.setdefault(re.sub("[-_.]+", "-", name).lower(), each.version)
        hooks |= {e.name for e in each.entry_points if e.group == "opentelemetry_instrumentor"}
start, known = "", []
try:
    import opentelemetry.instrumentation.auto_instrumentation as auto
    start = auto.__file__
    from opentelemetry.instrumentation.bootstrap_gen import libraries
    known = [(e["library"], e["instrumentation"]) for e in libraries]
except Exception:  # importing what somebody installed may raise anything; then nothing can start it
    pass
print(json.dumps({"version": sys.version.split()[0], "have": have, "hooks": sorted(hooks),
                  "start": start, "known": known}))
"""


@dataclass(frozen=True, slots=True)
class _Probed:
    """What the interpreter said of itself."""

    version: str
    have: Mapping[str, str]
    """Version by normalised name of each distribution."""
    hooks: tuple[str, ...]
    start: str
    """File of the package whose folder holds `sitecustomize`; empty: there is none."""
    known: tuple[tuple[str, str], ...]
    """Library and the instrumentation for it, both as requirements."""


def look_at_python(program: Program, environment: Mapping[str, str], protocol: str) -> Findings:
    """
    Ask the program's interpreter what it has, in a process of its own.

    Args:
        program: one whose language is Python.
        environment: what the program would start with.
        protocol: of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL has it.
    """
    interpreter = str(program.interpreter)
    if program.closed:
        return Findings(
            language="Python",
            missing=(
                "the flags -E, -I and -S make Python ignore what would load it: leave them out",
            ),
        )
    try:
        probed = _probe(interpreter, environment)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        return Findings("Python", missing=(f"{interpreter} cannot be asked what it has: {error}",))
    needed = list(_NEEDED) if protocol != "grpc" else [_NEEDED[0], _NEEDED[1][:-4] + "grpc"]
    absent = [name for name in needed if name not in probed.have]
    if absent or not probed.start:
        wanted = " ".join(absent or needed)
        return Findings(
            language=f"Python {probed.version}",
            missing=(
                f"{', '.join(absent or needed)} not installed for {interpreter}",
                f"install: {interpreter} -m pip install {wanted}",
                f"and for your libraries: {Path(interpreter).parent / 'opentelemetry-bootstrap'}"
                " -a install",
            ),
        )
    return Findings(
        language=f"Python {probed.version}",
        start=str(Path(probed.start).parent),
        instrumentations=probed.hooks,
        uncovered=_uncovered(probed),
        advice=f"{interpreter} -m pip install",
    )


def python_environment(start: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that load the instrumentation in the folder `start`."""
    rest = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p and p != start]
    return {
        "PYTHONPATH": os.pathsep.join([start, *rest]),
        # Log records go out with the file, function and line that wrote them.
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "true",
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "true",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",  # seconds; it is milliseconds everywhere else
    }


def _probe(interpreter: str, environment: Mapping[str, str]) -> _Probed:
    done = subprocess.run(  # noqa: S603
        [interpreter, "-c", _PROBE],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PROBE_LIMIT_S,
        check=True,
    )
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return _Probed(
        version=str(said["version"]),
        have=dict(said["have"]),
        hooks=tuple(said["hooks"]),
        start=str(said["start"]),
        known=tuple((str(library), str(package)) for library, package in said["known"]),
    )


def _uncovered(probed: _Probed) -> tuple[str, ...]:
    """Return the instrumentations that exist for what is installed, and are not."""
    wanted = {
        package
        for library, package in probed.known
        if _distribution(library) in probed.have
        and _distribution(package) not in probed.have
        # Part of many programs, and no edge of a system.
        and _distribution(library) not in {"click", "asgiref", "jinja2", "psutil", "pydantic"}
    }
    return tuple(sorted(wanted))


def _distribution(requirement: str) -> str:
    name = requirement
    for sign in " <>=!~[;":
        name = name.partition(sign)[0]
    return name.replace("_", "-").replace(".", "-").lower()
