"""
A stand-in for Loki's reading side, as its API is documented.

Of equal lines of a stream at one instant it keeps one. Answers are in order of time, hold `limit`
lines over all streams, begin with `start` and end before `end`; asking for more than it allows is an
error. Lines may arrive late. It counts what it sends.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["LokiStandIn", "loki_stand_in"]

Labels = tuple[tuple[str, str], ...]


class LokiStandIn:
    """What it keeps, and how it answers."""

    def __init__(self, max_entries: int = 5000) -> None:
        self.max_entries = max_entries
        self.url = ""
        self.sent_bytes = 0
        self.queries = 0
        self.refusals: list[tuple[int, str, dict[str, str]]] = []
        """Answers to give before anything else: status, text, headers."""
        self.token = ""
        self._lock = threading.Lock()
        self._lines: dict[Labels, dict[tuple[int, str], dict[str, str]]] = {}

    def push(
        self,
        labels: dict[str, str],
        unix_ns: int,
        line: str,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Keep a line."""
        with self._lock:
            stream = self._lines.setdefault(tuple(sorted(labels.items())), {})
            stream[unix_ns, line] = metadata or {}

    def answer(
        self, path: str, query: dict[str, str], token: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, content and headers."""
        with self._lock:
            if self.token and token != f"Bearer {self.token}":
                return 401, "no credentials provided\n", {}
            if self.refusals and path.endswith("query_range"):
                return self.refusals.pop(0)
            match path.removeprefix("/loki/api/v1/"):
                case "status/buildinfo":
                    return 200, {"version": "3.4.2-stand-in"}, {}
                case "query_range":
                    return self._range(query)
                case "index/stats":
                    found = list(self._found(query, query["query"]))
                    size = sum(len(line) for _, _, line, _ in found)
                    stats = {"streams": 1, "chunks": 1, "entries": len(found), "bytes": size}
                    return 200, stats, {}
                case "series":
                    found = list(self._found(query, query["match[]"]))
                    streams = sorted({labels for _, labels, _, _ in found})
                    return 200, {"status": "success", "data": [dict(s) for s in streams]}, {}
                case _:
                    return 404, "404 page not found\n", {}

    def _range(self, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        self.queries += 1
        limit = int(query.get("limit", "100"))
        if limit > self.max_entries:
            text = f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {self.max_entries})"
            return 400, text, {}
        assert query["direction"] == "forward"
        streams: dict[Labels, list[Any]] = {}
        for unix_ns, labels, line, metadata in sorted(self._found(query, query["query"]))[:limit]:
            beside = [{"structuredMetadata": dict(metadata)}] if metadata else [{}]
            streams.setdefault(labels, []).append([str(unix_ns), line, *beside])
        result = [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
        data = {"resultType": "streams", "result": result, "encodingFlags": ["categorize-labels"]}
        return 200, {"status": "success", "data": data}, {}

    def _found(
        self, query: dict[str, str], selector: str
    ) -> Iterator[tuple[int, Labels, str, Any]]:
        """Yield the lines of a window whose stream has each label that the selector names."""
        start, end = int(query["start"]), int(query["end"])
        inner = selector[1 : selector.index("}")]
        wanted = [each.partition("=")[::2] for each in inner.split(",") if each]
        for labels, lines in self._lines.items():
            known = dict(labels)
            if all(known.get(name.strip()) == json.loads(value) for name, value in wanted):
                for (unix_ns, line), metadata in lines.items():
                    if start <= unix_ns < end:
                        yield unix_ns, labels, line, tuple(sorted(metadata.items()))


@contextmanager
def loki_stand_in(max_entries: int = 5000) -> Iterator[LokiStandIn]:
    """Serve a stand-in on a free port of the loopback."""
    loki = LokiStandIn(max_entries)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            token = self.headers.get("authorization", "")
            status, content, headers = loki.answer(parts.path, query, token)
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            loki.sent_bytes += len(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        loki.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield loki
        finally:
            server.shutdown()
            thread.join()
