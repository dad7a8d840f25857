"""The server about itself: health for probes, and a full report."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.accounting.terms import Accounting
from tracepulse.deliver.api.asking import Reader, json_response
from tracepulse.deliver.api.failures import Failure, failure_response, failures
from tracepulse.deliver.api.services import DoctorReport, Services
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field

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


class SignalAccountingShape(Shape):
    """What became of the records of one signal."""

    signal: str
    received: dict[str, int] = Field(description="By origin.")
    stored: int
    deduplicated: int
    rejected: dict[str, int] = Field(description="By reason.")
    queued: int
    mended: dict[str, int] = Field(
        description="Kept with other times than they came with, by reason."
    )
    difference: int = Field(description="Received minus all the others; anything but 0 is a fault.")


class AccountingShape(Shape):
    """What became of every record: received = stored + deduplicated + rejected + queued."""

    since_unix_ns: str = instant_field()
    since_at: str = text_instant_field()
    received: int
    stored: int
    deduplicated: int
    rejected: int
    queued: int
    set_aside: int = Field(description="The part of `rejected` that can be retried.")
    holds: bool = Field(description="Whether every signal adds up.")
    faults: list[str] = Field(description="What did not add up and where, newest last.")
    signals: list[SignalAccountingShape]


class Doctor(Shape):
    """How the server is."""

    version: str
    uptime_s: float
    data_dir: str
    engine: str
    accounting: AccountingShape
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
        "accounting": _accounting(report.accounting),
        "journal": dict(report.journal),
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in report.checks],
    }


def _accounting(accounting: Accounting) -> dict[str, Any]:
    return {
        **instant("since", accounting.since_unix_ns),
        "received": accounting.received,
        "stored": accounting.stored,
        "deduplicated": accounting.deduplicated,
        "rejected": accounting.rejected,
        "queued": accounting.queued,
        "set_aside": accounting.set_aside,
        "holds": accounting.holds,
        "faults": list(accounting.faults),
        "signals": [
            {
                "signal": each.signal,
                "received": dict(each.received),
                "stored": each.stored,
                "deduplicated": each.deduplicated,
                "rejected": dict(each.rejected),
                "queued": each.queued,
                "mended": dict(each.mended),
                "difference": each.difference,
            }
            for each in accounting.signals
        ],
    }
