"""Child processes that never outlive their parent, and releases that drop no request."""

import os
import resource
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ShopError

READY_LIMIT_S = 30.0
STOP_LIMIT_S = 6.0


class Child:
    """
    A process that ends when told to, or when this process is gone.

    Its standard input is a pipe that nothing is written to: when it closes, for whatever reason,
    the child ends by itself. It has its own process group, so Ctrl-C reaches the parent alone.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        log_file: Path,
        keep_fds: Sequence[int] = (),
        most_open_files: int | None = None,
    ) -> None:
        self.name = name
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=keep_fds,
                start_new_session=True,
            )
        if most_open_files is not None and hasattr(resource, "prlimit"):
            limit = (most_open_files, most_open_files)
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limit)

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Begin an orderly end."""
        if self.running:
            self._process.terminate()

    def stop(self) -> None:
        """End it: orderly, or by force after a while."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def last_words(self) -> str:
        """Return the end of what it wrote, for an error message."""
        return self.log_file.read_text(errors="replace")[-1500:].strip()


class ListeningSocket:
    """A socket that the old and the new process of a service accept from during a release."""

    def __init__(self, port: int = 0) -> None:
        """Listen on a port; 0 is any that is free."""
        self._socket = socket.create_server(("127.0.0.1", port), backlog=128)
        # When both processes wake up for one connection, the slower one must not block.
        self._socket.setblocking(False)

    @property
    def url(self) -> str:
        """Where the service is found."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def fd(self) -> int:
        """What a service's process inherits."""
        return self._socket.fileno()

    def close(self) -> None:
        """Stop listening, once no process of the service is left."""
        self._socket.close()


class ReadyPipe:
    """Tells the parent that a child serves."""

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()

    def close_write(self) -> None:
        """Leave the writing end to the child, so that its death is seen as an end of file."""
        os.close(self.write_fd)

    def wait(self, child: Child) -> None:
        """Return when the child serves; ShopError if it ends or takes too long."""
        try:
            deadline = time.monotonic() + READY_LIMIT_S
            readable, _, _ = select.select([self._read_fd], [], [], deadline - time.monotonic())
            said = os.read(self._read_fd, 16) if readable else b""
        finally:
            os.close(self._read_fd)
        if not said:
            why = "ended" if readable else f"was not ready after {READY_LIMIT_S:.0f} s"
            raise ShopError(
                f"service {child.name} {why}; see {child.log_file}:\n{child.last_words()}"
            )
