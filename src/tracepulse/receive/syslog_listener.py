"""
Syslog over TCP and UDP on one address.

Nobody who sends can take more than a share: a host has one batch in hand at a time however many
connections it opens, a batch is small, and what waits is bounded for each host and in all. A TCP
sender is held back by not being read; UDP cannot be, so what finds no room is dropped and counted.
A connection may be silent for as long as it likes, until another needs its place: senders notice that a
connection was closed only when they write, and may lose what they wrote.

Syslog has no answers: what was read from a connection and not yet stored when the process is killed is lost,
a few hundred milliseconds of it.
"""

import asyncio
import contextlib
import logging
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from tracepulse.errors import LimitExceeded, Overloaded
from tracepulse.receive.access import Caller, Scope
from tracepulse.receive.log_writer import LogWriter
from tracepulse.receive.receiver import Converted, Receiver
from tracepulse.receive.syslog import SyslogReader, local_zone
from tracepulse.receive.syslog_framing import Framing

__all__ = ["SyslogListener"]

_log = logging.getLogger("tracepulse")
_SCOPES = frozenset({Scope.INGEST})
_TRUST = "loopback"
"""Syslog knows no keys. Whoever opens the port trusts the network that it is open to."""
_READ_BYTES = 64 * 1024
_BATCH_MESSAGES = 500
"""Converted in one go, in 5 ms or so; then it is somebody else's turn."""
_GATHER_S = 0.05
"""How long a quiet sender's messages are gathered, so that a batch is worth a write."""
MAX_CONNECTIONS = 1024
MAX_CONNECTIONS_PER_HOST = 128
IDLE_S = 60.0
"""A connection that was silent for so long makes room for another when there is none."""
MAX_QUEUED_BYTES_PER_HOST = 1024 * 1024
"""UDP messages that wait. A host that is not known yet is refused beyond MAX_UDP_HOSTS of them."""
MAX_UDP_HOSTS = 256
_DATAGRAM_COST_BYTES = 128
"""What a waiting message costs besides its text."""
_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
_OVERFLOW = "udp_overflow"
_BUFFERED_READS = 4
"""A stream's reader holds up to twice its limit, and what came with the last octets."""
_AT_HAND_S = 0.01


@dataclass(slots=True)
class _Host:
    """What one sending machine has going on."""

    connections: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Queue:
    """UDP messages of one machine that wait."""

    messages: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    again_s: float = 0.0
    """When there may be room for it, on the event loop's clock."""


class SyslogListener(asyncio.DatagramProtocol):
    """Takes messages from both sockets to the journal."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._reader = SyslogReader(receiver.clock.now_unix_ns(), local_zone())
        self._hosts: dict[str, _Host] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Task[None], tuple[str, float]] = {}
        """Those of them that have stored all that they read: whose they are and since when, on the event
        loop's clock; the first has waited for longest."""
        self._queues: dict[str, _Queue] = {}
        self._arrived = asyncio.Event()
        self._dropped = 0
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def listening(self, tcp: socket.socket, udp: socket.socket) -> AsyncIterator[None]:
        """Take messages while a `with` block runs; then what was read before its end is stored."""
        with contextlib.suppress(OSError):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        server = await asyncio.start_server(self._connected, sock=tcp, limit=_READ_BYTES)
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(lambda: self, sock=udp)
        draining = asyncio.create_task(self._drain())
        try:
            yield
        finally:
            server.close()
            datagrams.close()
            self._stop.set()
            for connection in list(self._waiting):
                connection.cancel()
            self._arrived.set()
            await asyncio.gather(draining, *self._connections, return_exceptions=True)

    # TCP

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        host = self._hosts.setdefault(address, _Host())
        if not self._has_room(address, host):
            self._receiver.counters.refuse("syslog", "too_many_connections")
            if not host.connections:
                self._hosts.pop(address, None)
            writer.close()
            return
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections.add(task)
        host.connections += 1
        framing = Framing()
        try:
            await self._read(reader, framing, address, host, task)
        except (asyncio.CancelledError, ConnectionError, TimeoutError, Overloaded):
            pass  # the server stops, with or without room for the rest, or the sender went away
        finally:
            with contextlib.suppress(Overloaded):
                await self._store(await _rest(reader, framing), address)
            self._connections.discard(task)
            host.connections -= 1
            if not host.connections:
                self._hosts.pop(address, None)
            writer.close()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        framing: Framing,
        address: str,
        host: _Host,
        task: asyncio.Task[None],
    ) -> None:
        while not self._stop.is_set():
            self._waiting[task] = address, asyncio.get_running_loop().time()
            try:
                data = await reader.read(_READ_BYTES)
            finally:
                self._waiting.pop(task, None)
            if not data:
                return
            messages = framing.feed(data)
            for start in range(0, len(messages), _BATCH_MESSAGES):
                async with host.turn:
                    await self._store_patiently(messages[start : start + _BATCH_MESSAGES], address)
            if len(data) < _READ_BYTES:
                await asyncio.sleep(_GATHER_S)

    def _has_room(self, address: str, host: _Host) -> bool:
        """Tell whether one more connection of a host finds room, which a silent one may have to make."""
        if host.connections >= MAX_CONNECTIONS_PER_HOST:
            return self._close_silent(address)
        if len(self._connections) < MAX_CONNECTIONS:
            return True
        # The host that has the most gives up one; of a host with few, a silent one is no burden.
        by_number = sorted(self._hosts, key=lambda each: -self._hosts[each].connections)
        return any(self._close_silent(each) for each in by_number)

    def _close_silent(self, address: str) -> bool:
        """Close the connection of a host that was silent for longest, if that is long enough."""
        oldest = next((each for each in self._waiting.items() if each[1][0] == address), None)
        if oldest is None or asyncio.get_running_loop().time() - oldest[1][1] < IDLE_S:
            return False
        del self._waiting[oldest[0]]
        oldest[0].cancel()
        self._receiver.counters.answered["syslog", "silent_closed"] += 1
        return True

    # UDP

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Queue one message, or drop and count it."""
        queue = self._queues.get(addr[0])
        if queue is None:
            if len(self._queues) >= MAX_UDP_HOSTS:
                self._dropped += 1
                return
            queue = self._queues[addr[0]] = _Queue()
        cost = len(data) + _DATAGRAM_COST_BYTES
        if queue.waiting_bytes + cost > MAX_QUEUED_BYTES_PER_HOST:
            self._dropped += 1
            return
        queue.messages.append(data)
        queue.waiting_bytes += cost
        self._arrived.set()

    async def _drain(self) -> None:
        while not self._stop.is_set():
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_S)
            self._arrived.clear()
            while self._queues:
                if not await self._store_queued():
                    if self._stop.is_set():
                        return
                    await asyncio.sleep(_GATHER_S)

    async def _store_queued(self) -> bool:
        """
        Store a batch of each host that has messages waiting; False if there was room for none.

        A host for which there is no room waits by itself: it may be the one that sends too much.
        """
        now_s = asyncio.get_running_loop().time()
        any_stored = False
        for address, queue in list(self._queues.items()):
            if queue.again_s > now_s:
                continue
            batch = _first(queue.messages)
            try:
                await self._store(batch, address)
            except Overloaded as error:
                queue.again_s = now_s + error.retry_after_s
                continue
            any_stored = True
            for message in batch:
                queue.messages.popleft()
                queue.waiting_bytes -= len(message) + _DATAGRAM_COST_BYTES
            if not queue.messages:
                del self._queues[address]
        return any_stored

    # Both

    async def _store_patiently(self, messages: Sequence[bytes], address: str) -> None:
        """
        Store messages, later where there is no room yet: meanwhile their sender is not read.

        Raises:
            Overloaded: the server stops, and there is no room still.
        """
        while True:
            try:
                await self._store(messages, address)
            except Overloaded as error:
                if self._stop.is_set():
                    raise
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(error.retry_after_s):
                        await self._stop.wait()
                continue
            return

    async def _store(self, messages: Sequence[bytes], address: str) -> None:
        """
        Store messages, and with them the number of those that were dropped.

        Raises:
            Overloaded: there is no room; nothing was kept.
        """
        dropped, self._dropped = self._dropped, 0
        if not messages and not dropped:
            return
        writer = LogWriter()
        received_unix_ns = self._receiver.clock.now_unix_ns()
        self._reader.add_all(writer, messages, address, received_unix_ns)
        rejected = Counter({_OVERFLOW: dropped} if dropped else {})
        converted = Converted("logs", writer.to_bytes(), rejected)
        try:
            caller = Caller(_SCOPES, _TRUST, address=address)
            await self._receiver.receive_converted(converted, caller, "syslog")
        except Overloaded:
            self._dropped += dropped
            self._receiver.counters.answered["syslog", "waiting"] += 1
            raise
        except LimitExceeded as error:
            self._receiver.counters.refuse("syslog", "limit_exceeded")
            _log.error("syslog: %d messages of %s were left out: %s", len(messages), address, error)
            return
        self._receiver.counters.answered["syslog", "kept"] += 1


async def _rest(reader: asyncio.StreamReader, framing: Framing) -> list[bytes]:
    """Return the messages of a connection that ends, out of what has been read of it already."""
    messages: list[bytes] = []
    with contextlib.suppress(TimeoutError, ConnectionError):
        for _ in range(_BUFFERED_READS):
            async with asyncio.timeout(_AT_HAND_S):
                messages += framing.feed(await reader.read(_READ_BYTES))
    return messages + framing.finish()


def _first(waiting: deque[bytes]) -> list[bytes]:
    """Return the first messages that make a batch; they stay where they are."""
    batch: list[bytes] = []
    size = 0
    for message in waiting:
        size += len(message)
        if batch and (size > _READ_BYTES or len(batch) == _BATCH_MESSAGES):
            break
        batch.append(message)
    return batch
