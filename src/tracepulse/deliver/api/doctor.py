"""The server about itself: health for probes, and a full report."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader, json_response
from tracepulse.deliver.api.failures import Failure, failure_response, failures
from tracepulse.deliver.api.services import DoctorReport, Services
from tracepulse.deliver.api.shapes import Shape

__all__ = ["router"]

router = APIRouter(tags=["server"])


class Health(Shape):
    """The server can take telemetry in."""

    status: str = Field(examples=["ok"])


class CheckShape(Shape):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class Doctor(Shape):
    """How the server is."""

    version: str
    uptime_s: float
    data_dir: str
    engine: str
    accounting: dict[str, int] = Field(
        description="Records by fate since the start: received, stored, queued, rejected,"
        " set_aside."
    )
    journal: dict[str, Any]
    checks: list[CheckShape]


@router.get(
    "/healthz",
    summary="Whether telemetry can be taken in",
    response_model=Health,
    responses={503: {"model": Failure, "description": "Not now; the message says why."}},
)
async def health(request: Request) -> Response:
    """Answer 200 when all is well and 503 otherwise; needs no key."""
    services: Services = request.app.state.services
    failure = services.operation.failure()
    if failure:
        return failure_response(503, "unavailable", failure, {"Retry-After": "5"})
    return json_response({"status": "ok"})


@router.get(
    "/api/doctor",
    summary="How the server is",
    response_model=Doctor,
    responses=failures(),
)
async def doctor(asker: Reader) -> Response:
    """Return version, folder, engine, what became of every record, and the checks."""
    return await asker.json(lambda: _report(asker.services.operation.doctor()))


def _report(report: DoctorReport) -> dict[str, Any]:
    return {
        "version": report.version,
        "uptime_s": report.uptime_s,
        "data_dir": report.data_dir,
        "engine": report.engine,
        "accounting": dict(report.accounting),
        "journal": dict(report.journal),
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in report.checks],
    }
