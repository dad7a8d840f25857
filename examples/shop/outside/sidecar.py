"""
A proxy as a mesh puts in front of a service: passes requests on, writes Istio's access log, no more.

    python -m examples.shop.outside.sidecar --listen-fd 5 --upstream 127.0.0.1:4711

Each request is a line on standard output in Istio's default text layout. The flags are Envoy's:
UF (no connection to the upstream), UT (it took too long), - (none). Standard library only.
"""

import argparse
import errno
import http.client
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .life import serve

ROUTE_TIMEOUT_S = 3.0
AUTHORITY = "payment.shop.svc.cluster.local:8080"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request."""

    status: int
    body: bytes
    flags: str = "-"
    details: str = "via_upstream"
    failure: str = "-"


class Handler(BaseHTTPRequestHandler):
    """Passes one request on."""

    upstream = ""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        began_at, began = datetime.now(UTC), time.monotonic()
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = time.monotonic()
        outcome = self._pass_on(sent)
        upstream_ms = int((time.monotonic() - asked) * 1000)
        self.send_response_only(outcome.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(outcome.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(outcome.body)
        self.close_connection = True
        length_ms = int((time.monotonic() - began) * 1000)
        self._write_line(began_at, len(sent), outcome, length_ms, upstream_ms)

    def _pass_on(self, body: bytes) -> Outcome:
        connection = http.client.HTTPConnection(self.upstream, timeout=ROUTE_TIMEOUT_S)
        try:
            connection.request(self.command, self.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return Outcome(answer.status, answer.read())
        except TimeoutError:
            return Outcome(504, b"upstream request timeout", "UT", "response_timeout")
        except (OSError, http.client.HTTPException) as problem:
            number = getattr(problem, "errno", None) or errno.ECONNRESET
            reason = f"delayed_connect_error:_{number}"
            text = "upstream connect error or disconnect/reset before headers."
            return Outcome(
                503,
                f"{text} reset reason: remote connection failure".encode(),
                "UF",
                f"upstream_reset_before_response_started{{remote_connection_failure,{reason}}}",
                reason,
            )
        finally:
            connection.close()

    def _write_line(
        self, at: datetime, received: int, outcome: Outcome, length_ms: int, upstream_ms: int
    ) -> None:
        answered = outcome.flags == "-"
        here, there = self.connection.getsockname(), self.client_address
        print(
            f"[{at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}]",
            f'"{self.command} {self.path} {self.request_version}" {outcome.status}',
            f"{outcome.flags} {outcome.details} -",
            f'"{outcome.failure}" {received} {len(outcome.body)} {length_ms}',
            f'{upstream_ms if answered else "-"} "-" "{self.headers.get("User-Agent", "-")}"',
            f'"{self.headers.get("X-Request-ID", "-")}" "{AUTHORITY}" "{self.upstream}"',
            f"inbound|8080|| {self.upstream.partition(':')[0]}:0 {here[0]}:{here[1]}",
            f"{there[0]}:{there[1]} - default",
            flush=True,
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Only the access log is written."""


def main() -> None:
    """Serve until told to stop."""
    words = argparse.ArgumentParser(description="A mesh's proxy for the demo shop.")
    words.add_argument("--listen-fd", type=int, required=True)
    words.add_argument("--upstream", required=True, metavar="HOST:PORT")
    options = words.parse_args()
    Handler.upstream = options.upstream
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=options.listen_fd)
    serve(server)


if __name__ == "__main__":
    main()
