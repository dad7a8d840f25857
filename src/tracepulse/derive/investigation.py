"""An incident's findings to what is concluded from them."""

from dataclasses import dataclass, replace

from tracepulse.derive.causes import rank_causes
from tracepulse.derive.flows import failure_summary
from tracepulse.derive.locate import entry_operations, locate
from tracepulse.model.cause import CauseRanking
from tracepulse.model.findings import Findings
from tracepulse.model.flow import FailureSummary

__all__ = ["Investigation", "investigate"]


@dataclass(frozen=True, slots=True)
class Investigation:
    """Findings with every list in order and the incident located, and the conclusions."""

    findings: Findings
    failures: FailureSummary
    ranking: CauseRanking


def investigate(findings: Findings) -> Investigation:
    """Return where the failures begin and why; the order of the findings' lists is no matter."""
    ordered = _ordered(findings)
    incident = ordered.incident
    failures = failure_summary(ordered.failing_traces, entry_operations(incident))
    if not incident.path:
        incident = locate(
            incident, failures, ordered.log_records, ordered.log_shapes, ordered.edges
        )
    located = replace(ordered, incident=incident)
    return Investigation(located, failures, rank_causes(located, failures))


def _ordered(findings: Findings) -> Findings:
    return replace(
        findings,
        operations=tuple(
            sorted(findings.operations, key=lambda o: (o.service, o.operation, o.entry))
        ),
        edges=tuple(sorted(findings.edges, key=lambda e: (e.caller, e.callee, e.connection))),
        log_records=tuple(
            sorted(findings.log_records, key=lambda r: (r.time_unix_ns, r.service, r.body))
        ),
        log_shapes=tuple(sorted(findings.log_shapes, key=lambda s: (s.service, s.template_id))),
        changes=tuple(sorted(findings.changes, key=lambda c: (c.at_unix_ns, c.change_id))),
        versions=tuple(sorted(findings.versions, key=lambda v: (v.service, v.version))),
        code=tuple(sorted(findings.code, key=lambda r: r.change_id)),
    )
