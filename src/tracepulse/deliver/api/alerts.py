"""Alerts of other systems, as they post them."""

from typing import Any, cast

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.asking import Asker, Ingester, read_body, signed_asker
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.services import Services
from tracepulse.deliver.api.shapes import Shape
from tracepulse.model.trigger import ExternalAlert
from tracepulse.receive.alerts import MAX_BODY_BYTES, read_alertmanager, read_grafana
from tracepulse.receive.generic_alerts import read_generic
from tracepulse.receive.sentry_alerts import read_sentry

__all__ = ["router"]

router = APIRouter(tags=["alerts"])


class Accepted(Shape):
    """The alerts were kept."""

    accepted: int = Field(description="Alerts in the request.")


class NewAlert(Shape):
    """An alert as any system may send it."""

    name: str = Field(description="What the alert is called.")
    status: str = Field(default="firing", description="firing or resolved.")
    id: str | None = Field(
        default=None, description="Yours; the resolution has the same. Else name, service, labels."
    )
    service: str | None = None
    operation: str | None = None
    starts_at: str | None = Field(default=None, description="RFC 3339; without it, now.")
    ends_at: str | None = Field(default=None, description="RFC 3339; without it, now.")
    summary: str | None = None
    description: str | None = None
    url: str | None = None
    labels: dict[str, str] | None = None


def _json_body(description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": schema or {"type": "object"}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


async def _keep(asker: Asker, alerts: tuple[ExternalAlert, ...], by_name: bool = False) -> Response:
    """Keep alerts; with `by_name` a resolution ends what is open, whenever that began."""

    def answer() -> dict[str, Any]:
        state = asker.services.state
        for alert in alerts:
            if not (by_name and alert.ends_unix_ns is not None and state.end_alerts(alert)):
                state.put_alert(alert)
        if alerts:
            asker.services.on_signal()
        return {"accepted": len(alerts)}

    return await asker.json(answer)


@router.post(
    "/api/alerts/alertmanager",
    summary="Alertmanager's webhook, version 4",
    response_model=Accepted,
    responses=failures(413),
    openapi_extra=_json_body("As a `webhook_config` receiver of Alertmanager posts it."),
)
async def post_alertmanager(asker: Ingester, request: Request) -> Response:
    """Keep the state of each alert; one that fires opens or joins an incident."""
    body = await read_body(request, MAX_BODY_BYTES)
    return await _keep(asker, read_alertmanager(body, asker.now_unix_ns(), asker.caller.trust))


@router.post(
    "/api/alerts/grafana",
    summary="Grafana Alerting's webhook",
    response_model=Accepted,
    responses=failures(413),
    openapi_extra=_json_body("As a webhook contact point of Grafana posts it."),
)
async def post_grafana(asker: Ingester, request: Request) -> Response:
    """Keep the state of each alert, as of Alertmanager's."""
    body = await read_body(request, MAX_BODY_BYTES)
    return await _keep(asker, read_grafana(body, asker.now_unix_ns(), asker.caller.trust))


@router.post(
    "/api/alerts/sentry",
    summary="Sentry's webhooks",
    response_model=Accepted,
    responses=failures(413),
    openapi_extra=_json_body(
        "As an integration of Sentry posts it, signed; other than alerts and issues is passed over."
    ),
)
async def post_sentry(request: Request) -> Response:
    """Keep issue alerts, metric alerts, and issues that begin, come back or are resolved."""
    secret = cast(Services, request.app.state.services).sentry_secret
    asker, body = await signed_asker(request, secret, "sentry-hook-signature", MAX_BODY_BYTES)
    resource = request.headers.get("sentry-hook-resource", "")
    alerts = read_sentry(body, resource, asker.now_unix_ns(), asker.caller.trust)
    return await _keep(asker, alerts, by_name=True)


@router.post(
    "/api/alerts/webhook",
    summary="An alert of any other system",
    response_model=Accepted,
    responses=failures(413),
    openapi_extra=_json_body("One alert, or a list of them.", NewAlert.model_json_schema()),
)
async def post_generic(asker: Ingester, request: Request) -> Response:
    """Keep alerts; a resolution ends what is open of the same id."""
    body = await read_body(request, MAX_BODY_BYTES)
    alerts = read_generic(body, asker.now_unix_ns(), asker.caller.trust)
    return await _keep(asker, alerts, by_name=True)
