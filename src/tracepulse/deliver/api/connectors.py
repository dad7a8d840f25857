"""Connectors: how they are, and fetching a window of what a source keeps."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Administrator, Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import Since, Until, window
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.instants import parse_instant
from tracepulse.receive.pull.connectors import ConnectorReport
from tracepulse.receive.pull.interface import Stretch
from tracepulse.receive.pull.passes import Fetched

__all__ = ["router"]

router = APIRouter(tags=["connectors"])


class ConnectorShape(Shape):
    """A system whose logs are followed or fetched."""

    name: str
    kind: str
    place: str = Field(description="Its address, or the patterns of its files.")
    follows: bool = Field(description="False: only windows that are asked for are fetched.")
    ok: bool
    detail: str = Field(description="In words: what it does, or what is wrong.")
    records: int = Field(description="Taken, ever; of files since the start.")
    repeated: int = Field(description="Read again and left out, since the start.")
    bytes_read: int = Field(description="Since the start.")
    requests: int
    failed_looks: int
    cut_questions: int = Field(description="Ended for their budget, since the start.")
    behind_s: float | None = Field(
        description="Age of the end of what is read without a gap; null where that is not known."
    )


class ConnectorList(Shape):
    """Connectors by name."""

    connectors: list[ConnectorShape]


class StretchShape(Shape):
    """A stretch of time."""

    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    end_unix_ns: str = instant_field()
    end_at: str = text_instant_field()


class LeftOutShape(StretchShape):
    """A stretch that was not read."""

    why: str
    records: int | None = Field(description="About how many lie there; null: it does not say.")
    size_bytes: int | None = Field(description="About how much lies there.")


class FetchShape(Shape):
    """What one question to a source brought."""

    window: StretchShape
    complete: bool = Field(description="Nothing of the window was left out.")
    records: int = Field(description="Taken now.")
    repeated: int = Field(description="Read, and taken earlier.")
    rejected: int = Field(description="Read and not kept; the accounts say why.")
    bytes_read: int
    requests: int
    read_before: list[StretchShape] = Field(description="What earlier questions had read for good.")
    left_out: list[LeftOutShape]
    failure: str = Field(description="What is wrong with the source; empty when nothing is.")


@router.get(
    "/api/connectors",
    summary="How the connectors are",
    response_model=ConnectorList,
    responses=failures(),
)
async def list_connectors(asker: Reader) -> Response:
    """Return the connectors and how they are."""
    return await asker.json(
        lambda: {"connectors": [_report(each) for each in asker.services.connectors.reports()]}
    )


@router.post(
    "/api/connectors/{name}/fetch",
    summary="Fetch a window of what a source keeps",
    response_model=FetchShape,
    responses=failures(404),
)
async def fetch(
    asker: Administrator,
    name: str,
    since: Since = None,
    until: Until = None,
    max_bytes: Annotated[
        int | None, Query(ge=1024, description="To read; the connector's own where none is given.")
    ] = None,
    max_s: Annotated[
        float | None, Query(gt=0, le=600, description="To take; likewise, in seconds.")
    ] = None,
    around: Annotated[
        str | None,
        Query(
            description="An instant, such as the onset of an incident: what lies nearest to it is"
            " read first. Default: the earliest first."
        ),
    ] = None,
) -> Response:
    """
    Take what is missing of a window from a source, within a budget, and tell what was left out.

    Asking again goes on where the budget ended; what was taken is never taken twice.
    """
    asked = window(since, until, "", asker.now_unix_ns())
    stretch = Stretch(asked.start_unix_ns, asked.end_unix_ns)
    around_unix_ns = parse_instant(around, asker.now_unix_ns(), "around") if around else None
    desk = asker.services.connectors
    return await asker.json(
        lambda: _fetched(desk.fetch(name, stretch, max_bytes, max_s, around_unix_ns))
    )


def _report(report: ConnectorReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "kind": report.kind,
        "place": report.place,
        "follows": report.follows,
        "ok": report.ok,
        "detail": report.detail,
        "records": report.records,
        "repeated": report.repeated,
        "bytes_read": report.bytes_read,
        "requests": report.requests,
        "failed_looks": report.failed_looks,
        "cut_questions": report.left_out,
        "behind_s": report.behind_s,
    }


def _fetched(fetched: Fetched) -> dict[str, Any]:
    return {
        "window": _stretch(fetched.window),
        "complete": not fetched.left_out,
        "records": fetched.records,
        "repeated": fetched.repeated,
        "rejected": fetched.rejected,
        "bytes_read": fetched.bytes_read,
        "requests": fetched.requests,
        "read_before": [_stretch(each) for each in fetched.before],
        "left_out": [
            {
                **_stretch(each.stretch),
                "why": each.why,
                "records": each.estimate.records,
                "size_bytes": each.estimate.size_bytes,
            }
            for each in fetched.left_out
        ],
        "failure": "" if fetched.failure is None else str(fetched.failure),
    }


def _stretch(stretch: Stretch) -> dict[str, str]:
    return {**instant("start", stretch.start_unix_ns), **instant("end", stretch.end_unix_ns)}
