"""
One HTTP/1.1 connection to the server, by hand.

The library's client gives each read its own time, so that a server of one byte a second holds it for
hours; here a request has one deadline. It runs on the exporter's thread alone. Nothing traces it: no
instrumentation looks at bare sockets.
"""

import time
import zlib
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlsplit

from debugqueue.limits import (
    CONNECT_TIMEOUT_S,
    GZIP_FROM_BYTES,
    MAX_ANSWER_BYTES,
    REQUEST_TIMEOUT_S,
)
from debugqueue.originals import original

__all__ = ["Answer", "Transport", "Unreachable"]


class Unreachable(Exception):
    """The server could not be reached, or did not answer in time or in HTTP."""


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Dict[str, str]
    """By names in lower case."""
    body: bytes


class Transport:
    """Posts to one address; keeps its connection between requests."""

    def __init__(
        self, url: str, headers: Dict[str, str], timeout_s: float, authorities: str = ""
    ) -> None:
        """
        Take where to post.

        Args:
            url: an http or https address.
            headers: sent with each request.
            timeout_s: of a whole request.
            authorities: file of certificates to trust in place of the machine's.
        Raises:
            ValueError: the address or a header is not one.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"an endpoint is http://… or https://…, not {parts.scheme}:…")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        # Bytes, because looking up a text loads a codec on this thread.
        self._name = parts.hostname.encode("ascii" if parts.hostname.isascii() else "idna")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/x-protobuf"]
        for name, value in headers.items():
            if "\r" in name + value or "\n" in name + value:
                raise ValueError(f"a header must be one line: {name!r}")
            lines.append(f"{name}: {value}")
        self._head = "\r\n".join(lines).encode("latin-1", "replace")
        self._timeout_s = min(timeout_s, 6 * REQUEST_TIMEOUT_S)
        self._authorities = authorities
        self._socket: Any = None

    def post(self, body: bytes) -> Answer:
        """
        Send a request and return the answer; gzip where that pays.

        Raises:
            Unreachable: there was none within the timeout; the server may have the request or not.
        """
        head = self._head
        if len(body) > GZIP_FROM_BYTES:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = packer.compress(body) + packer.flush()
            head += b"\r\nContent-Encoding: gzip"
        message = head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        deadline = time.monotonic() + self._timeout_s
        try:
            if self._socket is not None:
                try:
                    return self._exchange(message, deadline)
                except _ClosedBefore:  # kept for too long: the server closed it meanwhile
                    self.close()
            self._socket = self._connect()
            return self._exchange(message, deadline)
        except (OSError, ValueError, _ClosedBefore) as error:
            self.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from None

    def close(self) -> None:
        """Close the connection."""
        socket, self._socket = self._socket, None
        if socket is not None:
            try:
                socket.close()
            except OSError:
                pass

    def _connect(self) -> Any:
        error: Optional[OSError] = None
        kind, look_up = original("socket", "socket"), original("socket", "getaddrinfo")
        for family, _, protocol, _, address in look_up(self._name, self._port, 0, 1):
            socket = kind(family, 1, protocol)
            try:
                socket.settimeout(CONNECT_TIMEOUT_S)
                socket.connect(address)
                socket.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
                return self._secured(socket) if self._secure else socket
            except OSError as failed:
                socket.close()
                error = failed
        raise error if error is not None else OSError("no address")

    def _secured(self, socket: Any) -> Any:
        context = original("ssl", "SSLContext")(original("ssl", "PROTOCOL_TLS_CLIENT"))
        if self._authorities:
            context.load_verify_locations(self._authorities)
        else:
            context.load_default_certs()
        secured = context.wrap_socket(
            socket, server_hostname=self._host, do_handshake_on_connect=False
        )
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()  # it has taken the connection over
            raise
        return secured

    def _exchange(self, message: bytes, deadline: float) -> Answer:
        socket = self._socket
        try:
            socket.settimeout(_left(deadline))
            socket.sendall(message)
            received = self._receive(deadline)
        except ConnectionError as error:
            raise _ClosedBefore(str(error)) from None
        if not received:
            raise _ClosedBefore("the server closed the connection")
        return self._answer(received, deadline)

    def _receive(self, deadline: float) -> bytes:
        self._socket.settimeout(_left(deadline))
        return bytes(self._socket.recv(65536))

    def _answer(self, received: bytes, deadline: float) -> Answer:
        while True:
            while b"\r\n\r\n" not in received:
                received += self._more(received, deadline)
            head, _, rest = received.partition(b"\r\n\r\n")
            status_line, *lines = head.decode("latin-1").split("\r\n")
            version, code = status_line.split(None, 2)[:2]
            status = int(code)
            if status >= 200:
                break
            received = rest  # 100 Continue and the like
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        body, whole = self._body(headers, status, rest, deadline)
        if not (keep and whole):
            self.close()
        return Answer(status, headers, body)

    def _body(self, headers: Dict[str, str], status: int, rest: bytes, deadline: float) -> Any:
        """Return the body and whether the connection can be used again."""
        if status in (204, 304):
            return b"", True
        if "chunked" in headers.get("transfer-encoding", "").lower():
            while not rest.endswith(b"0\r\n\r\n"):
                rest += self._more(rest, deadline)
            return _unchunked(rest), True
        if "content-length" in headers:
            length = int(headers["content-length"])
            if not 0 <= length <= MAX_ANSWER_BYTES:
                return b"", False
            while len(rest) < length:
                rest += self._more(rest, deadline)
            return rest[:length], len(rest) == length
        return rest, False  # up to the end of the connection: nobody needs the rest

    def _more(self, so_far: bytes, deadline: float) -> bytes:
        if len(so_far) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too long")
        more = self._receive(deadline)
        if not more:
            raise ValueError("the answer was cut off")
        return more


class _ClosedBefore(Exception):
    """The connection ended before a byte of the answer."""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise OSError("the request took too long")
    return left


def _unchunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        body, raw = body + raw[:length], raw[length + 2 :]
    return body
