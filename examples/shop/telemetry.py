"""How a service is started, with and without OpenTelemetry; only its queue knows the API of it."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tracepulse.launch.node_program import node_environment
from tracepulse.launch.python_program import python_environment

from .errors import ShopError

Telemetry = Literal["otel", "logs"]

NODE_PACKAGES = Path(__file__).with_name("node")
NODE_SERVICES = ("gateway",)

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
    """
    Return the settings of OpenTelemetry's zero-code instrumentation for one service.

    Raises:
        ShopError: OpenTelemetry is not installed.
    """
    ours = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_METRIC_EXPORT_TIMEOUT": "5000",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    }
    if service in NODE_SERVICES:
        # Its lines go through our own SDK, which takes the address and the resource from here too.
        ours["OTEL_LOGS_EXPORTER"] = "none"
    ours |= _loading(service) | {
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        # Seconds in Python, milliseconds elsewhere.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "5000" if service in NODE_SERVICES else "5",
    }
    # A caller may add or change settings (headers with a key, a sampler), but not who is who.
    callers = {key: value for key, value in os.environ.items() if key.startswith("OTEL_")}
    fixed = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={resource[key]}" for key in sorted(resource)),
    }
    return ours | callers | fixed


def service_command(service: str) -> list[str]:
    """
    Return the command that starts a service from its checkout.

    Raises:
        ShopError: what it needs is not installed.
    """
    if service not in NODE_SERVICES:
        return [sys.executable, "-m", f"services.{service}"]
    node = shutil.which("node")
    if node is None:
        raise ShopError(f"{service} needs Node.js 20 or newer, and there is no `node`")
    if not (NODE_PACKAGES / "node_modules").is_dir():
        raise ShopError(f"{service} needs packages in {NODE_PACKAGES}: run `make setup`")
    return [node, f"services/{service}/main.mjs"]


def _loading(service: str) -> dict[str, str]:
    """Return what loads the instrumentation, as `tracepulse run` sets it."""
    if service in NODE_SERVICES:
        return node_environment(str(NODE_PACKAGES), {})
    found = importlib.util.find_spec("opentelemetry.instrumentation.auto_instrumentation")
    if found is None or found.origin is None:
        raise ShopError("OpenTelemetry is not installed: `pip install -e '.[demo]'`")
    return python_environment(str(Path(found.origin).parent), {})
