"""
Asking over HTTP: credentials, refusals in one form, and answers that are counted as they are read.

What is counted against a budget is what comes over the wire, which may be compressed. It is read in
pieces of at most 64 KiB, and a piece is read only when there is room for it: no question reads more
than its budget.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from tracepulse.errors import BadSetting, LimitExceeded, SourceFailure
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.pull.spending import Spend

if TYPE_CHECKING:
    import httpx

__all__ = ["AnswerTooLarge", "Credentials", "HttpPlace", "HttpSource"]

_PIECE_BYTES = 64 * 1024
"""What one read of a socket brings at most (httpcore, `READ_NUM_BYTES`)."""
_ANSWER_BYTES = 64 * 1024 * 1024
"""Of one answer, unpacked, in memory; past it a smaller page is asked for."""
_REFUSAL_BYTES = 16 * 1024
_CONNECT_S = 10.0
_SILENCE_S = 30.0
"""An answer that stands still for so long is given up."""
_LASTING = frozenset({400, 401, 402, 403, 404, 405, 410, 415, 422, 501})
_SHOWN_CHARACTERS = 300
_LONGEST_RETRY_S = 3600.0
"""What a source may ask us to wait: a slip of its configuration should not end following for good."""


class AnswerTooLarge(LimitExceeded):
    """One answer is larger than is held in memory; a smaller one should be asked for."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What opens a source; never printed."""

    headers: tuple[tuple[str, str], ...] = ()
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class HttpPlace:
    """Where a source is, and what opens it."""

    name: str
    """Of the connector, for messages."""
    url: str
    credentials: "Callable[[], Credentials]" = lambda: Credentials()
    """Asked before each request, for secrets in files are changed while a server runs. One that raises
    BadSetting has its last ones used on: a file may be away for a moment while it is written anew."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    verify: bool = True

    def __repr__(self) -> str:
        return f"HttpPlace({self.name!r}, {self.url!r})"


class HttpSource:
    """A source's HTTP interface, asked by one thread at a time."""

    def __init__(self, place: HttpPlace) -> None:
        """
        Prepare; nothing is sent yet.

        Raises:
            BadSetting: the certificates or a secret cannot be read.
        """
        self._place = place
        self._credentials = place.credentials()
        self._verify = _verified_by(place)
        self._client: httpx.Client | None = None
        self._base = place.url.rstrip("/")

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def json(
        self,
        spend: Spend,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """
        Return an answer's JSON.

        Args:
            content: what is sent, as JSON.
        Raises:
            SourceFailure: nobody answers, it is a refusal, or it is not JSON.
            AnswerTooLarge: it is more than is held in memory.
            BudgetSpent: it is more than may be read.
        """
        body = None if content is None else orjson.dumps(content)
        sent = dict(headers or {})
        if body is not None:
            sent["content-type"] = "application/json"
        with self._asked(spend, method, path, params, body, sent) as pieces:
            whole = bytearray()
            for piece in pieces:
                whole += piece
                if len(whole) > _ANSWER_BYTES:
                    raise AnswerTooLarge(f"{self._base}: an answer of over {_ANSWER_BYTES:,} bytes")
        try:
            return orjson.loads(whole)
        except orjson.JSONDecodeError as error:
            raise SourceFailure(
                f"{self._base}{path} answers with something else than JSON ({error}); is this the"
                " right address?",
                lasting=True,
            ) from error

    def lines(
        self, spend: Spend, method: str, path: str, form: Mapping[str, Any]
    ) -> Iterator[bytes]:
        """Yield the lines of an answer as they come; a form is sent. Raises as `json`."""
        from urllib.parse import urlencode

        sent = {"content-type": "application/x-www-form-urlencoded"}
        rest = b""
        with self._asked(spend, method, path, None, urlencode(form).encode(), sent) as pieces:
            for piece in pieces:
                lines = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
                rest = lines.pop()
                if len(rest) > _ANSWER_BYTES:
                    raise AnswerTooLarge(f"{self._base}: a line of over {_ANSWER_BYTES:,} bytes")
                yield from lines
        if rest:
            yield rest

    @contextmanager
    def _asked(
        self,
        spend: Spend,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Iterator[Iterator[bytes]]:
        import httpx

        spend.begin_request()
        timeout = httpx.Timeout(min(_SILENCE_S, max(1.0, spend.left_s)), connect=_CONNECT_S)
        opening = self._current()
        try:
            with self._opened().stream(
                method,
                self._base + path,
                params=dict(params or {}),
                content=body,
                headers={**dict(opening.headers), **headers},
                auth=(opening.user, opening.password) if opening.user else None,
                timeout=timeout,
            ) as response:
                if response.status_code >= 300:
                    raise self._refusal(response, spend)
                yield _pieces(response, spend)
        except httpx.TimeoutException as error:
            spend.room_for(0)  # where our own time is up, the source is not to blame
            raise SourceFailure(f"{self._base} did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailure(
                f"{self._base} cannot be asked ({error or type(error).__name__})"
            ) from error

    def _current(self) -> Credentials:
        """Return what opens the source now."""
        with suppress(BadSetting):
            self._credentials = self._place.credentials()
        return self._credentials

    def _opened(self) -> "httpx.Client":
        if self._client is None:
            import httpx

            place = self._place
            near = is_loopback(urlsplit(place.url).hostname or "")
            # Redirects are not followed: they would take the credentials elsewhere.
            self._client = httpx.Client(
                verify=self._verify,
                trust_env=not near,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=2),
            )
        return self._client

    def _refusal(self, response: "httpx.Response", spend: Spend) -> SourceFailure:
        text = bytearray()
        for piece in _pieces(response, spend):
            text += piece
            if len(text) > _REFUSAL_BYTES:
                break
        status = response.status_code
        said = " ".join(_said(bytes(text)).split())[:_SHOWN_CHARACTERS]
        hint = {
            301: f"; it wants to be asked at {response.headers.get('location', '')[:200]}",
            401: "; see to the credentials of this connector",
            403: "; the credentials lack a right",
            404: "; is this the right address?",
        }.get(status, "")
        return SourceFailure(
            f"{self._base} answers {status}{': ' if said else ''}{said}{hint}",
            lasting=status in _LASTING or status < 400,
            retry_after_s=_retry_s(
                response.headers.get("retry-after", ""), response.headers.get("date", "")
            ),
        )


def _retry_s(after: str, date: str) -> float:
    """
    Return how long we are asked to wait; 0 where that is not said.

    Args:
        after: seconds, or an instant as HTTP writes them.
        date: what the source's own clock showed when it answered; ours may be another.
    """
    if after.isascii() and after.isdigit():
        return min(float(after), _LONGEST_RETRY_S)
    until = _http_instant(after)
    if until is None:
        return 0.0
    asked_at = _http_instant(date) or datetime.now(UTC)
    return min(max(0.0, (until - asked_at).total_seconds()), _LONGEST_RETRY_S)


def _http_instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:  # of what is no date at all, too
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _verified_by(place: HttpPlace) -> Any:
    if not place.verify:
        return False
    if not place.ca_file:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=place.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BadSetting(
            f"connector {place.name}: ca_file {place.ca_file} cannot be read: {error}"
        ) from error


def _pieces(response: "httpx.Response", spend: Spend) -> Iterator[bytes]:
    """Yield an answer, unpacked, and count what came over the wire."""
    announced = response.headers.get("content-length", "")
    known = int(announced) if announced.isdigit() else None
    if known is not None:
        spend.room_for(known)
    pieces = response.iter_bytes()
    counted = 0
    while True:
        # Of an answer of known length the bytes were looked at above; time is in any case.
        spend.room_for(_PIECE_BYTES if known is None else 0)
        piece = next(pieces, None)
        spend.read(response.num_bytes_downloaded - counted)
        counted = response.num_bytes_downloaded
        if piece is None:
            return
        yield piece


def _said(text: bytes) -> str:
    """Return the words of a refusal, in whichever of the usual forms it has them."""
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode(errors="replace")
    if isinstance(found, dict):
        error = found.get("error")
        if isinstance(error, dict):  # Elasticsearch and OpenSearch
            causes = error.get("root_cause") or [error]
            first = causes[0] if isinstance(causes, list) and causes else error
            reason = first.get("reason") if isinstance(first, dict) else None
            return str(reason or error.get("reason") or error)
        messages = found.get("messages")
        if isinstance(messages, list):  # Splunk
            return "; ".join(str(m.get("text", m)) for m in messages if isinstance(m, dict))
        return str(found.get("message") or error or found)
    return str(found)
