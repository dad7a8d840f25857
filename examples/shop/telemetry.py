"""How a service is started, with and without OpenTelemetry; its source knows of neither."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from .errors import ShopError

Telemetry = Literal["otel", "logs"]

_KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def plain_environment() -> dict[str, str]:
    """Return what every service gets: little, so that the caller's settings change nothing."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return kept | {
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        # A release may change a file within the second, and Python would run the old byte code.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def otel_environment(endpoint: str, service: str, resource: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of OpenTelemetry's zero-code instrumentation for one service."""
    ours = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "true",
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "true",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    }
    # A caller may add or change settings (headers with a key, a sampler), but not who is who.
    callers = {key: value for key, value in os.environ.items() if key.startswith("OTEL_")}
    fixed = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={resource[key]}" for key in sorted(resource)),
    }
    return ours | callers | fixed


def service_command(service: str, telemetry: Telemetry) -> list[str]:
    """Return the command that starts a service from its checkout."""
    command = [sys.executable, "-m", f"services.{service}"]
    if telemetry == "logs":
        return command
    launcher = Path(sys.executable).parent / "opentelemetry-instrument"
    if not launcher.exists():
        raise ShopError(f"no {launcher}: install the `demo` extra (`pip install -e '.[demo]'`)")
    return [str(launcher), *command]
