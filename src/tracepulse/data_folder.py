"""The data folder: who owns it, which version wrote it, and what lies where."""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tracepulse.errors import Unavailable

__all__ = ["FORMAT", "DataFolder"]

FORMAT = 1
"""Version of the folder's layout; a folder with a higher one is left alone."""


@dataclass(slots=True)
class DataFolder:
    """An open data folder, held until `release`."""

    path: Path
    _lock: IO[str]

    @property
    def journal(self) -> Path:
        """Segments of received messages."""
        return self.path / "journal"

    @property
    def engine(self) -> Path:
        """The embedded engine's files."""
        return self.path / "engine"

    @property
    def aside(self) -> Path:
        """Messages that the engine refused, each with its reason."""
        return self.path / "aside"

    @property
    def accounts(self) -> Path:
        """What became of every record received."""
        return self.path / "accounts.log"

    @property
    def state_url(self) -> str:
        """The state database when no other is configured."""
        return f"sqlite:///{self.state_path}"

    @property
    def state_path(self) -> Path:
        """The file of that database."""
        return self.path / "state.db"

    @classmethod
    def open(cls, path: Path) -> "DataFolder":
        """
        Take a data folder for this process, making it if need be.

        Raises:
            Unavailable: it cannot be written, another process holds it, or a newer version wrote
                it. Nothing on disk was changed.
        """
        path = path.absolute()
        version = path / "format.json"
        _refuse_newer(version, path)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = open(path / "lock", "a+")  # noqa: SIM115 - held for as long as we run
        except OSError as error:
            raise Unavailable(
                f"data folder {path}: {error.strerror or error}; choose another with --data-dir"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Unavailable(
                f"data folder {path}: already in use by process {holder};"
                " stop that one, or choose another folder with --data-dir"
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        if not version.exists():
            _write_whole(version, (json.dumps({"format": FORMAT}) + "\n").encode())
        return cls(path, lock)

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that stay the same for this folder, making them if need be."""
        path = self.path / f"{name}.key"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            made = secrets.token_bytes(32)
            _write_whole(path, made)
            return made

    def release(self) -> None:
        """Let another process have the folder."""
        self._lock.close()


def _write_whole(path: Path, content: bytes) -> None:
    """Make a file that is there with all its content or not at all, even after a power cut."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_newer(version: Path, path: Path) -> None:
    try:
        written_by = json.loads(version.read_text())["format"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"data folder {path}: format.json cannot be read ({error});"
            " this does not look like a data folder of TracePulse"
        ) from error
    if not isinstance(written_by, int) or written_by > FORMAT:
        raise Unavailable(
            f"data folder {path}: written by a newer version of TracePulse (format {written_by},"
            f" this one knows {FORMAT}); run that version, or choose another folder"
        )
