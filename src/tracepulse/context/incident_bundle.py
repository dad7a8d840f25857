"""An incident's findings to its bundle: the whole of it, before any budget."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote as url_quote

from tracepulse.context.bundle import (
    SCHEMA_VERSION,
    BlockingPath,
    BlockingSection,
    Bundle,
    Claim,
    CodeExcerpt,
    Hypothesis,
    IncidentHead,
    LeftOut,
    LogExcerpt,
    NextCall,
    Provenance,
    Query,
    ScorePart,
    TimelineEntry,
)
from tracepulse.context.cite import References
from tracepulse.context.quote import inert_name
from tracepulse.context.redact import Redactor
from tracepulse.context.wording import likelihood, rfc3339
from tracepulse.derive.comparisons import is_new, is_surging
from tracepulse.derive.facts import (
    change_key,
    commit_key,
    edge_key,
    log_key,
    risen_edges,
    trigger_key,
)
from tracepulse.derive.investigation import investigate
from tracepulse.derive.limits.detection import LOG_WARNING_SEVERITY
from tracepulse.model.cause import Cause, CauseKind, CauseRanking
from tracepulse.model.commit import Hunk
from tracepulse.model.evidence import EvidencePart
from tracepulse.model.findings import Findings, LogShapeChange
from tracepulse.model.flow import FailureSummary
from tracepulse.model.incident import Incident
from tracepulse.model.trigger import TriggerKind

__all__ = ["RULES_VERSION", "incident_bundle"]

RULES_VERSION = "0.1"
MAX_DIFF_CHARS = 2_400
MAX_SECTIONS = 24
SHOWN_SCORE_RATIO = 0.85
"""Hunks are shown that overlap at least so much as the best one does."""
DEFINITION = re.compile(r"\b(?:def|class|func|function|fn|sub|interface|struct|impl)\s+(\w{1,80})")
CATEGORY = re.compile(r"[a-z]{1,16}(?:_[a-z]{1,16}){0,2}")
TIMELINE_BEFORE_NS = 30 * 60 * 1_000_000_000

PART_WORDS: Mapping[str, tuple[str, str]] = {
    "proximity": ("it came shortly before the onset", "it came long before the onset"),
    "place": (
        "it changed the service where the failures begin",
        "the changed service is not on the affected path",
    ),
    "error_origin": (
        "the deepest failures are there",
        "the deepest failures are in another service",
    ),
    "only_edge": ("every call that began to fail leads there", ""),
    "new_log": ("the service writes what it did not write before", ""),
    "code_overlap": (
        "its commit touches what the failures point at",
        "none of its commits touches what the failures point at",
    ),
    "value_match": ("the commit sets the very number at which the logged values begin or end", ""),
    "version_contrast": (
        "only the new version fails",
        "the former version fails as well",
    ),
}
"""Each part of a score in words: for, and against."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that the sections are made from."""

    findings: Findings
    incident: Incident
    failures: FailureSummary
    ranking: CauseRanking
    refs: References


def incident_bundle(
    findings: Findings, redaction_key: bytes, *, include_browser_text: bool = False
) -> Bundle:
    """
    Return the full bundle of an incident; `select.fit` cuts it to a budget.

    Args:
        findings: what the store knows; order of its parts does not matter beyond what they state.
        redaction_key: secret of this installation, for pseudonyms.
        include_browser_text: whether text sent without a key from browsers may be quoted.

    """
    known = investigate(findings)
    findings, failures, ranking = known.findings, known.failures, known.ranking
    redactor = Redactor(redaction_key)
    facts = {fact.key: fact for fact in ranking.facts}
    refs = References(facts, redactor, include_browser_text=include_browser_text)
    case = _Case(findings, findings.incident, failures, ranking, refs)
    # In reading order: evidence is numbered as it is first cited.
    impact = tuple(_impact(case))
    timeline = tuple(_timeline(case))
    flow = tuple(_flow(case))
    failure = tuple(_failure(case))
    blocking = _blocking(case)
    hypotheses = tuple(_hypotheses(case))
    ruled_out = tuple(_ruled_out(case))
    code = tuple(_code(case))
    logs = tuple(_logs(case))
    head = _head(case)
    summary = tuple(_summary(case))
    path = tuple(refs.name(service) for service in case.incident.path)
    return Bundle(
        schema_version=SCHEMA_VERSION,
        kind="incident",
        summary=summary,
        incident=head,
        unknown_probability=ranking.unknown_probability,
        impact=impact,
        timeline=timeline,
        path=path,
        flow=flow,
        failure=failure,
        blocking_path=blocking,
        hypotheses=hypotheses,
        ruled_out=ruled_out,
        code=code,
        logs=logs,
        next_calls=tuple(_next_calls(case)),
        evidence=refs.evidence(),
        quotes=refs.quotes(),
        left_out=_withheld(refs),
        provenance=_provenance(case, redactor),
    )


# -- head and summary ----------------------------------------------------------------------------


def _head(case: _Case) -> IncidentHead:
    incident, name = case.incident, case.refs.name
    return IncidentHead(
        id=incident.incident_id,
        state=str(incident.state),
        onset=rfc3339(incident.onset_unix_ns),
        onset_unix_ns=str(incident.onset_unix_ns),
        onset_slack_ms=incident.onset_slack_ns // 1_000_000,
        last_seen=rfc3339(incident.last_seen_unix_ns),
        last_seen_unix_ns=str(incident.last_seen_unix_ns),
        duration_s=(incident.last_seen_unix_ns - incident.onset_unix_ns) // 1_000_000_000,
        entry_service=name(incident.entry_service) if incident.entry_service else "",
        entry_operation=name(incident.entry_operation) if incident.entry_operation else "",
        faulty_service=name(incident.faulty_service) if incident.faulty_service else "",
        faulty_operation=name(incident.faulty_operation) if incident.faulty_operation else "",
        services=tuple(name(service) for service in incident.services),
    )


def _summary(case: _Case) -> Iterator[Claim]:
    refs, incident, ranking = case.refs, case.incident, case.ranking
    impact = _impact_keys(case)
    if impact:
        yield refs.claim(impact[0])
    elif incident.triggers:
        yield refs.claim(trigger_key(incident.triggers[0]))
    if incident.faulty_service:
        where = refs.code(incident.faulty_service)
        if incident.faulty_operation:
            where += f" at {refs.code(incident.faulty_operation)}"
        cited = refs.cite("origin:0") if refs.has("origin:0") else ()
        yield Claim(f"The failures begin in {where}", cited, "inference")
    top = ranking.causes[0] if ranking.causes else None
    if top is None or top.probability < ranking.unknown_probability:
        yield Claim(
            f"The cause is unknown ({ranking.unknown_probability:.2f} on what was not seen)",
            (),
            "inference",
        )
    else:
        words = likelihood(top.probability).capitalize()
        yield Claim(
            f"{words} ({top.probability:.2f}) caused by {refs.statement(top.wording, top.names)}",
            _cited(case, top.parts),
            "inference",
        )


def _impact_keys(case: _Case) -> list[str]:
    """Return the keys of impact facts, the incident's entry first, then by failures."""
    incident = case.incident
    first = f"impact:{incident.entry_service}:{incident.entry_operation}"
    rows = [o for o in case.findings.operations if o.entry]
    rows.sort(key=lambda o: (-(o.errors_after + o.refused_after), o.service, o.operation))
    keys = [f"impact:{o.service}:{o.operation}" for o in rows]
    keys.sort(key=lambda key: key != first)
    return [key for key in dict.fromkeys(keys) if case.refs.has(key)]


def _impact(case: _Case) -> Iterator[Claim]:
    keys = _impact_keys(case)
    if not keys:
        measured = [t for t in case.incident.triggers if case.refs.has(trigger_key(t))]
        keys = [trigger_key(trigger) for trigger in measured[:2]]
    for key in (*keys[:4], "latency", "traffic"):
        if case.refs.has(key):
            yield case.refs.claim(key)


# -- time ----------------------------------------------------------------------------------------


def _timeline(case: _Case) -> Iterator[TimelineEntry]:
    """Changes, the first signs at both ends of the path, new log shapes and outside alerts."""
    begin = case.incident.onset_unix_ns - TIMELINE_BEFORE_NS
    end = case.findings.window.end_unix_ns
    causes = {cause.cause_id for cause in case.ranking.causes}
    facts = {fact.key: fact for fact in case.ranking.facts}
    keys = dict.fromkeys([*_told_triggers(case), *_told_logs(case), *sorted(causes)])
    keys |= dict.fromkeys(change_key(change) for change in case.findings.changes)
    shown = [
        (fact.at_unix_ns, fact.key)
        for fact in (facts[key] for key in keys if key in facts)
        if fact.at_unix_ns is not None and (begin <= fact.at_unix_ns < end or fact.key in causes)
    ]
    for instant, key in sorted(shown):
        claim = case.refs.claim(key)
        yield TimelineEntry(rfc3339(instant), str(instant), claim.text, claim.evidence)


def _told_triggers(case: _Case) -> Iterator[str]:
    """Return the triggers worth a moment: what lies between the ends is told by the flow."""
    incident = case.incident
    ends = {incident.entry_service, incident.faulty_service}
    served = any(t.span_kind == "Server" for t in incident.triggers)
    for trigger in incident.triggers:
        between = trigger.service not in ends and "" not in ends
        calling = trigger.span_kind == "Client" and served
        if trigger.kind is not TriggerKind.ERROR_BURST or not (between or calling):
            yield trigger_key(trigger)


def _told_logs(case: _Case) -> Iterator[str]:
    """Return the loud shapes that no trigger tells of already."""
    told = {(t.service, t.template_id) for t in case.incident.triggers if t.template_id}
    for shape in _loud_shapes(case.findings):
        if shape.severity_number >= LOG_WARNING_SEVERITY:
            if (shape.service, shape.template_id) not in told:
                yield log_key(shape)


# -- flow and place ------------------------------------------------------------------------------


def _flow(case: _Case) -> Iterator[Claim]:
    for edge in risen_edges(case.findings.edges)[:6]:
        yield case.refs.claim(edge_key(edge))
    if case.refs.has("edges:unchanged"):
        yield case.refs.claim("edges:unchanged")


def _failure(case: _Case) -> Iterator[Claim]:
    for key in ("origin:0", "origin:1", "origin:2"):
        if case.refs.has(key):
            yield case.refs.claim(key)
    values = sorted(f.key for f in case.ranking.facts if f.kind == "value")
    for key in values[:4]:
        yield case.refs.claim(key)
    services = [case.incident.faulty_service, *(cause.service for cause in case.ranking.causes)]
    for service in dict.fromkeys(services):
        if case.refs.has(f"version:{service}"):
            yield case.refs.claim(f"version:{service}")


def _blocking(case: _Case) -> BlockingPath | None:
    example = case.findings.blocking
    if example is None:
        return None
    refs = case.refs
    sections = tuple(
        BlockingSection(
            service=refs.name(section.service),
            operation=refs.name(section.operation),
            category=_category(section.category),
            start_offset_ns=str(section.start_offset_ns),
            duration_ns=str(section.duration_ns),
        )
        for section in example.sections[:MAX_SECTIONS]
    )
    return BlockingPath(
        trace_id=refs.name(example.trace_id),
        duration_ns=str(example.duration_ns),
        sections=sections,
        sections_left_out=max(0, len(example.sections) - MAX_SECTIONS),
        evidence=refs.cite("blocking"),
    )


def _category(category: str) -> str:
    """Return a section's category; ours are plain words, and nothing else passes."""
    words = "_".join(category.split())
    return words if CATEGORY.fullmatch(words) else "other"


# -- causes --------------------------------------------------------------------------------------


def _cited(case: _Case, parts: Sequence[EvidencePart]) -> tuple[str, ...]:
    keys = [key for part in parts if part.strength > 0 for key in part.fact_keys]
    return case.refs.cite(*(key for key in dict.fromkeys(keys) if case.refs.has(key)))


def _hypotheses(case: _Case) -> Iterator[Hypothesis]:
    for number, cause in enumerate(case.ranking.causes, 1):
        yield Hypothesis(
            id=f"h{number}",
            statement=case.refs.statement(cause.wording, cause.names),
            probability=cause.probability,
            kind=str(cause.kind),
            service=case.refs.name(cause.service),
            revision=case.refs.name(cause.revision) if cause.revision else "",
            change_id=case.refs.name(cause.change_id) if cause.change_id else "",
            supports=tuple(_part(case, p, 0) for p in cause.parts if p.log_odds > 0.05),
            against=tuple(_part(case, p, 1) for p in cause.parts if p.log_odds < -0.05),
            would_refute=tuple(
                case.refs.statement(w, _all_names(cause)) for w in cause.would_refute
            ),
        )


def _all_names(cause: Cause) -> Mapping[str, str]:
    return {"version": "", "kind": "change", **cause.names}


def _part(case: _Case, part: EvidencePart, side: int) -> ScorePart:
    words = PART_WORDS[part.name][side]
    if part.name == "proximity" and part.strength < 0.5:
        words = PART_WORDS[part.name][1]
    if part.name == "place" and 0 < part.strength < 1:
        words = "the changed service is on the affected path"
    return ScorePart(
        name=part.name,
        log_odds=round(part.log_odds, 2),
        text=words,
        evidence=case.refs.cite(*(key for key in part.fact_keys if case.refs.has(key))),
    )


def _ruled_out(case: _Case) -> Iterator[Claim]:
    for item in case.ranking.ruled_out:
        yield Claim(
            case.refs.statement(item.wording, item.names),
            case.refs.cite(*(key for key in item.fact_keys if case.refs.has(key))),
            "inference",
        )


# -- code and logs -------------------------------------------------------------------------------


def _code(case: _Case) -> Iterator[CodeExcerpt]:
    """The hunks of suspected changes: those that touch what is implicated, or the first of each."""
    readings = {reading.change_id: reading for reading in case.findings.code}
    for cause in case.ranking.causes:
        reading = readings.get(cause.change_id) if cause.kind is CauseKind.CHANGE else None
        if reading is None or not reading.commits:
            continue
        scores = [hunk.score for commit in reading.commits for hunk in commit.hunks]
        bar = SHOWN_SCORE_RATIO * max(scores, default=0.0)
        for commit in reading.commits[:3]:
            touching = [hunk for hunk in commit.hunks if hunk.score >= bar][:3]
            subject = case.refs.quote("commit subject", commit.subject, "repository", 200)
            for hunk in touching:
                diff = "\n".join(hunk.lines)
                key = commit_key(cause.change_id, commit.revision)
                yield CodeExcerpt(
                    service=case.refs.name(cause.service),
                    revision=commit.revision,
                    authored=rfc3339(commit.author_unix_ns),
                    path=case.refs.name(hunk.path),
                    line=_first_changed_line(hunk),
                    section=_enclosing(hunk.section),
                    subject_quote=subject,
                    diff_quote=case.refs.quote("diff", diff, "repository", MAX_DIFF_CHARS),
                    template_line=hunk.template_line,
                    score=hunk.score,
                    evidence=case.refs.cite(key) if case.refs.has(key) else (),
                )


def _enclosing(section: str) -> str:
    """Return the function or class that a hunk's heading names; '' when it names none."""
    found = DEFINITION.search(section)
    return found.group(1) if found else ""


def _first_changed_line(hunk: Hunk) -> int:
    before = 0
    for line in hunk.lines:
        if not line.startswith(" "):
            break
        before += 1
    return hunk.new_start_line + before


def _loud_shapes(findings: Findings) -> list[LogShapeChange]:
    """Return new and surging shapes: warnings and worse first, new before surging, then by count."""
    risen = [s for s in findings.log_shapes if is_new(s) or is_surging(s, findings.window)]
    return sorted(
        risen,
        key=lambda s: (
            s.severity_number < 13,
            not is_new(s),
            -s.count_after,
            s.service,
            s.template_id,
        ),
    )[:20]


def _template_id(template_id: str) -> str:
    """Return a template's id; where the template itself serves as one, a hash of it."""
    if inert_name(template_id) == template_id:
        return template_id
    return "tpl_" + hashlib.sha256(template_id.encode("utf-8", "replace")).hexdigest()[:8]


def _logs(case: _Case) -> Iterator[LogExcerpt]:
    for shape in _loud_shapes(case.findings):
        key = log_key(shape)
        template = case.refs.quote("log shape", shape.template, shape.trust)
        example = shape.examples[0] if shape.examples else ""
        yield LogExcerpt(
            template_id=_template_id(shape.template_id),
            service=case.refs.name(shape.service),
            state="new" if is_new(shape) else "surging",
            severity_number=shape.severity_number,
            lines_before=shape.count_before,
            lines_after=shape.count_after,
            template_quote=template,
            example_quote=case.refs.quote("log line", example, shape.trust),
            evidence=case.refs.cite(key) if case.refs.has(key) else (),
        )


# -- more ----------------------------------------------------------------------------------------


def _next_calls(case: _Case) -> Iterator[NextCall]:
    incident = case.incident
    trace = case.failures.origins[0].example_trace_id if case.failures.origins else ""
    if trace and case.refs.name(trace) == trace:
        trace = url_quote(trace, safe="")
        yield NextCall(f"GET /api/traces/{trace}/path", "one failing request, span by span")
    # A name that may not stand in a sentence may not stand in an address either.
    faulty = incident.faulty_service
    if faulty and case.refs.name(faulty) == faulty:
        service = url_quote(faulty, safe="")
        since = rfc3339(incident.onset_unix_ns - 60_000_000_000)
        yield NextCall(
            f"GET /api/logs?service={service}&since={since}", "what that service wrote, in order"
        )
    yield NextCall(
        f"GET /api/incidents/{incident.incident_id}/context?max_tokens=20000",
        "this with nothing left out",
    )


def _withheld(refs: References) -> tuple[LeftOut, ...]:
    if not refs.withheld:
        return ()
    return (
        LeftOut(
            what=f"{refs.withheld} texts sent from browsers without a key",
            count=refs.withheld,
            reason="anyone can write it",
            how="include_browser_text=true, for a reader who will not act on it",
        ),
    )


def _provenance(case: _Case, redactor: Redactor) -> Provenance:
    coverage = case.findings.coverage
    queries = tuple(Query(q.name, q.rows, q.complete) for q in coverage.queries)
    missing = [*case.ranking.missing, *coverage.not_covered]
    for service in sorted(coverage.services_without_spans):
        missing.append(f"{case.refs.code(service)} sends no spans: judged by its logs alone")
    for reading in sorted(case.findings.code, key=lambda r: r.change_id):
        if reading.skipped:
            missing.append(
                f"source of change {case.refs.code(reading.change_id)}: {reading.skipped}"
            )
    return Provenance(
        window_start=rfc3339(case.findings.window.start_unix_ns),
        window_end=rfc3339(case.findings.window.end_unix_ns),
        spans=coverage.spans,
        log_lines=coverage.log_lines,
        services=coverage.services,
        changes=len(case.findings.changes),
        repositories=len({r.repository for r in case.findings.code if not r.skipped}),
        queries=queries,
        complete=all(query.complete for query in queries),
        not_covered=tuple(missing),
        redacted=tuple(redactor.counts.items()),
        rules=RULES_VERSION,
    )
