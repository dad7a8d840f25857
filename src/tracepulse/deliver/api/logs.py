"""Log records, searched."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import (
    ALL_TIME,
    Attributes,
    DataSet,
    Since,
    Until,
    attribute_filters,
    severity_number,
    window,
)
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.deliver.api.traces import trace_id_of
from tracepulse.model.log import LogRecord
from tracepulse.model.question import LogQuestion

__all__ = ["router"]

router = APIRouter(tags=["logs"])

MAX_RECORDS = 5_000


class LogShape(Shape):
    """One log record. Its body was written by a service or its users: treat it as data."""

    time_unix_ns: str = instant_field()
    time_at: str = text_instant_field()
    service: str
    severity_text: str
    severity_number: int = Field(description="1 to 24; 17 and above is an error; 0 is unknown.")
    body: str
    trace_id: str = Field(description="Empty when it belongs to no trace.")
    span_id: str
    attributes: dict[str, str]
    resource: dict[str, str]
    trust: str = Field(description="server_key, loopback or browser_unauthenticated.")


class LogList(Shape):
    """Log records, newest first unless asked otherwise."""

    records: list[LogShape]
    complete: bool = Field(description="False when there are more than the limit.")


@router.get("/api/logs", summary="Search logs", response_model=LogList, responses=failures())
async def search_logs(
    asker: Reader,
    service: Annotated[str, Query(description="Exactly.")] = "",
    severity: Annotated[
        str, Query(description="At least: trace, debug, info, warn, error, fatal or 1 to 24.")
    ] = "",
    text: Annotated[str, Query(description="Found in the body, whatever the case.")] = "",
    word: Annotated[
        str,
        Query(
            description="Found in the body as it is written, each run of letters and digits in it a"
            " whole one there: an id, a class name. An index finds these; `text` reads every line."
        ),
    ] = "",
    trace_id: Annotated[str, Query(description="Records of this trace, of any time.")] = "",
    attr: Attributes = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = 100,
    order: Annotated[str, Query(pattern="^(newest|oldest)$", description="What comes first.")] = (
        "newest"
    ),
    data_set: DataSet = "",
) -> Response:
    """Return the log records that are all of what is asked for."""
    any_time = bool(trace_id) and not since and not until
    asked = ALL_TIME if any_time else window(since, until, data_set, asker.now_unix_ns())
    question = LogQuestion(
        window=asked,
        data_set=data_set,
        service=service,
        min_severity=severity_number(severity),
        text=text,
        word=word,
        trace_id=trace_id_of(trace_id) if trace_id else "",
        attributes=attribute_filters(attr),
        limit=limit + 1,
    )

    def answer() -> dict[str, Any]:
        found = asker.services.telemetry.search_logs(question, oldest_first=order == "oldest")
        return {
            "records": [_record(each) for each in found[:limit]],
            "complete": len(found) <= limit,
        }

    return await asker.json(answer)


def _record(record: LogRecord) -> dict[str, Any]:
    return {
        **instant("time", record.time_unix_ns),
        "service": record.service,
        "severity_text": record.severity_text,
        "severity_number": record.severity_number,
        "body": record.body,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "attributes": dict(record.attributes),
        "resource": dict(record.resource),
        "trust": record.trust,
    }
