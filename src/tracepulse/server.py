"""
`tracepulse serve`: the one place where the stages are wired together.

Three ports on one event loop; the journal's writer, the loader and the watch each have a thread.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette

from tracepulse import __version__
from tracepulse.config import Settings, address_and_port
from tracepulse.core import Core, open_core
from tracepulse.errors import BadSetting, TracePulseError
from tracepulse.front_door import FrontDoor
from tracepulse.memory_reuse import collect_seldom, keep_freed_memory
from tracepulse.ports import bind
from tracepulse.receive.app import otlp_app
from tracepulse.receive.grpc import OpenStreams, grpc_server
from tracepulse.receive.http_requests import is_loopback
from tracepulse.receive.line_warm_up import compile_apart
from tracepulse.receive.protocols import all_routes
from tracepulse.receive.pull.connectors import PROGRESS_FILE
from tracepulse.receive.pull.files import FollowedFiles
from tracepulse.receive.pull.progress import Pulled
from tracepulse.receive.receiver import Receiver
from tracepulse.receive.syslog_listener import SyslogListener
from tracepulse.receive.wire import warm_up
from tracepulse.store.parts import active_parts
from tracepulse.store.retention import drop_expired

if TYPE_CHECKING:
    from tracepulse.regression_watch import RegressionWatch
    from tracepulse.watch import Watch

__all__ = ["serve", "serve_http"]

_log = logging.getLogger("tracepulse")
_RETENTION_EVERY_S = 3600.0
_JUMP_S = 86_400.0
_KEYS_EVERY_S = 2.0
_PARTS_EVERY_S = 60.0
_DAMAGE_EVERY_S = 10.0


def serve(settings: Settings) -> None:
    """
    Run until SIGINT or SIGTERM, then store what was received and return.

    Raises:
        OperatorError: something cannot be used; nothing was changed.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    for talkative in ("alembic", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    keep_freed_memory()
    kept_elsewhere = settings.state_url or (settings.data_dir / "state.db").exists()
    if not kept_elsewhere:
        _refuse_open_network(settings, has_keys=False)  # before anything is made
    with _sockets(settings) as sockets:
        core = open_core(settings, engine_later=True)
        try:
            _refuse_open_network(settings, core.gate.has_keys)
            asyncio.run(_run(core, sockets))
        finally:
            core.close()


@contextmanager
def _sockets(settings: Settings) -> Iterator[dict[str, socket.socket]]:
    with contextlib.ExitStack() as stack:
        sockets = {
            name: stack.enter_context(
                contextlib.closing(
                    bind(settings.host, getattr(settings, name), purpose, f"--{flag}")
                )
            )
            for name, purpose, flag in (
                ("port", "dashboard and API", "port"),
                ("otlp_http_port", "OTLP over HTTP", "otlp-http-port"),
                ("otlp_grpc_port", "OTLP over gRPC", "otlp-grpc-port"),
            )
            if name == "port" or not settings.in_place_url
        }
        if settings.syslog_listen:
            for name, listener in _syslog_sockets(settings.syslog_listen).items():
                sockets[name] = stack.enter_context(contextlib.closing(listener))
        yield sockets


def _syslog_sockets(listen: str) -> dict[str, socket.socket]:
    """Return a TCP and a UDP socket of one number."""
    host, port = address_and_port("syslog_listen", listen)
    with contextlib.ExitStack() as unless_both:
        tcp = bind(host, port, "syslog", "--syslog-listen")
        unless_both.callback(tcp.close)
        udp = bind(host, tcp.getsockname()[1], "syslog", "--syslog-listen", datagrams=True)
        unless_both.pop_all()
    return {"syslog_tcp": tcp, "syslog_udp": udp}


def _refuse_open_network(settings: Settings, has_keys: bool) -> None:
    if not is_loopback(settings.host) and not has_keys:
        raise BadSetting(
            f"--host {settings.host} would serve the network without any API key; make one first:"
            f" tracepulse keys create --scope admin --name NAME --data-dir {settings.data_dir}"
        )


async def _run(core: Core, sockets: dict[str, socket.socket]) -> None:
    settings = core.settings
    await asyncio.to_thread(warm_up)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    port = sockets["port"].getsockname()[1]
    door = FrontDoor(lambda: core.journal.status().full)
    collect_seldom()
    async with serve_http(door, sockets["port"]), _receivers(core, sockets) as taken_in:
        chores = (
            *([] if core.in_place else [asyncio.create_task(_retain(core))]),
            asyncio.create_task(_read_keys(core)),
            *([] if core.in_place else [asyncio.create_task(_count_parts(core))]),
            asyncio.create_task(_look_for_damage(core)),
            asyncio.create_task(_warm_up_derivations(door)),
            *([] if core.in_place else [asyncio.create_task(compile_apart())]),
        )
        opening = asyncio.create_task(_open_engine(core, stop))
        answering = asyncio.create_task(_answer(core, door, stop))
        _log.info(
            "TracePulse %s: http://%s:%d, %s, data in %s",
            __version__,
            settings.host,
            port,
            taken_in,
            core.folder.path,
        )
        await stop.wait()
        _log.info("stopping: storing what was received")
        for chore in chores:
            chore.cancel()
        door.close()
        await answering
        await opening


@asynccontextmanager
async def _receivers(core: Core, sockets: dict[str, socket.socket]) -> AsyncIterator[str]:
    """Take telemetry in, unless it is read in place; yields what there is, in words."""
    if core.in_place is not None:
        for line in core.in_place.tables.describe():
            _log.info("in place: %s", line)
        yield f"reading {core.engine.name} and receiving nothing"
        return
    otlp = otlp_app(
        core.sink,
        core.gate,
        core.clock,
        core.counters,
        core.settings.allowed_origins,
        core.settings.retention_days,
        all_routes(),
        core.shares,
    )
    otlp_port, grpc_port = (
        sockets[name].getsockname()[1] for name in ("otlp_http_port", "otlp_grpc_port")
    )
    async with (
        serve_http(otlp, sockets["otlp_http_port"]),
        _grpc(core, sockets["otlp_grpc_port"]),
        _followed_files(core),
        _connectors(core),
        _syslog(core, sockets) as syslog,
    ):
        yield f"OTLP on {otlp_port} (HTTP) and {grpc_port} (gRPC){syslog}"


async def _open_engine(core: Core, stop: asyncio.Event) -> None:
    """Open the embedded engine, which senders need not wait for; without it the server ends."""
    with contextlib.ExitStack() as unless_open:
        unless_open.callback(stop.set)
        await asyncio.to_thread(core.open_engine)
        unless_open.pop_all()


async def _answer(core: Core, door: FrontDoor, stop: asyncio.Event) -> None:
    """Load what watches and answers, which senders need not wait for, and run it."""
    watch: Watch | None = None
    regressions: RegressionWatch | None = None

    def build() -> Starlette:
        from tracepulse.regression_watch import RegressionWatch
        from tracepulse.watch import Watch
        from tracepulse.web_app import web_app

        nonlocal watch, regressions
        watch, regressions = Watch(core), RegressionWatch(core)
        watch.start()
        regressions.start()
        return web_app(core, watch, regressions)

    try:
        await door.serve(build)
    finally:
        stop.set()  # without its API the server is of no use
        for each in (watch, regressions):
            if each is not None:
                await asyncio.to_thread(each.stop)


async def _warm_up_derivations(door: FrontDoor) -> None:
    """Compile, where that was not done at set-up, before the first question rather than at it."""
    await door.opened()
    from tracepulse.derive.warm_up import warm_up as warm_up_derivations

    await asyncio.to_thread(warm_up_derivations)


class _Quiet(uvicorn.Server):
    """uvicorn without its own handling of signals: one place decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_http(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an ASGI application on a socket while a `with` block runs."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        http="httptools",
        loop="asyncio",
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
        server_header=False,
    )
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _grpc(core: Core, listener: socket.socket) -> AsyncIterator[None]:
    """gRPC binds by itself: the port that was held for it is let go just before."""
    host, port = listener.getsockname()[:2]
    listener.close()
    streams = OpenStreams()
    server = grpc_server(
        core.sink,
        core.gate,
        core.clock,
        core.counters,
        core.settings.retention_days,
        core.shares,
        streams,
    )
    server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    await server.start()
    try:
        yield
    finally:
        streams.end()
        await server.stop(grace=3)


@asynccontextmanager
async def _followed_files(core: Core) -> AsyncIterator[None]:
    if not core.settings.log_files:
        yield
        return
    followed = FollowedFiles(
        core.settings.log_files,
        core.folder.path / "followed.json",
        core.journal,
        core.clock,
        retention_days=core.settings.retention_days,
        promises=Pulled(core.folder.path / PROGRESS_FILE, ":log_files"),
    )
    followed.start()
    try:
        yield
    finally:
        await asyncio.to_thread(followed.stop)


@asynccontextmanager
async def _syslog(core: Core, sockets: dict[str, socket.socket]) -> AsyncIterator[str]:
    """Take syslog, if a port was named; yields which, in words."""
    if "syslog_tcp" not in sockets:
        yield ""
        return
    tcp, udp = sockets["syslog_tcp"], sockets["syslog_udp"]
    port = tcp.getsockname()[1]
    receiver = Receiver(
        core.sink, core.clock, core.counters, core.settings.retention_days, core.shares
    )
    async with SyslogListener(receiver).listening(tcp, udp):
        yield f", syslog on {port} (TCP and UDP)"


@asynccontextmanager
async def _connectors(core: Core) -> AsyncIterator[None]:
    core.connectors.start()
    try:
        yield
    finally:
        await asyncio.to_thread(core.connectors.stop)


async def _retain(core: Core) -> None:
    began_unix_ns, began_s = core.clock.now_unix_ns(), time.monotonic()
    while True:
        now_unix_ns = core.clock.now_unix_ns()
        jumped_s = (now_unix_ns - began_unix_ns) / 1e9 - (time.monotonic() - began_s)
        if abs(jumped_s) > _JUMP_S:
            # A clock that is suddenly years ahead would have everything deleted.
            _log.error(
                "the clock has jumped by %.0f s since the start: nothing is dropped for its age"
                " before the next start",
                jumped_s,
            )
        else:
            dropped = await asyncio.to_thread(
                drop_expired, core.engine, now_unix_ns, core.settings.retention_days
            )
            for each in dropped:
                _log.info("past retention, dropped: %s", each)
        await asyncio.sleep(_RETENTION_EVERY_S)


async def _look_for_damage(core: Core) -> None:
    """Find parts of the store that cannot be read, tell, and fill them from the journal."""
    while core.store_check is not None:
        try:
            await asyncio.to_thread(core.store_check.look)
        except TracePulseError as error:
            _log.error("the store cannot be checked: %s", error)
        await asyncio.sleep(_DAMAGE_EVERY_S)


async def _count_parts(core: Core) -> None:
    """Keep the number of parts at hand, so that whoever asks for it asks nothing of the store."""
    while True:
        try:
            core.parts = await asyncio.to_thread(active_parts, core.engine)
        except TracePulseError as error:
            _log.warning("the parts of the tables cannot be counted: %s", error)
        await asyncio.sleep(_PARTS_EVERY_S)


async def _read_keys(core: Core) -> None:
    """Let keys that were made or revoked meanwhile take effect."""
    while True:
        await asyncio.sleep(_KEYS_EVERY_S)
        core.gate.replace(await asyncio.to_thread(core.state.keys))
