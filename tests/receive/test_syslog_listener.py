"""The syslog ports: what arrives is kept, whoever else sends, and however badly."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tracepulse.errors import Overloaded
from tracepulse.receive import syslog_listener
from tracepulse.receive.admission import Receipt
from tracepulse.receive.receiver import IngestCounters, Receiver
from tracepulse.receive.signals import Signal
from tracepulse.receive.syslog_listener import MAX_CONNECTIONS_PER_HOST, SyslogListener
from tracepulse.testing import FakeClock

HERE, THERE = "127.0.0.1", "127.0.0.2"


@dataclass
class Kept:
    """A journal that keeps everything, or has no room for a while."""

    bodies: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    origins: set[tuple[str, str]] = field(default_factory=set)
    dropped: int = 0
    full: bool = False
    full_for: str = ""
    """A host for which there is no room."""
    refused: int = 0

    async def append(self, signal: Signal, body: bytes, receipt: Receipt, records: int) -> None:
        """Keep a request."""
        if self.full or (self.full_for and self.full_for.encode() in body):
            self.refused += 1
            raise Overloaded("no room", retry_after_s=0)
        await asyncio.sleep(0)
        self.origins.add((receipt.origin, receipt.trust))
        self.dropped += dict(receipt.rejected).get("udp_overflow", 0)
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            host = next(a for a in resource.resource.attributes if a.key == "host.name")
            for record in resource.scope_logs[0].log_records:
                self.bodies.append(record.body.string_value)
                self.hosts.append(host.value.string_value)

    async def until(self, accept: Callable[["Kept"], bool]) -> None:
        """Return once it holds what is waited for; raises TimeoutError after 20 s."""
        async with asyncio.timeout(20):
            while not accept(self):
                await asyncio.sleep(0.005)


def _sockets() -> tuple[socket.socket, socket.socket]:
    tcp = socket.create_server(("0.0.0.0", 0))
    tcp.setblocking(False)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", tcp.getsockname()[1]))
    udp.setblocking(False)
    return tcp, udp


@asynccontextmanager
async def _listening(kept: Kept, counters: IngestCounters | None = None) -> AsyncIterator[int]:
    """Listen on a free port of every loopback address, over TCP and UDP; yields its number."""
    tcp, udp = _sockets()
    listener = SyslogListener(Receiver(kept, FakeClock(), counters or IngestCounters()))
    async with listener.listening(tcp, udp):
        yield tcp.getsockname()[1]


async def _send_tcp(port: int, data: bytes, source: str = HERE) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(HERE, port, local_addr=(source, 0))
    writer.write(data)
    await writer.drain()
    return writer


def _send_udp(port: int, *messages: bytes, source: str = HERE) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        for message in messages:
            sender.sendto(message, (HERE, port))


def test_both_framings_and_datagrams_are_kept() -> None:
    """Counted octets and lines over TCP, one message to a datagram over UDP."""

    async def scenario() -> Kept:
        kept = Kept()
        async with _listening(kept) as port:
            counted = await _send_tcp(port, b"8 <14>one 8 <14>two ")
            lines = await _send_tcp(port, b"<14>three\n<14>four\n")
            _send_udp(port, b"<14>five", b"<14>six\n")
            await kept.until(lambda k: len(k.bodies) == 6)
            counted.close()
            lines.close()
        return kept

    kept = asyncio.run(scenario())
    assert {"one", "two", "three", "four", "five", "six"} == set(kept.bodies)
    assert {("syslog", "loopback")} == kept.origins


def test_what_was_sent_before_the_end_is_kept() -> None:
    """Of a connection, and of the server: a last line without its end too, and datagrams that wait."""

    async def scenario() -> Kept:
        kept = Kept()
        async with _listening(kept) as port:
            (await _send_tcp(port, b"<14>closed by the sender")).close()
            await kept.until(lambda k: len(k.bodies) == 1)
            open_ = await _send_tcp(port, b"<14>closed by us")
            await asyncio.sleep(0.02)  # to arrive; nothing waits for its line end
            _send_udp(port, b"<14>waiting")
            await asyncio.sleep(0.02)
        open_.close()
        return kept

    assert {"closed by the sender", "closed by us", "waiting"} == set(
        asyncio.run(scenario()).bodies
    )


def test_what_was_read_is_stored_though_the_server_stops_meanwhile() -> None:
    """A batch that is being stored at the end, and those that were read with it, are kept once."""

    async def scenario() -> Kept:
        kept = Kept()
        going_on = asyncio.Event()
        append = kept.append

        async def slowly(*request: Any) -> None:
            reached.set()
            await going_on.wait()
            await append(*request)

        reached = asyncio.Event()
        kept.append = slowly  # type: ignore[method-assign, assignment]
        async with _listening(kept) as port:
            lines = b"".join(b"<14>%d\n" % number for number in range(1500))
            sender = await _send_tcp(port, lines)
            await reached.wait()
            asyncio.get_running_loop().call_later(0.05, going_on.set)
        sender.close()
        return kept

    assert [str(number) for number in range(1500)] == asyncio.run(scenario()).bodies


def test_hosts_that_are_refused_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that never got a connection take no memory."""
    monkeypatch.setattr(syslog_listener, "MAX_CONNECTIONS", 0)

    async def scenario() -> dict[str, Any]:
        counters = IngestCounters()
        listener = SyslogListener(Receiver(Kept(), FakeClock(), counters))
        tcp, udp = _sockets()
        async with listener.listening(tcp, udp):
            port = tcp.getsockname()[1]
            for source in (HERE, THERE):
                (await _send_tcp(port, b"", source)).close()
            while counters.refused_requests < 2:
                await asyncio.sleep(0.005)
            return dict(listener._hosts)

    assert {} == asyncio.run(scenario())


@pytest.mark.parametrize(
    "odd",
    [
        "<14>1 2026-11-22T09:00:00.²Z host app - - - odd",
        '<14>1 - host app - - - {"level":"²","msg":"odd"}',
        '<14>1 - host app - - - {"response_code":"²","response_flags":"-","msg":"odd"}',
        "<14>1 0001-01-01T00:00:00Z host app - - - odd",
        "<²>odd",
    ],
)
def test_a_message_with_odd_digits_ends_nobodys_listening(odd: str) -> None:
    """Digits that are none to Python's int cost neither the datagram's port nor the connection."""

    async def scenario() -> Kept:
        kept = Kept()
        async with _listening(kept) as port:
            _send_udp(port, odd.encode())
            await kept.until(lambda k: len(k.bodies) == 1)
            _send_udp(port, b"<14>over UDP")
            lines = await _send_tcp(port, odd.encode() + b"\n<14>over TCP\n")
            await kept.until(lambda k: len(k.bodies) == 4)
            lines.close()
        return kept

    assert {"over UDP", "over TCP"} <= set(asyncio.run(scenario()).bodies)


def test_a_flood_does_not_starve_another_sender() -> None:
    """While one host pours in over many connections, another's message does not wait for its end."""
    flood = b"".join(b"<14>flood %d\n" % number for number in range(4000))

    async def scenario() -> int:
        kept = Kept()
        async with _listening(kept) as port:
            pouring = [asyncio.create_task(_send_tcp(port, flood, source=THERE)) for _ in range(8)]
            await kept.until(lambda k: len(k.bodies) > 0)
            quiet = await _send_tcp(port, b"<14>me too\n")
            await kept.until(lambda k: "me too" in k.bodies)
            before = len(kept.bodies)
            await kept.until(lambda k: len(k.bodies) == 8 * 4000 + 1)
            for writer in [quiet, *await asyncio.gather(*pouring)]:
                writer.close()
        return before

    assert asyncio.run(scenario()) < 8 * 4000 / 2


def test_a_sender_that_says_half_a_message_holds_nobody_up() -> None:
    """Connections that stay silent in the middle of a message cost a place, and nothing else."""

    async def scenario() -> Kept:
        kept = Kept()
        async with _listening(kept) as port:
            slow = [await _send_tcp(port, b"<14>half", source=THERE) for _ in range(20)]
            slow += [await _send_tcp(port, b"999999 <14>", source=THERE) for _ in range(20)]
            quick = await _send_tcp(port, b"<14>whole\n")
            await kept.until(lambda k: k.bodies == ["whole"])
            for writer in [*slow, quick]:
                writer.close()
        return kept

    assert HERE in asyncio.run(scenario()).hosts


def test_a_host_has_so_many_connections_and_no_more() -> None:
    """Past its share a host is shut out and counted; another one is not."""

    async def scenario() -> tuple[list[str], int]:
        kept, counters = Kept(), IngestCounters()
        async with _listening(kept, counters) as port:
            writers = [
                await _send_tcp(port, b"", source=THERE) for _ in range(MAX_CONNECTIONS_PER_HOST)
            ]
            reader, one_more = await asyncio.open_connection(HERE, port, local_addr=(THERE, 0))
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writers += [one_more, await _send_tcp(port, b"<14>another\n")]
            await kept.until(lambda k: len(k.bodies) == 1)
            for writer in writers:
                writer.close()
        return kept.bodies, counters.answered["syslog", "too_many_connections"]

    assert asyncio.run(scenario()) == (["another"], 1)


def test_no_room_holds_tcp_back_and_loses_nothing() -> None:
    """While the journal is full nothing is read on; once there is room, everything is kept in order."""

    async def scenario() -> Kept:
        kept = Kept(full=True)
        async with _listening(kept) as port:
            writer = await _send_tcp(port, b"".join(b"<14>n%d\n" % n for n in range(2000)))
            await kept.until(lambda k: k.refused > 3)
            assert kept.bodies == []
            kept.full = False
            await kept.until(lambda k: len(k.bodies) == 2000)
            writer.close()
        return kept

    assert [f"n{number}" for number in range(2000)] == asyncio.run(scenario()).bodies


def test_datagrams_without_room_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of a host is bounded; another host's is its own, and the sum is right."""
    monkeypatch.setattr(syslog_listener, "MAX_QUEUED_BYTES_PER_HOST", 50_000)
    message = b"<14>" + b"x" * 1000
    sent = 150

    async def scenario() -> Kept:
        kept = Kept(full=True)
        async with _listening(kept) as port:
            for _ in range(sent):
                _send_udp(port, message, source=THERE)
                await asyncio.sleep(0)  # to be read: the system's own buffer is small
            _send_udp(port, b"<14>me too")
            await kept.until(lambda k: k.refused > 3)
            kept.full = False
            await kept.until(lambda k: len(k.bodies) + k.dropped == sent + 1)
        return kept

    kept = asyncio.run(scenario())
    assert HERE in kept.hosts
    assert kept.dropped > sent / 2


def test_a_host_without_room_holds_up_itself_alone() -> None:
    """Where the room is refused to one that sends too much, the datagrams of another are kept."""

    async def scenario() -> tuple[list[str], list[str]]:
        kept = Kept(full_for=THERE)
        async with _listening(kept) as port:
            _send_udp(port, b"<14>too much", source=THERE)
            _send_udp(port, b"<14>me too")
            await kept.until(lambda k: bool(k.bodies))
            before = list(kept.bodies)
            kept.full_for = ""
            await kept.until(lambda k: len(k.bodies) == 2)
        return before, kept.bodies

    assert asyncio.run(scenario()) == (["me too"], ["me too", "too much"])


LOGGER = shutil.which("logger")


@pytest.mark.skipif(LOGGER is None, reason="logger (util-linux) is not installed")
@pytest.mark.parametrize(
    "options",
    [
        ["--tcp", "--octet-count", "--rfc5424"],
        ["--tcp", "--rfc5424"],
        ["--tcp", "--rfc3164"],
        ["--udp", "--rfc5424"],
        ["--udp", "--rfc3164"],
    ],
    ids=" ".join,
)
def test_logger_of_util_linux(options: list[str]) -> None:
    """The program that every Linux has, over both protocols in both formats."""

    async def scenario() -> Kept:
        kept = Kept()
        async with _listening(kept) as port:
            words = ["--server", HERE, "--port", str(port), "--tag", "shop", "--id=42"]
            done = await asyncio.create_subprocess_exec(
                str(LOGGER), *words, *options, "it failed", stderr=subprocess.PIPE
            )
            assert await done.wait() == 0
            await kept.until(lambda k: len(k.bodies) == 1)
        return kept

    kept = asyncio.run(scenario())
    assert kept.bodies == ["it failed"]
    assert kept.hosts == [socket.gethostname().partition(".")[0]]


@pytest.mark.parametrize("idle_s", [0.0, 3600.0])
@pytest.mark.parametrize(("in_all", "per_host"), [(3, 2), (100, 2)])
def test_silent_connections_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch, idle_s: float, in_all: int, per_host: int
) -> None:
    """Of the host with the most connections the one that was silent for longest, once it is long."""
    monkeypatch.setattr(syslog_listener, "IDLE_S", idle_s)
    monkeypatch.setattr(syslog_listener, "MAX_CONNECTIONS", in_all)
    monkeypatch.setattr(syslog_listener, "MAX_CONNECTIONS_PER_HOST", per_host)
    comer = "127.0.0.3" if in_all == 3 else HERE

    async def scenario() -> tuple[Kept, IngestCounters]:
        kept, counters = Kept(), IngestCounters()
        async with _listening(kept, counters) as port:
            held = [await _send_tcp(port, b"<14>alone", THERE)]  # a writer let go is closed
            first = await asyncio.open_connection(HERE, port, local_addr=(HERE, 0))
            first[1].write(b"<14>oldest\n<14>its rest")
            await kept.until(lambda k: "oldest" in k.bodies)
            held.append(await _send_tcp(port, b"<14>younger\n"))
            await kept.until(lambda k: "younger" in k.bodies)
            await asyncio.sleep(4 * syslog_listener._GATHER_S)  # all are read from again
            held.append(await _send_tcp(port, b"<14>the newcomer\n", comer))
            if not idle_s:
                assert b"" == await asyncio.wait_for(first[0].read(), 30)
                await kept.until(lambda k: "the newcomer" in k.bodies)
            else:
                refused = counters.answered
                await kept.until(lambda _: refused["syslog", "too_many_connections"] == 1)
        for each in (*held, first[1]):
            each.close()
        return kept, counters

    kept, counters = asyncio.run(scenario())
    assert {"oldest", "its rest", "younger", "alone"} <= set(kept.bodies)
    assert ("the newcomer" in kept.bodies) == (not idle_s)
    assert (not idle_s) == counters.answered["syslog", "silent_closed"]
