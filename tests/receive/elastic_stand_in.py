"""
A stand-in for Elasticsearch's and OpenSearch's reading side, as their API is documented.

A point in time does not see what is written after it was opened, and is gone when it is closed.
Hits are sorted by time and then by `_shard_doc`, which is refused where it is not known; `date` fields
sort by whole milliseconds.
"""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tracepulse.receive.log_times import rfc3339_unix_ns

__all__ = ["ElasticStandIn", "elastic_stand_in"]


class ElasticStandIn:
    """What it keeps, and how it answers."""

    def __init__(self, is_opensearch: bool, knows_shard_doc: bool) -> None:
        self.is_opensearch = is_opensearch
        self.knows_shard_doc = knows_shard_doc
        self.url = ""
        self.api_key = ""
        self.sent_bytes = 0
        self.failed_shards = 0
        """Of the next answer."""
        self.queries: list[dict[str, Any]] = []
        self.open_views: dict[str, list[dict[str, Any]]] = {}
        self._documents: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._names = itertools.count(1)

    def put(self, source: dict[str, Any], index: str = "logs-shop") -> None:
        """Keep a document."""
        with self._lock:
            number = len(self._documents)
            unix_ns = rfc3339_unix_ns(source["@timestamp"])
            assert unix_ns is not None
            self._documents.append(
                {"_index": index, "_id": f"d{number}", "_source": source, "at": unix_ns // 10**6}
            )

    def answer(self, method: str, path: str, asked: Any, key: str) -> tuple[int, Any]:
        """Return status and content."""
        with self._lock:
            if self.api_key and key != f"ApiKey {self.api_key}":
                reason = "missing authentication credentials for REST request"
                error = {"root_cause": [{"type": "security_exception", "reason": reason}]}
                return 401, {"error": error, "status": 401}
            view_path = "_search/point_in_time" if self.is_opensearch else "_pit"
            match method, path:
                case "GET", "/":
                    version: dict[str, str] = {
                        "number": "2.19.0" if self.is_opensearch else "8.19.0"
                    }
                    if self.is_opensearch:
                        version["distribution"] = "opensearch"
                    return 200, {"version": version}
                case "POST", _ if path.endswith(view_path):
                    name = f"view-{next(self._names)}"
                    self.open_views[name] = list(self._documents)
                    return 200, {"pit_id" if self.is_opensearch else "id": name}
                case "DELETE", _:
                    names = asked["pit_id"] if self.is_opensearch else [asked["id"]]
                    for name in names:
                        del self.open_views[name]
                    return 200, {"succeeded": True}
                case "POST", "/_search":
                    return self._search(asked)
                case "POST", _ if path.endswith("/_count"):
                    return 200, {"count": len(self._found(self._documents, asked["query"]))}
        return 404, {"error": f"no handler for {method} {path}", "status": 404}

    def _search(self, asked: dict[str, Any]) -> tuple[int, Any]:
        self.queries.append(asked)
        view = self.open_views[asked["pit"]["id"]]
        ties = [name for each in asked["sort"][1:] for name in each]
        if ties and not self.knows_shard_doc:
            reason = "No mapping found for [_shard_doc] in order to sort on"
            error = {"root_cause": [{"type": "query_shard_exception", "reason": reason}]}
            return 400, {"error": error, "status": 400}
        hits = []
        for number, each in enumerate(self._found(view, asked["query"])):
            sort = [each["at"], *([each["number"]] if ties else [])]
            hits.append({**each, "sort": sort, "place": number})
        hits.sort(key=lambda hit: (hit["sort"], hit["place"]))
        after = asked.get("search_after")
        hits = [hit for hit in hits if after is None or hit["sort"] > after][: asked["size"]]
        failed, self.failed_shards = self.failed_shards, 0
        kept = ("_index", "_id", "_source", "sort")
        return 200, {
            "pit_id": asked["pit"]["id"],
            "timed_out": False,
            "_shards": {"total": 5, "failed": failed},
            "hits": {"hits": [{name: hit[name] for name in kept} for hit in hits]},
        }

    def _found(self, documents: list[dict[str, Any]], query: Any) -> list[dict[str, Any]]:
        window = query["bool"]["filter"][0]["range"]["@timestamp"]
        start, end = (rfc3339_unix_ns(window[side]) for side in ("gte", "lt"))
        assert start is not None
        assert end is not None
        return [
            {**each, "number": number}
            for number, each in enumerate(documents)
            if start // 10**6 <= each["at"] < end // 10**6
        ]


@contextmanager
def elastic_stand_in(
    is_opensearch: bool = False, knows_shard_doc: bool = True
) -> Iterator[ElasticStandIn]:
    """Serve a stand-in on a free port of the loopback."""
    elastic = ElasticStandIn(is_opensearch, knows_shard_doc)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            key = self.headers.get("authorization", "")
            path = urlsplit(self.path).path
            asked = json.loads(body) if body else None
            status, content = elastic.answer(self.command, path, asked, key)
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            elastic.sent_bytes += len(answer)

        def do_POST(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        elastic.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield elastic
        finally:
            server.shutdown()
            thread.join()
