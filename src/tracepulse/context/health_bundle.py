"""The bundle of a system in which nothing is wrong: what was compared, and what could not be."""

from tracepulse.context.bundle import SCHEMA_VERSION, Bundle, Claim, Provenance, Query
from tracepulse.context.incident_bundle import RULES_VERSION
from tracepulse.context.quote import inert_name
from tracepulse.context.wording import rfc3339
from tracepulse.derive.comparisons import share
from tracepulse.model.findings import HealthReport, OperationChange

__all__ = ["health_bundle"]


def health_bundle(report: HealthReport) -> Bundle:
    """Return an honest "nothing wrong found", or "not enough data" on a cold start."""
    window = f"Between {rfc3339(report.start_unix_ns)[11:19]}"
    window += f" and {rfc3339(report.end_unix_ns)[11:19]} UTC"
    compared = (
        f"{window} {len(report.edges)} edges, {len(report.operations)} operations and"
        f" {report.log_shapes_compared} log shapes were compared with the"
        f" {report.baseline_ns // 60_000_000_000} min before"
    )
    if report.cold_start:
        seen = report.baseline_ns // 1_000_000_000
        summary = [Claim(f"{window} nothing was judged: only {seen} s of telemetry are known yet")]
    else:
        summary = [Claim(f"{compared}; nothing left its baseline")]
        largest = max(report.operations, key=_slowdown, default=None)
        if largest is not None and _slowdown(largest)[0] > 0:
            summary.append(Claim(f"Largest change: {_words(largest)}"))
    coverage = report.coverage
    missing = [
        *coverage.not_covered,
        *(
            f"`{inert_name(service)}` sends no spans: judged by its logs alone"
            for service in sorted(coverage.services_without_spans)
        ),
    ]
    queries = tuple(Query(q.name, q.rows, q.complete) for q in coverage.queries)
    return Bundle(
        schema_version=SCHEMA_VERSION,
        kind="no_incident",
        summary=tuple(summary),
        unknown_probability=0.0,
        provenance=Provenance(
            window_start=rfc3339(report.start_unix_ns),
            window_end=rfc3339(report.end_unix_ns),
            spans=coverage.spans,
            log_lines=coverage.log_lines,
            services=coverage.services,
            changes=0,
            repositories=0,
            queries=queries,
            complete=all(query.complete for query in queries),
            not_covered=tuple(missing),
            redacted=(),
            rules=RULES_VERSION,
        ),
    )


def _slowdown(operation: OperationChange) -> tuple[float, str, str]:
    before, after = operation.p95_before_ns, operation.p95_after_ns
    ratio = after / before - 1 if before and after else 0.0
    return ratio, operation.service, operation.operation


def _words(operation: OperationChange) -> str:
    failing = share(operation.errors_after + operation.refused_after, operation.calls_after)
    return (
        f"p95 of `{inert_name(operation.operation)}` at `{inert_name(operation.service)}`"
        f" {_slowdown(operation)[0]:+.0%} ({failing:.1%} of its calls failed)"
    )
