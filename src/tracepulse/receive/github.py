"""
Changes as GitHub's webhooks tell of them: pushes, releases and deployments.

Source:
    https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tracepulse.errors import LimitExceeded, MalformedBody
from tracepulse.model.change import Change
from tracepulse.receive.log_times import rfc3339_unix_ns

__all__ = ["MAX_BODY_BYTES", "Told", "read_github"]

MAX_BODY_BYTES = 4 * 1024 * 1024
"""A push of two thousand commits has about three MiB; past it the request is refused."""

_NO_COMMIT = "0" * 40
_MAX_SERVICES = 32
_MAX_NAME = 256
_MAX_SUMMARY = 4_096
_Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event said: changes, or why there is none."""

    changes: tuple[Change, ...] = ()
    ignored: str = ""


def read_github(event: str, body: bytes, services: Sequence[str], received_unix_ns: int) -> Told:
    """
    Return the changes that an event tells of, one for each service.

    A push counts when it is to the default branch, a release when it is published, a deployment when
    it has succeeded. The same event sent again gives changes of the same id.

    Args:
        event: the header `X-GitHub-Event`.
        services: what the repository's changes are of; none is the repository's own name (or the
            `service` in a deployment's payload).
    Raises:
        MalformedBody: it is not such JSON; the text names the field.
        LimitExceeded: it is too long.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"an event of {len(body):,} bytes; at most {MAX_BODY_BYTES:,}")
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the event must be JSON ({error})") from None
    if not isinstance(payload, dict):
        raise MalformedBody("the event must be a JSON object")
    if event not in _READERS:
        return Told(ignored=f"{event or 'an event without a name'}: not an event that changes say")
    told = _READERS[event](_Event(payload), received_unix_ns)
    if isinstance(told, str):
        return Told(ignored=told)
    named = [name.strip()[:_MAX_NAME] for name in services if name.strip()][:_MAX_SERVICES]
    return Told(tuple(_change(told, service) for service in dict.fromkeys(named or [told.service])))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A change before it is known which services it is of."""

    identity: str
    kind: str
    service: str
    at_unix_ns: int
    version: str
    revision: str
    previous_revision: str
    repository: str
    summary: str


class _Event:
    """A payload whose fields may be missing or of another kind."""

    def __init__(self, payload: _Object, place: str = "") -> None:
        self._payload = payload
        self._place = place

    def inside(self, name: str) -> "_Event":
        """Return an object within; raises MalformedBody where there is none."""
        found = self._payload.get(name)
        if not isinstance(found, dict):
            raise MalformedBody(f"{self._place}{name}: must be an object")
        return _Event(found, f"{self._place}{name}.")

    def maybe(self, name: str) -> "_Event":
        """Return an object within; an empty one where there is none."""
        found = self._payload.get(name)
        return _Event(found if isinstance(found, dict) else {}, f"{self._place}{name}.")

    def text(self, name: str, limit: int = _MAX_NAME) -> str:
        """Return a text, cut to a limit; '' where there is none."""
        found = self._payload.get(name)
        return found.strip()[:limit] if isinstance(found, str) else ""

    def needed(self, name: str) -> str:
        """Return a text or number; raises MalformedBody where there is none."""
        found = self._payload.get(name)
        if isinstance(found, bool) or not isinstance(found, str | int) or not str(found):
            raise MalformedBody(f"{self._place}{name}: missing")
        return str(found)[:_MAX_NAME]

    def instant(self, name: str) -> int | None:
        """Return an instant in Unix ns; None where there is none that can be read."""
        found = self._payload.get(name)
        return rfc3339_unix_ns(found) if isinstance(found, str) else None

    def seconds(self, name: str) -> int | None:
        """Return an instant that is written as seconds since 1970, in Unix ns."""
        found = self._payload.get(name)
        return found * 10**9 if type(found) is int and 0 < found < 2**33 else None

    def count(self, name: str) -> int:
        """Return how long a list is."""
        found = self._payload.get(name)
        return len(found) if isinstance(found, list) else 0

    def is_true(self, name: str) -> bool:
        """Tell whether a field says true."""
        return self._payload.get(name) is True


def _push(event: _Event, received_unix_ns: int) -> _Seen | str:
    repository = event.inside("repository")
    ref = event.needed("ref")
    default = repository.text("default_branch")
    if default and ref != f"refs/heads/{default}":
        return f"push to {ref}: only the default branch {default} runs"
    after, before = event.needed("after"), event.text("before")
    if after == _NO_COMMIT or event.is_true("deleted"):
        return f"{ref} was deleted"
    head = event.maybe("head_commit")
    more = event.count("commits") - 1
    title = head.text("message", _MAX_SUMMARY).partition("\n")[0]
    return _Seen(
        identity=f"push:{repository.needed('full_name')}:{after}",
        kind="other",
        service=repository.needed("name"),
        # The commit may be days older than its push, which is what sets things going.
        at_unix_ns=repository.seconds("pushed_at") or received_unix_ns,
        version="",
        revision=after,
        previous_revision="" if before == _NO_COMMIT else before,
        repository=_address(repository),
        summary=f"pushed: {title}" + (f" (and {more} more commits)" if more > 0 else ""),
    )


def _release(event: _Event, received_unix_ns: int) -> _Seen | str:
    if event.text("action") != "published":
        return f"release {event.text('action') or 'without an action'}: only published ones count"
    repository, release = event.inside("repository"), event.inside("release")
    if release.is_true("draft"):
        return "a draft of a release"
    tag = release.needed("tag_name")
    target = release.text("target_commitish")
    name = release.text("name") or tag
    return _Seen(
        identity=f"release:{repository.needed('full_name')}:{release.needed('id')}",
        kind="deploy",
        service=repository.needed("name"),
        at_unix_ns=release.instant("published_at") or received_unix_ns,
        version=tag,
        revision=target if _is_commit(target) else tag,
        previous_revision="",
        repository=_address(repository),
        summary=f"released {name}",
    )


def _deployment_status(event: _Event, received_unix_ns: int) -> _Seen | str:
    repository = event.inside("repository")
    status, deployment = event.inside("deployment_status"), event.inside("deployment")
    state = status.needed("state")
    if state != "success":
        return f"deployment {state}: only those that succeeded count"
    environment = status.text("environment") or deployment.text("environment")
    details = deployment.maybe("payload")
    told = status.text("description", 1_000) or deployment.text("description", 1_000)
    summary = f"deployed {deployment.text('ref')} to {environment or 'an unnamed environment'}"
    return _Seen(
        identity=f"deployment:{repository.needed('full_name')}:{deployment.needed('id')}",
        kind="deploy",
        service=details.text("service") or repository.needed("name"),
        at_unix_ns=status.instant("created_at") or received_unix_ns,
        version=details.text("version") or _version(deployment.text("ref")),
        revision=deployment.needed("sha"),
        previous_revision="",
        repository=_address(repository),
        summary=f"{summary}: {told}" if told else summary,
    )


_READERS = {"push": _push, "release": _release, "deployment_status": _deployment_status}


def _change(seen: _Seen, service: str) -> Change:
    return Change(
        change_id=_change_id(seen.identity, service),
        kind=seen.kind,
        service=service,
        at_unix_ns=seen.at_unix_ns,
        version=seen.version or None,
        revision=seen.revision or None,
        previous_revision=seen.previous_revision or None,
        repository=seen.repository or None,
        summary=seen.summary[:_MAX_SUMMARY],
    )


def _change_id(identity: str, service: str) -> str:
    said = f"github:{identity}:{service}"
    return "chg_" + hashlib.sha256(said.encode()).hexdigest()[:12]


def _address(repository: _Event) -> str:
    return repository.text("html_url", 1_024) or repository.text("clone_url", 1_024)


def _is_commit(text: str) -> bool:
    return len(text) == 40 and all(letter in "0123456789abcdef" for letter in text)


def _version(ref: str) -> str:
    """Return a ref that names a version: a tag such as v1.8.3, no branch and no commit."""
    return ref if not _is_commit(ref) and any(letter.isdigit() for letter in ref) else ""
