"""Alerts of other systems, as they post them."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.asking import Ingester, read_body
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.shapes import Shape
from tracepulse.receive.alerts import MAX_BODY_BYTES, read_alertmanager

__all__ = ["router"]

router = APIRouter(tags=["alerts"])


class Accepted(Shape):
    """The alerts were kept."""

    accepted: int = Field(description="Alerts in the request.")


@router.post(
    "/api/alerts/alertmanager",
    summary="Alertmanager's webhook, version 4",
    response_model=Accepted,
    responses=failures(413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "As a `webhook_config` receiver of Alertmanager posts it.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def post_alertmanager(asker: Ingester, request: Request) -> Response:
    """Keep the state of each alert; one that fires opens or joins an incident."""
    body = await read_body(request, MAX_BODY_BYTES)
    alerts = read_alertmanager(body, asker.now_unix_ns(), asker.caller.trust)

    def answer() -> dict[str, Any]:
        for alert in alerts:
            asker.services.state.put_alert(alert)
        asker.services.on_signal()
        return {"accepted": len(alerts)}

    return await asker.json(answer)
