"""The variables that tell OpenTelemetry's SDKs where to send, and who sends."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from tracepulse.launch.program import Program

__all__ = ["DEFAULT_OTLP_URL", "otlp_protocol", "service_name", "telemetry_environment"]

DEFAULT_OTLP_URL = "http://127.0.0.1:4318"


def otlp_protocol(environment: Mapping[str, str]) -> str:
    """Return the protocol that the program will speak."""
    return environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"


def service_name(program: Program, given: str, environment: Mapping[str, str]) -> str:
    """Return what the program is called: by the flag, the variables, or its own name."""
    named = given or environment.get("OTEL_SERVICE_NAME", "")
    return named or _resource(environment).get("service.name", "") or program.name


def telemetry_environment(
    program: Program, environment: Mapping[str, str], otlp_url: str, service: str
) -> dict[str, str]:
    """
    Return the settings that both languages share; what the caller has set already stays.

    Args:
        program: what is started.
        environment: the caller's.
        otlp_url: from the flag; empty: the caller's variable, or this machine.
        service: from the flag; empty: see `service_name`.
    """
    defaults = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": DEFAULT_OTLP_URL,
        "OTEL_EXPORTER_OTLP_PROTOCOL": otlp_protocol(environment),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    }
    if key := environment.get("TRACEPULSE_API_KEY"):
        defaults["OTEL_EXPORTER_OTLP_HEADERS"] = f"x-api-key={quote(key)}"
    fixed = {"OTEL_SERVICE_NAME": service_name(program, service, environment)}
    if otlp_url:
        fixed["OTEL_EXPORTER_OTLP_ENDPOINT"] = otlp_url
    resource = _own_resource(program) | _resource(environment)
    resource.pop("service.name", None)
    if resource:
        pairs = (f"{name}={quote(resource[name])}" for name in sorted(resource))
        fixed["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(pairs)
    callers = {name: value for name, value in environment.items() if value}
    return {**defaults, **{n: callers[n] for n in defaults if n in callers}, **fixed}


def _resource(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    named = (pair.partition("=") for pair in pairs if "=" in pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in named}


def _own_resource(program: Program) -> dict[str, str]:
    """Return what the program's folder tells of its version."""
    found = {"service.version": program.version, "vcs.ref.head.revision": _revision(program.folder)}
    return {name: value for name, value in found.items() if value}


def _revision(folder: Path) -> str:
    """Return the commit that is checked out there, read without git; empty where none is."""
    for each in (folder, *folder.parents):
        try:
            return _head(each / ".git")
        except OSError:
            continue
    return ""


def _head(git: Path) -> str:
    if git.is_file():  # of a worktree
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    places = [git, git / common.read_text().strip()] if common.exists() else [git]
    for place in places:
        if (place / name).exists():
            return (place / name).read_text().strip()
        packed = place / "packed-refs"
        for line in packed.read_text().splitlines() if packed.exists() else ():
            revision, _, ref = line.partition(" ")
            if ref == name:
                return revision
    return ""
