"""
The payment service: somebody else's, without telemetry, without a log, without source for the shop.

    python -m examples.shop.outside.payment --port 4711 --delay-ms 6

Standard library only.
"""

import argparse
import json
import random
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .life import serve

DELAY_SPREAD = 0.4


class Handler(BaseHTTPRequestHandler):
    """Charges whoever is asked for, after a while."""

    delay_s = 0.0

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.delay_s * random.uniform(1 - DELAY_SPREAD, 1 + DELAY_SPREAD))
        charged = {"charge": f"ch-{secrets.token_hex(6)}", "cents": wanted["cents"]}
        body = json.dumps(charged).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing, as the real one."""


def main() -> None:
    """Serve until told to stop."""
    words = argparse.ArgumentParser(description="A payment service for the demo shop.")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--delay-ms", type=float, default=6.0, help="of an answer, on average")
    options = words.parse_args()
    Handler.delay_s = options.delay_ms / 1000
    serve(ThreadingHTTPServer(("127.0.0.1", options.port), Handler))


if __name__ == "__main__":
    main()
