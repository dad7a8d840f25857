"""
A ClickHouse server's HTTP interface, as far as our client uses it, over an embedded engine.

Run as a process of its own: `python http_front.py FOLDER [USER PASSWORD]`; prints its port. With the
same password `reader` is a user that may only read (readonly = 2), and `strict` one that may change
no setting either (readonly = 1). It shows that our client speaks the interface as this file understands it. What it does not show: that a real
server answers the same, that replicated tables work, or anything about a network.
"""

import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import chdb

_NOT_SETTINGS = {"query", "database", "default_format", "wait_end_of_query", "readonly"}
_QUESTION = re.compile(r"\s*(--.*\n\s*)*(SELECT|WITH|EXPLAIN)\b")


class _Front(BaseHTTPRequestHandler):
    store: Any = None
    lock = threading.Lock()
    written_rows = 0
    user = password = ""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.user and (
            self.headers.get("X-ClickHouse-User") not in (self.user, "reader", "strict")
            or self.headers.get("X-ClickHouse-Key") != self.password
        ):
            self._answer(403, b"Code: 516. DB::Exception: Authentication failed")
            return
        given = {k: v[-1] for k, v in parse_qs(urlsplit(self.path).query, True).items()}
        try:
            self._answer(200, self._run(given, body))
        except Exception as error:  # the engine's own errors have no common type
            self._answer(500, str(error).encode())

    def _run(self, given: dict[str, str], body: bytes) -> bytes:
        parameters = {k[6:]: v for k, v in given.items() if k.startswith("param_")}
        settings = [
            f"{k} = '{_quoted(v)}'"
            for k, v in given.items()
            if k not in _NOT_SETTINGS and not k.startswith("param_")
        ]
        user = self.headers.get("X-ClickHouse-User", "")
        if user == "strict" and (settings or "readonly" in given):
            raise ValueError(
                "Code: 164. DB::Exception: Cannot modify setting in readonly mode. (READONLY)"
            )
        read_only = given.get("readonly") or user in ("reader", "strict")
        if read_only and not _QUESTION.match(given.get("query", body.decode())):
            raise ValueError(
                "Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)"
            )
        if "query" in given:
            with tempfile.NamedTemporaryFile() as file:
                file.write(body)
                file.flush()
                insert = given["query"].removesuffix(" FORMAT Native")
                sql = f"{insert} SELECT * FROM file('{file.name}', 'Native')"
                return self._ask(sql, "TSV", settings, parameters)
        return self._ask(body.decode(), given.get("default_format", "TSV"), settings, parameters)

    def _ask(self, sql: str, form: str, settings: list[str], parameters: dict[str, str]) -> bytes:
        clause = " SETTINGS " + ", ".join(settings) if settings else ""
        if re.search(r"\sSETTINGS\s[^()]*$", sql) and settings:
            clause = ", " + ", ".join(settings)
        with self.lock:
            answer = self.store.query(sql + clause, form, params=parameters)
        self.written_rows = int(answer.rows_written())
        data: bytes = answer.bytes()
        return data

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", f'{{"written_rows":"{self.written_rows}"}}')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def main() -> None:
    """Serve until standard input ends."""
    folder, *credentials = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    connect: Any = chdb.connect
    _Front.store = connect(folder)
    if credentials:
        _Front.user, _Front.password = credentials
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    _Front.store.close()


if __name__ == "__main__":
    main()
