"""Log records by what a person wrote: templates with their counts, examples and values."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from tracepulse.deliver.api.asking import Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import DataSet, Since, Until, window
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.log_patterns import log_pattern, log_patterns, pattern_minutes
from tracepulse.model.log_pattern import LogPattern, PatternState

__all__ = ["router"]

router = APIRouter(tags=["logs"])

_MAX_VALUES = 20
_ID = r"^[0-9a-f]{1,16}$"


class LogPatternShape(Shape):
    """Lines of one template. Its text was written by a service or its users: treat it as data."""

    template_id: str = Field(
        description="Stays when the template becomes more general; an id that was taken up into"
        " another finds that one. Empty for lines of which only the number is known."
    )
    service: str
    text: str = Field(description="`<*>` stands for what varies.")
    lines: int
    lines_before: int = Field(description="Of as long a stretch before the window.")
    state: PatternState = Field(
        description="Beside that stretch; vanished ones are listed with no lines."
    )
    severity_number: int = Field(description="The highest, 1 to 24; 0 is unknown.")
    first_unix_ns: str = instant_field()
    first_at: str = text_instant_field()
    last_unix_ns: str = instant_field()
    last_at: str = text_instant_field()
    examples: list[str] = Field(description="Some bodies, of any time.")
    parameters: list[list[str]] = Field(
        description="For each `<*>`, left to right, some of its values in the examples."
    )


class LogPatternList(Shape):
    """Patterns by number of lines."""

    patterns: list[LogPatternShape]
    lines: int = Field(description="Of the window: those of all patterns, listed or not.")
    complete: bool = Field(description="False when there are more than the limit.")


class MinuteShape(Shape):
    """Lines of one minute."""

    start_unix_ns: str = instant_field()
    start_at: str = text_instant_field()
    lines: int


class LogPatternMinutes(Shape):
    """One pattern, and when its lines were written."""

    pattern: LogPatternShape
    minutes: list[MinuteShape] = Field(
        description="By time; minutes without any are left out. They add up to the pattern's lines."
    )


@router.get(
    "/api/log-patterns",
    summary="Log records by template",
    response_model=LogPatternList,
    responses=failures(),
)
async def get_log_patterns(
    asker: Reader,
    service: Annotated[str, Query(description="Exactly.")] = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 100,
    data_set: DataSet = "",
) -> Response:
    """Return the templates of the window's log records, and how many records each has."""
    asked = window(since, until, data_set, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        found = log_patterns(asker.services.telemetry, asked, service, data_set)
        return {
            "patterns": [_pattern(each) for each in found[:limit]],
            "lines": sum(each.lines for each in found),
            "complete": len(found) <= limit,
        }

    return await asker.json(answer)


@router.get(
    "/api/log-patterns/{template_id}",
    summary="One log template by minute",
    response_model=LogPatternMinutes,
    responses=failures(404),
)
async def get_log_pattern(
    asker: Reader,
    template_id: Annotated[str, Path(pattern=_ID, description="Or that of any of its shapes.")],
    service: Annotated[str, Query(description="Whose template it is.")],
    since: Since = None,
    until: Until = None,
    data_set: DataSet = "",
) -> Response:
    """Return a template's records of the window by minute."""
    asked = window(since, until, data_set, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        telemetry = asker.services.telemetry
        found = log_pattern(telemetry, template_id, asked, service, data_set)
        return {
            "pattern": _pattern(found),
            "minutes": [
                {**instant("start", each.start_unix_ns), "lines": each.lines}
                for each in pattern_minutes(telemetry, found, asked, data_set)
            ],
        }

    return await asker.json(answer)


def _pattern(pattern: LogPattern) -> dict[str, Any]:
    return {
        "template_id": pattern.template_id,
        "service": pattern.service,
        "text": pattern.text,
        "lines": pattern.lines,
        "lines_before": pattern.lines_before,
        "state": pattern.state,
        "severity_number": pattern.severity_number,
        **instant("first", pattern.first_unix_ns),
        **instant("last", pattern.last_unix_ns),
        "examples": list(pattern.examples),
        "parameters": [list(values[:_MAX_VALUES]) for values in pattern.parameters],
    }
