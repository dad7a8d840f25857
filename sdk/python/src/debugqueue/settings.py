"""Where events go and what is said of the process: arguments first, then the environment."""

import os
from typing import Dict, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import unquote

from debugqueue.limits import FLUSH_INTERVAL_S, MAX_QUEUE_BYTES, MAX_QUEUE_EVENTS, REQUEST_TIMEOUT_S

__all__ = ["Settings", "settings_from"]


class Settings(NamedTuple):
    """All that can be set; read once."""

    endpoint: str = ""
    """Address of the logs signal; empty: nothing is sent."""
    headers: Mapping[str, str] = {}
    """Sent with each request."""
    authorities: str = ""
    """File of certificates to trust in place of the machine's."""
    timeout_s: float = REQUEST_TIMEOUT_S
    """Of a whole request."""
    service: str = ""
    """Name of the service; empty: the name of the programme."""
    version: str = ""
    """Version of the service."""
    commit: str = ""
    """Commit that the service was built from."""
    environment: str = ""
    """Such as production."""
    resource: Mapping[str, str] = {}
    """Further attributes of the process."""
    stderr: bool = False
    """Whether events are written to standard error too, a line of JSON each."""
    disabled: bool = False
    """Whether nothing at all is done."""
    level: str = "trace"
    """Events below it are ignored."""
    scrub: Tuple[str, ...] = ()
    """Kinds of personal data to take out beside secrets: email."""
    flush_interval_s: float = FLUSH_INTERVAL_S
    """How long events are gathered before they are sent."""
    max_queue_events: int = MAX_QUEUE_EVENTS
    """Events that may wait."""
    max_queue_bytes: int = MAX_QUEUE_BYTES
    """Bytes that they may be reckoned to hold."""


def settings_from(environ: Mapping[str, str] = os.environ, **given: object) -> Settings:
    """
    Return the settings; an argument that is None is taken from the environment.

    Args:
        environ: OpenTelemetry's variables and DEBUGQUEUE_ENDPOINT, _KEY, _STDERR, _DISABLED, _LEVEL.
        given: fields of Settings, and `key`: an API key of the server.
    Raises:
        ValueError: an argument is none of these, or not what it has to be.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    key = chosen.pop("key", None)
    unknown = sorted(set(chosen) - set(Settings._fields))
    if unknown:
        raise ValueError(f"there is no setting {', '.join(unknown)}")
    key = key or environ.get("DEBUGQUEUE_KEY", "")
    resource = _pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    headers = _headers(environ, key if isinstance(key, str) else "")
    read: Dict[str, object] = {
        "endpoint": _endpoint(environ),
        "authorities": environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE", ""),
        "timeout_s": _milliseconds(environ.get("OTEL_EXPORTER_OTLP_TIMEOUT")),
        "service": environ.get("OTEL_SERVICE_NAME") or resource.pop("service.name", ""),
        "version": resource.pop("service.version", ""),
        "commit": resource.pop("vcs.ref.head.revision", ""),
        "environment": resource.pop("deployment.environment.name", ""),
        "stderr": _is_on(environ.get("DEBUGQUEUE_STDERR")),
        "level": environ.get("DEBUGQUEUE_LEVEL", "trace"),
        "disabled": _is_on(environ.get("DEBUGQUEUE_DISABLED"))
        or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
    }
    if isinstance(chosen.get("endpoint"), str):
        chosen["endpoint"] = _logs_address(str(chosen["endpoint"]))
    read.update(chosen)
    read["headers"] = {**headers, **_mapping(chosen.get("headers"))}
    read["resource"] = {**resource, **_mapping(chosen.get("resource"))}
    for name, default in zip(Settings._fields, Settings()):
        wanted = (int, float) if type(default) is float else type(default)
        if name not in ("headers", "resource", "scrub") and not isinstance(
            read.get(name, default), wanted
        ):
            raise ValueError(f"the setting {name} is not a {type(default).__name__}")
    return Settings(**read)  # type: ignore[arg-type]


def _mapping(given: object) -> Mapping[str, str]:
    return {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}


def _endpoint(environ: Mapping[str, str]) -> str:
    ours = environ.get("DEBUGQUEUE_ENDPOINT", "").strip()
    if ours:
        return _logs_address(ours)
    logs = environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "").strip()
    return logs or _logs_address(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip())


def _logs_address(base: str) -> str:
    """Return the address of the logs signal under a base address, as OpenTelemetry builds it."""
    if not base or base.rstrip("/").endswith("/v1/logs"):
        return base
    return base.rstrip("/") + "/v1/logs"


def _headers(environ: Mapping[str, str], key: str) -> Dict[str, str]:
    headers = _pairs(environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
    headers.update(_pairs(environ.get("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "")))
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _pairs(text: str) -> Dict[str, str]:
    """Read `a=1,b=2`, values percent-encoded; what is no pair is left out."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs if name.strip()}


def _is_on(text: Optional[str]) -> bool:
    return (text or "").strip().lower() in ("1", "true", "yes", "on")


def _milliseconds(text: Optional[str]) -> float:
    try:
        return max(0.1, float(text or "") / 1000)
    except ValueError:
        return REQUEST_TIMEOUT_S
