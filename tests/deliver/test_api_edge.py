"""Who may ask, how errors look, and what goes out with every answer."""

import threading
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from tests.deliver.watched import FakeOperation, services

from tracepulse.deliver.api.app import api_app
from tracepulse.deliver.api.asking import Desk
from tracepulse.deliver.api.services import QueryRoom
from tracepulse.errors import EngineError, Overloaded
from tracepulse.receive.access import ApiKey, Scope, key_hash
from tracepulse.store.chdb import ChdbEngine

KEYS = tuple(
    ApiKey(f"key_{scope}", scope.value, scope, key_hash(f"secret-{scope}")) for scope in Scope
)
CHANGE = b'{"service": "session"}'
JSON = {"content-type": "application/json"}


class Failing:
    """Telemetry whose every question ends badly."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        def fail(*_arguments: object, **_named: object) -> None:
            raise self._error

        return fail


@pytest.mark.parametrize(
    ("path", "status", "code", "part"),
    [
        ("/api/nothing", 404, "not_found", "/openapi.json"),
        (f"/api/traces/{'0c' * 16}", 404, "not_found", "0c0c"),
        ("/api/traces/xyz", 400, "bad_question", "32 hex digits"),
        ("/api/traces?since=yesterday", 400, "bad_question", "since"),
        ("/api/traces?since=-1h&until=-2h", 400, "bad_question", "since and until"),
        ("/api/traces?limit=0", 400, "bad_question", "limit"),
        ("/api/traces?limit=many", 400, "bad_question", "limit"),
        ("/api/traces?attr=novalue", 400, "bad_question", "key=value"),
        ("/api/traces?status=broken", 400, "bad_question", "unset, ok or error"),
        ("/api/logs?severity=loud", 400, "bad_question", "severity"),
        ("/api/logs?order=random", 400, "bad_question", "order"),
        ("/api/metrics?name=x&step_s=0", 400, "bad_question", "step_s"),
        ("/api/incidents?state=odd", 400, "bad_question", "acknowledged"),
        ("/api/incidents/inc_none", 404, "not_found", "inc_none"),
        ("/api/incidents/inc_gone/context", 404, "not_found", "inc_gone"),
        ("/api/incidents/inc_1/context?format=pdf", 400, "bad_question", "format"),
    ],
)
def test_errors_have_one_shape(
    api: TestClient, path: str, status: int, code: str, part: str
) -> None:
    """An error says what was wrong with what, in the shape that every client reads."""
    response = api.get(path)
    error = response.json()["error"]
    assert (status, code) == (response.status_code, error["code"])
    assert part in error["message"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("secret detail"), 500, "internal"),
        (EngineError("secret detail"), 500, "store_refused"),
        (Overloaded("full", retry_after_s=7), 503, "overloaded"),
    ],
)
def test_a_fault_of_ours_is_not_shown(
    engine: ChdbEngine, tmp_path: Path, error: Exception, status: int, code: str
) -> None:
    """What went wrong inside goes to the log, never to the client."""
    given = services(engine, tmp_path, telemetry=Failing(error))
    with TestClient(api_app(given), raise_server_exceptions=False) as api:
        response = api.get("/api/traces")
    given.state.close()
    assert (status, code) == (response.status_code, response.json()["error"]["code"])
    assert "secret" not in response.text
    assert ("7" if status == 503 else None) == response.headers.get("retry-after")


def test_health_says_why_nothing_can_be_taken_in(engine: ChdbEngine, tmp_path: Path) -> None:
    """A probe gets 503 and the reason."""
    given = services(engine, tmp_path, operation=FakeOperation(reason="the disk is full"))
    with TestClient(api_app(given)) as api:
        response = api.get("/healthz")
    given.state.close()
    assert (503, "the disk is full") == (
        response.status_code,
        response.json()["error"]["message"],
    )


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8600", 200),
        ("[::1]:8600", 200),
        ("192.0.2.7:8600", 200),
        ("TESTSERVER", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8600", 421),
        ("", 421),
    ],
)
def test_only_our_own_names_are_answered(api: TestClient, host: str, status: int) -> None:
    """A name that somebody else's DNS could give us is refused; addresses cannot be given."""
    assert status == api.get("/healthz", headers={"host": host}).status_code


@pytest.mark.parametrize("path", ["/api/changes", "/mcp", "/api/alerts/alertmanager"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null"])
def test_pages_of_other_sites_may_not_post(api: TestClient, path: str, origin: str) -> None:
    """A foreign Origin is refused whatever it asks."""
    response = api.post(path, content=CHANGE, headers={**JSON, "origin": origin})
    assert (403, "wrong_origin") == (response.status_code, response.json()["error"]["code"])


def test_the_own_page_may_post(api: TestClient) -> None:
    """The Origin of the very host that is called is let through."""
    headers = {**JSON, "origin": "http://testserver"}
    assert 201 == api.post("/api/changes", content=CHANGE, headers=headers).status_code


def test_answers_bear_security_headers(api: TestClient) -> None:
    """Good and bad answers alike forbid framing, sniffing and scripts."""
    for path in ("/healthz", "/api/nothing", "/openapi.json"):
        headers = api.get(path).headers
        assert "default-src 'none'; frame-ancestors 'none'" == headers["content-security-policy"]
        assert ("nosniff", "no-store") == (
            headers["x-content-type-options"],
            headers["cache-control"],
        )


def test_the_page_may_only_load_its_own(engine: ChdbEngine, tmp_path: Path) -> None:
    """The page is served at / under a policy that lets it load nothing from elsewhere."""
    page = tmp_path / "static"
    page.mkdir()
    (page / "index.html").write_text("<title>TracePulse</title>")
    given = services(engine, tmp_path, static_folder=page)
    with TestClient(api_app(given)) as api:
        response = api.get("/")
    given.state.close()
    assert "<title>TracePulse</title>" == response.text
    assert response.headers["content-security-policy"].startswith("default-src 'self';")


@pytest.mark.parametrize(
    ("key", "reading", "reporting", "mcp"),
    [
        (None, 401, 401, 401),
        ("secret-unknown", 401, 401, 401),
        ("secret-ingest", 403, 201, 403),
        ("secret-browser", 403, 403, 403),
        ("secret-read", 200, 403, 200),
        ("secret-admin", 200, 201, 200),
    ],
)
def test_each_scope_opens_its_own_doors(
    shop: ChdbEngine, tmp_path: Path, key: str | None, reading: int, reporting: int, mcp: int
) -> None:
    """Once there are keys, reading, reporting and MCP need one of the right scope."""
    given = services(shop, tmp_path, keys=KEYS)
    headers = {} if key is None else {"x-api-key": key}
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    accept = {"accept": "application/json, text/event-stream"}
    with TestClient(api_app(given)) as api:
        assert 200 == api.get("/healthz").status_code
        assert reading == api.get("/api/services", headers=headers).status_code
        change = api.post("/api/changes", content=CHANGE, headers={**JSON, **headers})
        assert reporting == change.status_code
        called = api.post("/mcp", content=ping, headers={**JSON, **accept, **headers})
        assert mcp == called.status_code
    given.state.close()


def test_a_bearer_key_is_a_key(shop: ChdbEngine, tmp_path: Path) -> None:
    """`Authorization: Bearer` serves as well as `x-api-key`."""
    given = services(shop, tmp_path, keys=KEYS)
    with TestClient(api_app(given)) as api:
        headers = {"authorization": "Bearer secret-read"}
        assert 200 == api.get("/api/services", headers=headers).status_code
    given.state.close()


def test_without_keys_only_this_machine_is_answered(shop: ChdbEngine, tmp_path: Path) -> None:
    """A caller from the network gets 401 while there are no keys."""
    given = services(shop, tmp_path)
    with TestClient(api_app(given), client=("192.0.2.7", 4000)) as api:
        assert 401 == api.get("/api/services").status_code
    given.state.close()


def test_too_many_questions_are_turned_away(shop: ChdbEngine, tmp_path: Path) -> None:
    """While the places are taken and the queue is full, the next asker is told to come back."""
    entered, release = threading.Event(), threading.Event()

    class Slow:
        def rates(self, _window: object) -> list[Any]:
            entered.set()
            assert release.wait(30)
            return []

    given = services(shop, tmp_path, telemetry=Slow(), room=QueryRoom(at_once=1, waiting=1))
    statuses: list[int] = []
    app = api_app(given)
    with TestClient(app) as api:

        def ask() -> None:
            statuses.append(api.get("/api/services").status_code)

        askers = [threading.Thread(target=ask) for _ in range(2)]
        for each in askers:
            each.start()
            assert entered.wait(30)
        deadline = time.monotonic() + 30
        while app.state.desk.waiting < 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        refused = api.get("/api/services")
        release.set()
        for each in askers:
            each.join(30)
    given.state.close()
    assert ("overloaded", "2") == (refused.json()["error"]["code"], refused.headers["retry-after"])
    assert [200, 200] == statuses


def test_who_has_left_is_not_answered() -> None:
    """A question whose asker went away while it waited is never put to the store."""
    asked: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def ask() -> None:
        with pytest.raises(Overloaded):
            await Desk(QueryRoom()).ask(Request({"type": "http"}, receive), lambda: asked.append(1))

    anyio.run(ask)
    assert [] == asked


def test_every_endpoint_is_described(api: TestClient) -> None:
    """Each operation has a summary, a tag, its answer's shape and its errors."""
    description = api.get("/openapi.json").json()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            assert operation["summary"], place
            assert operation["description"], place
            assert operation["tags"], place
            assert "422" not in operation["responses"], place
            good = next(code for code in operation["responses"] if code.startswith("2"))
            assert operation["responses"][good]["content"], place
    assert "/api/traces/{trace_id}/path" in description["paths"]
