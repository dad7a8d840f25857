"""Messages that the engine refused: listed, read, tried again, discarded."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from tracepulse.context.readable_message import readable_message
from tracepulse.context.redact import Redactor
from tracepulse.deliver.api.asking import Administrator, Reader
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.services import Services
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.journal.set_aside import AsideMessage

__all__ = ["router"]

router = APIRouter(tags=["server"])

_SHOWN_RECORDS = 100


class AsideShape(Shape):
    """A message that the engine refused."""

    message_id: str
    signal: str
    records: int
    size_bytes: int
    reason: str = Field(description="The engine's words, redacted.")
    set_aside_unix_ns: str = instant_field()
    set_aside_at: str = text_instant_field()
    readable: bool = Field(description="False when its file is damaged: it can only be discarded.")
    origin: str = Field(description="Protocol or reader that brought it.")
    data_set: str = Field(description="Empty for live telemetry.")


class DamagedShape(Shape):
    """Acknowledged messages of a segment of the journal that cannot be read any more."""

    segment_id: str
    signal: str
    start: int = Field(description="First byte within the segment.")
    end: int
    records: int = Field(description="How many records were in it; 0 where that is not known.")
    after_unix_ns: str = instant_field()
    after_at: str = text_instant_field()
    before_unix_ns: str = instant_field()
    before_at: str = text_instant_field()


class AsideList(Shape):
    """What was not stored and is kept."""

    messages: list[AsideShape] = Field(description="By id.")
    damaged: list[DamagedShape] = Field(
        description="What the journal lost, received between two instants (1970: not known)."
    )


class AsideContent(AsideShape):
    """A message and what is in it."""

    request: dict[str, Any] | None = Field(
        description="OTLP/JSON, redacted; null when it cannot be decoded."
    )
    records_left_out: int = Field(
        description=f"Spans, log records or metrics past the first {_SHOWN_RECORDS}."
    )


class Retried(Shape):
    """The message is in the journal again."""

    segment_id: str


class Discarded(Shape):
    """The message is gone."""

    records: int


@router.get(
    "/api/set-aside",
    summary="Messages that were not stored",
    response_model=AsideList,
    responses=failures(),
)
async def list_set_aside(asker: Reader) -> Response:
    """Return the messages that the engine refused, and the damaged stretches of the journal."""

    def answer() -> dict[str, Any]:
        services = asker.services
        return {
            "messages": [_described(services, each) for each in services.aside.messages()],
            "damaged": [
                {
                    "segment_id": each.segment_id,
                    "signal": each.signal,
                    "start": each.start,
                    "end": each.end,
                    "records": each.records,
                    **instant("after", each.after_unix_ns),
                    **instant("before", each.before_unix_ns),
                }
                for each in services.aside.damaged()
            ],
        }

    return await asker.json(answer)


@router.get(
    "/api/set-aside/{message_id}",
    summary="What is in a message that was not stored",
    response_model=AsideContent,
    responses=failures(404),
)
async def get_set_aside(asker: Reader, message_id: str) -> Response:
    """Return a message with its request as OTLP/JSON, without secrets."""

    def answer() -> dict[str, Any]:
        services = asker.services
        message, body = services.aside.get(message_id)
        request, left_out = readable_message(
            message.signal, body, services.redaction_key, _SHOWN_RECORDS
        )
        described = _described(services, message)
        return {**described, "request": request, "records_left_out": left_out}

    return await asker.json(answer)


@router.post(
    "/api/set-aside/{message_id}/retry",
    status_code=202,
    summary="Try a message again",
    response_model=Retried,
    responses=failures(404),
)
async def retry_set_aside(asker: Administrator, message_id: str) -> Response:
    """
    Put a message into the journal again, under a new segment id.

    It leaves the list at once, and is set aside anew if the engine still refuses it.
    """
    return await asker.json(lambda: {"segment_id": asker.services.aside.retry(message_id)}, 202)


@router.delete(
    "/api/set-aside/{message_id}",
    summary="Discard a message",
    response_model=Discarded,
    responses=failures(404),
)
async def discard_set_aside(asker: Administrator, message_id: str) -> Response:
    """Remove a message for good; its records stay in the accounts, as discarded."""
    return await asker.json(lambda: {"records": asker.services.aside.discard(message_id)})


def _described(services: Services, message: AsideMessage) -> dict[str, Any]:
    receipt = message.receipt
    return {
        "message_id": message.message_id,
        "signal": message.signal,
        "records": message.records,
        "size_bytes": message.size_bytes,
        "reason": Redactor(services.redaction_key).text(message.reason),
        **instant("set_aside", message.set_aside_unix_ns),
        "readable": receipt is not None,
        "origin": "" if receipt is None else receipt.origin,
        "data_set": "" if receipt is None else receipt.data_set,
    }
