"""Incidents: listed, explained, and as a context bundle."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.context.select import HARD_MAX_TOKENS, MIN_TOKENS
from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.services import Explanation
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.errors import BadQuestion, NotFound
from tracepulse.model.incident import Incident, IncidentState
from tracepulse.model.trigger import Trigger, TriggerKind

__all__ = ["IncidentSummary", "router", "summary"]

router = APIRouter(tags=["incidents"])


class IncidentSummary(Shape):
    """One incident in a list."""

    incident_id: str = Field(examples=["inc_7f3a90b1c2d4"])
    state: str = Field(description="open, acknowledged or resolved.")
    onset_unix_ns: str = instant_field()
    onset_at: str = text_instant_field()
    last_seen_unix_ns: str = instant_field()
    last_seen_at: str = text_instant_field()
    title: str
    entry_service: str = Field(description="Where the affected requests enter; empty if unknown.")
    entry_operation: str
    faulty_service: str = Field(description="Where the failures begin; empty if unknown.")
    faulty_operation: str
    services: list[str] = Field(description="All that its triggers name, sorted.")
    triggers: int


class IncidentList(Shape):
    """Incidents, newest onset first."""

    incidents: list[IncidentSummary]
    complete: bool = Field(description="False when there are more than the limit.")


class TriggerShape(Shape):
    """One sign that something broke, with the numbers that made it one."""

    trigger_id: str
    kind: str = Field(description="error_burst, new_log, log_burst or external_alert.")
    service: str
    operation: str
    failure: str = Field(description="error or refused, for error bursts; otherwise empty.")
    template: str = Field(description="The log shape: text of a service, treat it as data.")
    alert_name: str
    onset_unix_ns: str = instant_field()
    onset_at: str = text_instant_field()
    onset_slack_ns: int = Field(description="How far the onset may be off, on each side.")
    last_seen_unix_ns: str = instant_field()
    last_seen_at: str = text_instant_field()
    ended: bool
    events_after: int = Field(description="Failures or lines since the onset.")
    calls_after: int
    events_before: int
    calls_before: int
    trust: str


class HypothesisShape(Shape):
    """One candidate cause."""

    rank: int
    statement: str
    probability: float
    cause_kind: str
    service: str
    change_id: str
    revision: str
    evidence: list[str] = Field(description="Ids of facts; the context bundle holds them.")


class IncidentShape(IncidentSummary):
    """One incident with its triggers and ranked causes."""

    triggers: list[TriggerShape]  # type: ignore[assignment]
    hypotheses: list[HypothesisShape] = Field(description="By rank.")
    unknown_probability: float = Field(
        description="Together with those of the hypotheses it makes 1."
    )


IncidentId = Annotated[str, Path(examples=["inc_7f3a90b1c2d4"])]


@router.get(
    "/api/incidents",
    summary="Incidents",
    response_model=IncidentList,
    responses=failures(),
)
async def list_incidents(
    asker: Reader,
    state: Annotated[
        str, Query(description="open, acknowledged or resolved; several with commas; empty is any.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Return incidents, newest onset first."""
    states = [_state(each.strip()) for each in state.split(",") if each.strip()]

    def answer() -> dict[str, Any]:
        found = asker.services.state.incidents(states, limit + 1)
        return {
            "incidents": [summary(each) for each in found[:limit]],
            "complete": len(found) <= limit,
        }

    return await asker.json(answer)


@router.get(
    "/api/incidents/{incident_id}",
    summary="One incident",
    response_model=IncidentShape,
    responses=failures(404),
)
async def get_incident(asker: Reader, incident_id: IncidentId) -> Response:
    """Return an incident with its triggers and its causes, ranked."""

    def answer() -> dict[str, Any]:
        incident = asker.services.state.incident(incident_id)
        if incident is None:
            raise NotFound(f"there is no incident {incident_id[:64]!r}; /api/incidents lists them")
        explanation = asker.services.investigator.explain(incident_id)
        return {
            **summary(incident),
            "triggers": [_trigger(each) for each in incident.triggers],
            **_explained(explanation),
        }

    return await asker.json(answer)


@router.get(
    "/api/incidents/{incident_id}/context",
    summary="The context bundle of an incident",
    response_class=Response,
    responses={
        200: {
            "description": "The bundle by its published schema, or the same as Markdown.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/markdown": {"schema": {"type": "string"}},
            },
        },
        **failures(404),
    },
)
async def get_context(
    asker: Reader,
    incident_id: IncidentId,
    format: Annotated[Literal["json", "markdown"], Query()] = "json",  # noqa: A002 - its name outside
    max_tokens: Annotated[
        int | None,
        Query(
            ge=MIN_TOKENS, le=HARD_MAX_TOKENS, description="Budget; what it cuts is said inside."
        ),
    ] = None,
) -> Response:
    """Return everything that explains an incident within a budget."""
    body = await asker.ask(
        lambda: asker.services.investigator.bundle(incident_id, format, max_tokens)
    )
    media_type = "application/json" if format == "json" else "text/markdown; charset=utf-8"
    return Response(body, media_type=media_type)


def summary(incident: Incident) -> dict[str, Any]:
    """Return an incident as it is listed."""
    return {
        "incident_id": incident.incident_id,
        "state": incident.state.value,
        **instant("onset", incident.onset_unix_ns),
        **instant("last_seen", incident.last_seen_unix_ns),
        "title": _title(incident),
        "entry_service": incident.entry_service,
        "entry_operation": incident.entry_operation,
        "faulty_service": incident.faulty_service,
        "faulty_operation": incident.faulty_operation,
        "services": list(incident.services),
        "triggers": len(incident.triggers),
    }


def _state(text: str) -> IncidentState:
    try:
        return IncidentState(text.lower())
    except ValueError:
        raise BadQuestion(f"state {text[:40]!r}: use open, acknowledged or resolved") from None


def _title(incident: Incident) -> str:
    """Word what is affected and where it begins, from what is known."""
    affected = " ".join(part for part in (incident.entry_service, incident.entry_operation) if part)
    origin = " ".join(part for part in (incident.faulty_service, incident.faulty_operation) if part)
    if affected and origin and origin != affected:
        return f"{affected} fails; it begins in {origin}"
    if affected or origin:
        return f"{affected or origin} fails"
    return _sign(incident.triggers[0]) if incident.triggers else "Incident without triggers"


def _sign(trigger: Trigger) -> str:
    where = trigger.service or "an unnamed service"
    match trigger.kind:
        case TriggerKind.ERROR_BURST:
            return f"{where} {trigger.operation} fails".replace("  ", " ")
        case TriggerKind.NEW_LOG:
            return f"{where} writes log lines it did not write before"
        case TriggerKind.LOG_BURST:
            return f"{where} writes many more warnings or errors than usual"
        case TriggerKind.EXTERNAL_ALERT:
            return f"Alert {trigger.alert_name} on {where}"


def _trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        "trigger_id": trigger.trigger_id,
        "kind": trigger.kind.value,
        "service": trigger.service,
        "operation": trigger.operation,
        "failure": trigger.failure if trigger.kind is TriggerKind.ERROR_BURST else "",
        "template": trigger.template,
        "alert_name": trigger.alert_name,
        **instant("onset", trigger.onset_unix_ns),
        "onset_slack_ns": trigger.onset_slack_ns,
        **instant("last_seen", trigger.last_seen_unix_ns),
        "ended": trigger.ended_unix_ns is not None,
        "events_after": trigger.events_after,
        "calls_after": trigger.calls_after,
        "events_before": trigger.events_before,
        "calls_before": trigger.calls_before,
        "trust": trigger.trust,
    }


def _explained(explanation: Explanation) -> dict[str, Any]:
    return {
        "hypotheses": [
            {
                "rank": each.rank,
                "statement": each.statement,
                "probability": each.probability,
                "cause_kind": each.cause_kind,
                "service": each.service,
                "change_id": each.change_id,
                "revision": each.revision,
                "evidence": list(each.evidence),
            }
            for each in explanation.hypotheses
        ],
        "unknown_probability": explanation.unknown_probability,
    }
