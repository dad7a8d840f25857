"""
A stand-in for the export endpoint of Splunk's management port, as it is documented.

Events come the newest first, one JSON object a line, each with its number (`offset`); the last has
`lastrow`, which stands alone where nothing was found. Words of the server come as `messages` in a
stream of status 200.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["SplunkStandIn", "splunk_stand_in"]


class SplunkStandIn:
    """What it keeps, and how it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.token = ""
        self.searches: list[dict[str, str]] = []
        self.sent_bytes = 0
        self.cut_next = False
        """End the next export before its last row."""
        self.fail_next = ""
        """Words with which the next search fails."""
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def put(self, unix_ms: int, raw: str, **fields: str) -> None:
        """Keep an event."""
        with self._lock:
            number = len(self._events)
            at = datetime.fromtimestamp(unix_ms // 1000, UTC)
            event = {
                "_bkt": "main~0~4F5A", "_cd": f"0:{number}", "_raw": raw, "_serial": str(number),
                "_time": f"{at:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}+00:00",
                "host": "web-1", "source": "/var/log/shop.log", "sourcetype": "shop",
                "index": "main", "linecount": "1", **fields,
            }  # fmt: skip
            self._events.append((unix_ms, event))

    def rows(self, search: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of an export."""
        with self._lock:
            self.searches.append(search)
            start, end = (float(search[name]) * 1000 for name in ("earliest_time", "latest_time"))
            found = [each for each in self._events if start <= each[0] < end]
            failing, self.fail_next = self.fail_next, ""
        if failing:
            yield {"preview": False, "messages": [{"type": "FATAL", "text": failing}]}
            return
        found.sort(key=lambda each: -each[0])
        results = [event for _, event in found]
        if search["search"].endswith("| stats count"):
            results = [{"count": str(len(found))}]
        for offset, result in enumerate(results):
            row = {"preview": False, "offset": offset, "result": result}
            if offset == len(results) - 1:
                if self.cut_next:
                    self.cut_next = False
                    return
                row["lastrow"] = True
            yield row
        if not results:
            yield {"preview": False, "offset": 0, "lastrow": True}


@contextmanager
def splunk_stand_in() -> Iterator[SplunkStandIn]:
    """Serve a stand-in on a free port of the loopback."""
    splunk = SplunkStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            assert urlsplit(self.path).path == "/services/server/info"
            if self._refused():
                return
            self._begin(200)
            self._send({"entry": [{"content": {"version": "9.4.1"}}]})

        def do_POST(self) -> None:
            assert self.path == "/services/search/v2/jobs/export"
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            if self._refused():
                return
            self._begin(200)
            search = {name: values[0] for name, values in parse_qs(body).items()}
            try:
                for row in splunk.rows(search):
                    self._send(row)
            except (BrokenPipeError, ConnectionResetError):
                return  # the asker has enough

        def _refused(self) -> bool:
            if (
                self.headers.get("authorization", "") == f"Bearer {splunk.token}"
                or not splunk.token
            ):
                return False
            self._begin(401)
            self._send({"messages": [{"type": "WARN", "text": "call not properly authenticated"}]})
            return True

        def _begin(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()

        def _send(self, content: Any) -> None:
            line = json.dumps(content).encode() + b"\n"
            self.wfile.write(line)
            splunk.sent_bytes += len(line)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        splunk.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield splunk
        finally:
            server.shutdown()
            thread.join()
