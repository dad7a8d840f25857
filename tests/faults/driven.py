"""
Run the command line with faults put into it, below everything that is ours.

`python driven.py PLAN serve …` is one server; `python driven.py` makes servers on demand, see
`spawner.py`. PLAN is JSON with any of

    kill      {"at": regex, "nth": 1, "when": "before" | "during" | "after"}: SIGKILL at an operation
    refuse    {"at": regex, "times": 1}: the engine refuses so many statements
    clock     path of a file that holds nanoseconds to add to the clock; it may change at any time
    sync      path of a file; while it exists every fsync fails with EIO
    unsynced  true: fsync does nothing, as a control
    slow_s    seconds that each fsync takes longer
    early     true: requests are acknowledged before they are durable, as a control
    retain_s  seconds between two looks for what is past retention
    log       path of a file that gets a line for each operation

An operation is a statement that writes (`INSERT INTO otel_traces …`), or what is done to a file:
`rename a.open a.sealed`, `unlink a.sealed`, `sync a.open`. None of them is a name of our code, so a
store that is written anew is judged by the same points.
"""

import errno
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = re.compile(r"\s*(INSERT|ALTER|CREATE|DROP|DELETE|OPTIMIZE|TRUNCATE)\b", re.IGNORECASE)
_DURING_S = 0.004
"""Into a statement, which takes some tens of milliseconds."""


class Faults:
    """What is to go wrong, and when."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._kill = plan.get("kill", {})
        self._refuse = plan.get("refuse", {})
        self._refusals_left = self._refuse.get("times", 1)
        self._seen = 0
        self._log = open(plan["log"], "a", buffering=1) if "log" in plan else None  # noqa: SIM115
        self._lock = threading.Lock()
        self.failing_sync = Path(plan["sync"]) if "sync" in plan else None
        self.unsynced = bool(plan.get("unsynced"))
        self.slow_s = plan.get("slow_s", 0.0)

    def around(self, operation: str, do: Callable[[], Any]) -> Any:
        """Do an operation, unless this is where the process is to end."""
        when = self._hit(operation)
        if when == "before":
            _end()
        if when == "during":
            threading.Timer(_DURING_S, _end).start()
        done = do()
        if when == "after":
            _end()
        return done

    def refused(self, statement: str) -> bool:
        """Whether the engine is to refuse this statement."""
        if not self._refuse or not re.search(self._refuse["at"], statement):
            return False
        with self._lock:
            self._refusals_left -= 1
            return bool(self._refusals_left >= 0)

    def _hit(self, operation: str) -> str:
        with self._lock:
            if self._log is not None:
                self._log.write(operation + "\n")
            if not self._kill or not re.search(self._kill["at"], operation):
                return ""
            self._seen += 1
            return str(self._kill["when"]) if self._seen == self._kill["nth"] else ""


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_faults: Faults | None = None


def _patch_files() -> None:
    for name in ("rename", "replace", "unlink", "fsync", "fdatasync"):
        setattr(os, name, _stand_in(name, getattr(os, name)))


def _stand_in(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        faults = _faults
        if faults is None:
            return original(*args, **kwargs)
        if name.endswith("sync"):
            path = os.readlink(f"/proc/self/fd/{args[0]}")
            operation = f"sync {os.path.basename(path)}"
            if faults.failing_sync is not None and faults.failing_sync.exists():
                raise OSError(errno.EIO, "Input/output error")
            time.sleep(faults.slow_s)
            if faults.unsynced:
                return None
        else:
            operation = " ".join((name, *(os.path.basename(str(each)) for each in args[:2])))
        return faults.around(operation, lambda: original(*args, **kwargs))

    return stand_in


def _patch_engine(faults: Faults) -> None:
    from chdb.state import sqlitelike

    connection: Any = sqlitelike.Connection
    original = connection.query

    def query(self: Any, statement: str, *args: Any, **kwargs: Any) -> Any:
        if not _WRITES.match(statement):
            return original(self, statement, *args, **kwargs)
        if faults.refused(statement):
            raise RuntimeError("Code: 117. DB::Exception: refused by the test. (INCORRECT_DATA)")
        operation = " ".join(statement.split())[:200]
        return faults.around(operation, lambda: original(self, statement, *args, **kwargs))

    connection.query = query


def _patch_clock(offset: Path) -> None:
    from tracepulse.clock import SystemClock

    def now_unix_ns(self: SystemClock) -> int:
        return time.time_ns() + int(offset.read_text() or 0)

    SystemClock.now_unix_ns = now_unix_ns  # type: ignore[method-assign]


def _patch_sink() -> None:
    from tracepulse import core

    sink: Any = core.JournalSink

    async def append(self: Any, *args: Any) -> None:
        self._journal.append(*args)

    sink.append = append


def _begin(plan: dict[str, Any]) -> None:
    """Put the faults of a plan into this process."""
    global _faults
    _faults = Faults(plan)
    _patch_engine(_faults)
    if "clock" in plan:
        _patch_clock(Path(plan["clock"]))
    if "retain_s" in plan:
        from tracepulse import server

        server._RETENTION_EVERY_S = plan["retain_s"]
    if plan.get("early"):
        _patch_sink()


def _spawn() -> None:
    """Fork a server for each line on standard input; all that is slow to load is loaded before."""
    _load()
    print("ready", flush=True)  # noqa: T201
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        asked = json.loads(line)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server = os.fork()
            if server == 0:
                _serve(asked)
                return
            print(server, flush=True)  # noqa: T201
            _, status = os.waitpid(server, 0)
            ended = Path(asked["ended"])
            ended.with_suffix(".new").write_text(str(os.waitstatus_to_exitcode(status)))
            ended.with_suffix(".new").rename(ended)
            os._exit(0)


def _load() -> None:
    """Load everything but the engine, which starts threads at once."""
    import tracepulse.cli
    import tracepulse.deliver.mcp.server
    import tracepulse.server
    import tracepulse.store.state.records
    import tracepulse.watch
    import tracepulse.web_app  # noqa: F401
    from tracepulse.derive.warm_up import warm_up as warm_up_derivations
    from tracepulse.receive.wire import warm_up as warm_up_scan
    from tracepulse.store.warm_up import warm_up as warm_up_loading

    for warm_up in (warm_up_derivations, warm_up_scan, warm_up_loading):
        warm_up()


def _serve(asked: dict[str, Any]) -> None:
    """Become a server."""
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(asked["environment"])
    if asked["plan"]:
        _begin(asked["plan"])
    from tracepulse.cli import main

    sys.argv[1:] = asked["arguments"]
    main()


def _main() -> None:
    _patch_files()  # before our modules take hold of the functions
    if len(sys.argv) == 1:
        _spawn()
        return
    _begin(json.loads(sys.argv.pop(1)))
    from tracepulse.cli import main

    main()


if __name__ == "__main__":
    _main()
