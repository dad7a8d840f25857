"""
Modules of one process as nodes inside their service: monoliths have flows too.

A span is of the module whose code it is about (`code.namespace`, or `code.function.name` less the
function), else of its instrumentation scope, unless that is a library that instruments others. Log lines
are of their logger. A span calls into another module where the nearest span above it in the same
service that is of any module is of another one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from tracepulse.derive.linked_spans import LinkedSpan, linked_traces
from tracepulse.model.flow_graph import Module, ModuleCall, ServiceModules
from tracepulse.model.span import SpanColumns

__all__ = ["LoggerLines", "module_of", "service_modules"]

LoggerLines = tuple[str, str, int, int]
"""Service, logger, lines, and lines from ERROR on."""
_INSTRUMENTS = (
    "opentelemetry",
    "otelhttp",
    "otelgrpc",
    "debugqueue",
    "tracepulse",
    "micrometer",
    "openinference",
    "instrumentation",
)
"""What the scopes of instrumenting libraries have in their names: they say nothing of the module."""
_SEPARATORS = ("::", "#", "/", ".")


def module_of(attributes: Mapping[str, str], scope: str) -> str:
    """Return the module of a span; '' where nothing names one."""
    named = attributes.get("code.namespace", "")
    if not named:
        function = attributes.get("code.function.name", "")
        for separator in _SEPARATORS:
            if separator in function:
                named = function.rpartition(separator)[0]
                break
    if named:
        return named
    plain = scope.lower()
    return "" if any(word in plain for word in _INSTRUMENTS) else scope


def service_modules(spans: SpanColumns, lines: Iterable[LoggerLines] = ()) -> ServiceModules:
    """Return the modules of services, from whole traces and from what their loggers wrote."""
    scopes = spans.scope if spans.scope is not None else [""] * len(spans)
    modules = {
        (trace, span, service): module_of(attributes, scope)
        for trace, span, service, attributes, scope in zip(
            spans.trace_id, spans.span_id, spans.service, spans.attributes, scopes, strict=True
        )
    }
    seen: dict[tuple[str, str], Counter[str]] = {}
    calls: Counter[tuple[str, str, str]] = Counter()
    errors: Counter[tuple[str, str, str]] = Counter()
    for trace in linked_traces(spans):
        for span in trace.values():
            module = modules[span.trace_id, span.span_id, span.service]
            if not module:
                continue
            counts = seen.setdefault((span.service, module), Counter())
            counts.update(spans=1, errors=span.failed)
            above = _module_above(span, trace, modules)
            if above and above != module:
                calls[span.service, above, module] += 1
                errors[span.service, above, module] += span.failed
    for service, logger, count, failed in lines:
        if service and logger and not any(word in logger.lower() for word in _INSTRUMENTS):
            seen.setdefault((service, logger), Counter()).update(lines=count, errors=failed)
    return ServiceModules(
        modules=tuple(
            Module(service, name, counts["spans"], counts["lines"], counts["errors"])
            for (service, name), counts in sorted(seen.items())
        ),
        calls=tuple(ModuleCall(*key, count, errors[key]) for key, count in sorted(calls.items())),
    )


def _module_above(
    span: LinkedSpan,
    trace: Mapping[str, LinkedSpan],
    modules: Mapping[tuple[str, str, str], str],
) -> str:
    """Return the module of the nearest span above in the same service that is of any."""
    above = trace.get(span.parent)
    while above is not None and above.service == span.service:
        module = modules[above.trace_id, above.span_id, above.service]
        if module:
            return module
        above = trace.get(above.parent)
    return ""
