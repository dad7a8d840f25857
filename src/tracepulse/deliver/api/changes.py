"""Changes to the watched system: reported by pipelines, listed for people."""

from typing import Any, Literal, cast

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from tracepulse.deliver.api.asking import Ingester, Reader, read_body, signed_asker
from tracepulse.deliver.api.failures import failures
from tracepulse.deliver.api.questions import Since, Until, window
from tracepulse.deliver.api.services import Services
from tracepulse.deliver.api.shapes import Shape, instant, instant_field, text_instant_field
from tracepulse.model.change import Change
from tracepulse.receive.changes import MAX_BODY_BYTES, read_change
from tracepulse.receive.github import MAX_BODY_BYTES as MAX_EVENT_BYTES
from tracepulse.receive.github import read_github

__all__ = ["router"]

router = APIRouter(tags=["changes"])


class NewChange(Shape):
    """A change as it is reported."""

    service: str = Field(description="The service that changed.", max_length=256)
    kind: Literal["deploy", "flag", "config", "other"] = "deploy"
    change_id: str | None = Field(
        default=None,
        max_length=64,
        description="Yours; the same id replaces. Without it, a hash of what is sent.",
    )
    at: str | None = Field(default=None, description="RFC 3339; without it, now.")
    version: str | None = None
    previous_version: str | None = None
    revision: str | None = Field(default=None, description="The commit that runs from then on.")
    previous_revision: str | None = None
    repository: str | None = Field(
        default=None, description="A path or address under which the source can be read."
    )
    summary: str | None = None


class Kept(Shape):
    """The change was kept."""

    change_id: str = Field(examples=["chg_5f0c1a2b3c4d"])


class ChangeShape(Shape):
    """A change that was reported."""

    change_id: str
    kind: str
    service: str
    at_unix_ns: str = instant_field()
    at_at: str = text_instant_field()
    version: str | None
    previous_version: str | None
    revision: str | None
    previous_revision: str | None
    repository: str | None
    summary: str


class ChangeList(Shape):
    """Changes by time and id."""

    changes: list[ChangeShape]


@router.post(
    "/api/changes",
    status_code=201,
    summary="Report a change",
    response_model=Kept,
    responses=failures(413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": NewChange.model_json_schema()}},
        }
    },
)
async def post_change(asker: Ingester, request: Request) -> Response:
    """Keep a deploy, flag or setting, so that incidents after it can be held against it."""
    body = await read_body(request, MAX_BODY_BYTES)
    change = read_change(body, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        asker.services.state.put_change(change)
        asker.services.on_signal()
        return {"change_id": change.change_id}

    return await asker.json(answer, 201)


class GitHubKept(Shape):
    """What came of an event."""

    change_ids: list[str] = Field(description="The changes that were kept.")
    ignored: str = Field(description="Why there is none; '' when there is.")


@router.post(
    "/api/changes/github",
    summary="GitHub's webhooks",
    response_model=GitHubKept,
    responses=failures(413),
    openapi_extra={
        "parameters": [
            {
                "name": "service",
                "in": "query",
                "description": "The service that the repository is of; may be repeated.",
                "schema": {"type": "array", "items": {"type": "string"}},
            }
        ],
        "requestBody": {
            "required": True,
            "description": "The events push, release and deployment_status, as JSON, signed.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    },
)
async def post_github(request: Request) -> Response:
    """Keep pushes to the default branch, published releases and successful deployments."""
    secret = cast(Services, request.app.state.services).github_secret
    asker, body = await signed_asker(request, secret, "x-hub-signature-256", MAX_EVENT_BYTES)
    event = request.headers.get("x-github-event", "")
    named = request.query_params.getlist("service")
    told = read_github(event, body, named, asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        for change in told.changes:
            asker.services.state.put_change(change)
        if told.changes:
            asker.services.on_signal()
        kept = [change.change_id for change in told.changes]
        return {"change_ids": kept, "ignored": told.ignored}

    return await asker.json(answer, 201 if told.changes else 200)


@router.get(
    "/api/changes", summary="Reported changes", response_model=ChangeList, responses=failures()
)
async def list_changes(asker: Reader, since: Since = None, until: Until = None) -> Response:
    """Return the changes of a stretch of time."""
    asked = window(since, until, "", asker.now_unix_ns())

    def answer() -> dict[str, Any]:
        found = asker.services.state.changes(asked.start_unix_ns, asked.end_unix_ns)
        return {"changes": [_change(each) for each in found]}

    return await asker.json(answer)


def _change(change: Change) -> dict[str, Any]:
    return {
        "change_id": change.change_id,
        "kind": change.kind,
        "service": change.service,
        **instant("at", change.at_unix_ns),
        "version": change.version,
        "previous_version": change.previous_version,
        "revision": change.revision,
        "previous_revision": change.previous_revision,
        "repository": change.repository,
        "summary": change.summary,
    }
