"""
OpenTelemetry's own instrumentation, where it is installed: spans of what the programme serves and asks.

Nothing of it is required. Where a tracer provider is set already, it is left as it is.
"""

import logging
import os
from importlib import import_module
from typing import Any, List

from debugqueue.middleware import server_timing
from debugqueue.resource import resource_of
from debugqueue.settings import Settings

__all__ = ["instrument"]

_logger = logging.getLogger("debugqueue")


def instrument(settings: Settings) -> List[str]:
    """Set up spans and load every instrumentation that is installed; return their names."""
    try:
        import_module("opentelemetry.instrumentation.propagators")
        import_module("opentelemetry.sdk.trace")
    except ImportError:
        return []
    _provide_tracer(settings)
    _tell_traces()
    return _load_instrumentations()


def _provide_tracer(settings: Settings) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    if type(trace.get_tracer_provider()).__name__ != "ProxyTracerProvider":
        return
    own = {
        name: value
        for name, value in resource_of(settings).items()
        if not name.startswith("telemetry.")
    }
    attributes: Any = own
    provider = TracerProvider(resource=Resource.create(attributes))
    exporter = _exporter(settings)
    if exporter is not None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def _exporter(settings: Settings) -> Any:
    """Return OpenTelemetry's exporter to the same server; None where there is none."""
    if not settings.endpoint:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        return None
    base = settings.endpoint.rpartition("/v1/logs")[0]
    return OTLPSpanExporter(endpoint=f"{base}/v1/traces", headers=dict(settings.headers))


def _tell_traces() -> None:
    """Have instrumented servers send `Server-Timing`, unless they were told to send something else."""
    propagators: Any = import_module("opentelemetry.instrumentation.propagators")
    if propagators.get_global_response_propagator() is not None:
        return

    class ServerTiming(propagators.ResponsePropagator):  # type: ignore[misc]
        """Writes the current span into the answer."""

        def inject(
            self, carrier: Any, context: Any = None, setter: Any = propagators.default_setter
        ) -> None:
            """Add the header; outside of a span, none."""
            timing = server_timing()
            if timing:
                setter.set(carrier, "Server-Timing", timing)

    propagators.set_global_response_propagator(ServerTiming())


def _load_instrumentations() -> List[str]:
    from importlib.metadata import entry_points

    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    group = "opentelemetry_instrumentor"
    found: Any = entry_points()
    points = found.select(group=group) if hasattr(found, "select") else found.get(group, ())
    loaded = []
    for point in sorted(set(points), key=lambda point: str(point.name)):
        if "*" in disabled or point.name in disabled:
            continue
        try:
            if _conflict(point) is None:
                instrumentor = point.load()()
                if not instrumentor.is_instrumented_by_opentelemetry:
                    instrumentor.instrument(skip_dep_check=True)
                    loaded.append(str(point.name))
        except Exception as error:  # one that does not fit must not keep the others away
            _logger.debug("instrumentation %s was left out: %s", point.name, error)
    return loaded


def _conflict(point: Any) -> Any:
    """Return why an instrumentation does not fit what is installed, or None."""
    from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

    distribution = getattr(point, "dist", None)
    return None if distribution is None else get_dist_dependency_conflicts(distribution)
