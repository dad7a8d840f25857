"""`start()` and what goes with it: the page's trace, unhandled exceptions, the inventory."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

import pytest

import debugqueue
from debugqueue import AsgiMiddleware, Client, WsgiMiddleware, server_timing, traceparent_meta
from debugqueue.correlation import parse_traceparent
from debugqueue.inventory import Tripwire, inventory

SOURCE = str(Path(debugqueue.__file__).parents[1])
GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def serve_wsgi(app: Any, **environ: str) -> Tuple[Dict[str, str], bytes]:
    """Return headers and body of one request."""
    answered: Dict[str, str] = {}

    def start_response(status: str, headers: List[Tuple[str, str]], exc_info: Any = None) -> None:
        answered.update(headers)

    body = app(dict(environ), start_response)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return answered, content


def test_a_wsgi_answer_tells_the_trace(sink: Any, client: Client) -> None:
    """Header, tag and the request's events agree, within the caller's trace."""

    def app(environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client.log("HANDLED")
        start_response("200 OK", [("Content-Type", "text/html")])
        return [traceparent_meta().encode()]

    headers, body = serve_wsgi(WsgiMiddleware(app), HTTP_TRACEPARENT=GIVEN)
    trace = headers["Server-Timing"].partition('desc="')[2].rstrip('"')
    assert headers["Content-Type"] == "text/html"
    assert body.decode() == f'<meta name="traceparent" content="{trace}">'
    assert trace.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "b7ad6b7169203331" not in trace
    record = sink.wait_for(1)[0]
    assert f"00-{record.trace_id.hex()}-{record.span_id.hex()}-01" == trace
    assert (server_timing(), traceparent_meta()) == ("", "")


def test_a_wsgi_answer_that_is_made_step_by_step(sink: Any, client: Client) -> None:
    """A generator's events carry the trace, nothing is left behind, and it is closed."""
    closed = []

    def app(environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            client.log("FIRST")
            yield b"a"
            client.log("SECOND")
            yield b"b"
        finally:
            closed.append(True)

    headers, body = serve_wsgi(WsgiMiddleware(app))
    assert (body, closed) == (b"ab", [True])
    first, second = sink.wait_for(2)
    assert first.trace_id == second.trace_id != b""
    assert first.trace_id.hex() in headers["Server-Timing"]
    assert server_timing() == ""


def test_what_a_wsgi_application_raises_passes(client: Client) -> None:
    """The middleware changes nothing of it."""

    def app(environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise LookupError("the application's own")

    with pytest.raises(LookupError, match="the application's own"):
        serve_wsgi(WsgiMiddleware(app))


def test_an_asgi_answer_tells_the_trace(sink: Any, client: Client) -> None:
    """The same for ASGI; other scopes pass, and what is told already is not told again."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        client.log("HANDLED")
        headers = [(b"server-timing", b'traceparent;desc="x"')] if scope["path"] == "/told" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": traceparent_meta().encode()})

    async def ask(path: str, kind: str = "http") -> List[Any]:
        sent: List[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": kind, "path": path, "headers": [(b"traceparent", GIVEN.encode())]}
        await AsgiMiddleware(app)(scope, lambda: None, send)  # type: ignore[arg-type, return-value]
        return sent

    start, body = asyncio.run(ask("/"))
    told = dict(start["headers"])[b"server-timing"].decode()
    assert told.startswith('traceparent;desc="00-0af7651916cd43dd8448eb211c80319c-')
    assert told.partition('desc="')[2].rstrip('"') in body["body"].decode()
    assert len(asyncio.run(ask("/told"))[0]["headers"]) == 1
    assert asyncio.run(ask("/", "websocket"))[0]["headers"] == []
    assert sink.wait_for(3)[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"


def test_the_span_of_opentelemetry_comes_first(client: Client) -> None:
    """Where there is one, it is told, and no other trace is begun."""
    trace = pytest.importorskip("opentelemetry.trace")
    context = trace.SpanContext(0xABC, 0xDEF, False, trace.TraceFlags(1))

    def app(environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return []

    with trace.use_span(trace.NonRecordingSpan(context)):
        headers, _ = serve_wsgi(WsgiMiddleware(app), HTTP_TRACEPARENT=GIVEN)
    assert headers["Server-Timing"] == f'traceparent;desc="00-{0xABC:032x}-{0xDEF:016x}-01"'


@pytest.mark.parametrize(
    "header",
    ["", "x", "00-0-0-0", GIVEN.replace("00-", "ff-", 1), GIVEN + "-x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
     "00-" + "g" * 32 + "-" + "1" * 16 + "-01"],
)  # fmt: skip
def test_a_traceparent_that_is_none(header: str) -> None:
    """W3C's rules of what is to be ignored."""
    assert parse_traceparent(header) is None


def test_the_inventory_names_what_is_installed_and_loaded() -> None:
    """First everything installed, then what is loaded of it; later what is new; then tripwires."""
    told: List[Tuple[str, Dict[str, Any]]] = []
    armed = []

    class Wire(Tripwire):
        def arm(self, report: Any) -> None:
            armed.append(report)

    steps = inventory(lambda tag, details: told.append((tag, details)), [Wire()])
    waits = [next(steps)]
    while waits[-1] < 60:
        waits.append(next(steps))
    assert waits[0] == 5
    by_kind: Dict[str, List[str]] = {"installed": [], "loaded": []}
    for tag, details in told:
        assert tag == "debugqueue.inventory"
        assert len(details["debugqueue.inventory.packages"]) <= 64
        by_kind[details["debugqueue.inventory.kind"]] += details["debugqueue.inventory.packages"]
    assert any(each.startswith("pytest==") for each in by_kind["installed"])
    assert any(each.startswith("pytest==") for each in by_kind["loaded"])
    assert set(by_kind["loaded"]) < set(by_kind["installed"])
    assert len(set(by_kind["installed"])) == len(by_kind["installed"])
    assert len(armed) == 1
    count = len(told)
    next(steps)
    assert len(told) == count


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a programme that has the package; fail where it takes a minute."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, *sys.path]), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_nobody_catches_is_noted(sink: Any, read: Any) -> None:
    """In threads and at the end; the interpreter's own words and exit code stay."""
    done = run(
        """
        import threading
        import debugqueue
        debugqueue.start(instrument=False, inventory=False)
        def fail():
            raise KeyError("in a thread")
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        raise ValueError("at the end")
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert done.returncode == 1
    assert "KeyError: 'in a thread'" in done.stderr
    assert done.stderr.endswith("ValueError: at the end\n")
    found = [(read(each)["exception.type"], each.severity_text) for each in sink.records()]
    assert found == [("KeyError", "ERROR"), ("ValueError", "FATAL")]


def test_a_start_reports_the_inventory_and_logs(sink: Any, read: Any) -> None:
    """In the background, while the programme goes on."""
    done = run(
        """
        import logging, time
        import pluggy  # something that is installed
        import debugqueue, debugqueue.inventory
        debugqueue.inventory._FIRST_AFTER_S = 0.0
        debugqueue.start(instrument=False, logs=True, unhandled=False)
        debugqueue.start(instrument=False, logs=True, unhandled=False)
        logging.getLogger("a").error("said once")
        deadline = time.monotonic() + 30
        while debugqueue.DebugQueue.counts().created < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        debugqueue.DebugQueue.flush(5)
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kinds = {read(each).get("debugqueue.inventory.kind") for each in sink.records()}
    assert {"installed", "loaded"} <= kinds
    assert [each.body.string_value for each in sink.records()].count("said once") == 1


def test_instrumented_servers_tell_the_trace(sink: Any) -> None:
    """With OpenTelemetry's packages installed: spans of Flask, and the header in its answers."""
    pytest.importorskip("opentelemetry.instrumentation.flask")
    done = run(
        """
        import debugqueue
        debugqueue.start(inventory=False)
        import flask
        from opentelemetry import trace
        app = flask.Flask("shop")
        @app.route("/")
        def page():
            debugqueue.DebugQueue.log("SERVED")
            return debugqueue.traceparent_meta()
        answer = app.test_client().get("/")
        timing = answer.headers["Server-Timing"]
        assert timing.startswith("traceparent;desc="), timing
        assert timing.partition('"')[2].rstrip('"') in answer.text, (timing, answer.text)
        print(timing)
        trace.get_tracer_provider().shutdown()
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
    )
    assert done.returncode == 0, done.stderr
    record = next(each for each in sink.records() if each.event_name == "SERVED")
    assert record.trace_id.hex() in done.stdout


def test_a_start_that_is_switched_off_does_nothing(sink: Any) -> None:
    """No hook, no thread, no request."""
    done = run(
        """
        import sys, _thread, debugqueue
        before = sys.excepthook
        debugqueue.start()
        assert sys.excepthook is before
        assert _thread._count() == 0
        """,
        DEBUGQUEUE_ENDPOINT=sink.url,
        OTEL_SDK_DISABLED="true",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sink.headers == []
