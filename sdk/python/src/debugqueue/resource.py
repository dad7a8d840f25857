"""What is said of the process in each request. Worked out on the exporter's thread: it reads files."""

import os
import sys
from functools import lru_cache
from typing import Any, Dict, Optional

from debugqueue.settings import Settings
from debugqueue.version import __version__

__all__ = ["resource_of"]

_COMMIT_VARIABLES = (
    "VCS_REF_HEAD_REVISION", "GIT_COMMIT", "GIT_SHA", "COMMIT_SHA", "SOURCE_COMMIT", "SOURCE_VERSION",
    "GITHUB_SHA", "CI_COMMIT_SHA", "HEROKU_SLUG_COMMIT", "RENDER_GIT_COMMIT", "RAILWAY_GIT_COMMIT_SHA",
    "VERCEL_GIT_COMMIT_SHA",
)  # fmt: skip


def resource_of(settings: Settings) -> Dict[str, object]:
    """Return the attributes of this process; a fork is a process of its own."""
    service = settings.service or _programme()
    attributes: Dict[str, object] = {
        "service.name": service,
        "service.version": settings.version or _version_of(service),
        "service.instance.id": _instance_id(os.getpid()),
        "vcs.ref.head.revision": settings.commit or _commit(),
        "deployment.environment.name": settings.environment,
        "telemetry.sdk.name": "debugqueue",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
        "process.pid": os.getpid(),
        "process.executable.name": os.path.basename(sys.executable or ""),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(str(part) for part in sys.version_info[:3]),
        "host.name": os.uname().nodename if hasattr(os, "uname") else "",
        **settings.resource,
    }
    return {name: value for name, value in attributes.items() if value != ""}


@lru_cache(maxsize=1)
def _instance_id(_pid: int) -> str:
    """Return an id that a process keeps and a fork of it does not have."""
    drawn = bytearray(os.urandom(16))
    drawn[6], drawn[8] = drawn[6] & 0x0F | 0x40, drawn[8] & 0x3F | 0x80  # a random UUID, RFC 9562
    text = drawn.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _programme() -> str:
    """Return the name of the package that runs, or of the script."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = getattr(spec, "name", "") or ""
    if name:
        return str(name.rpartition(".__main__")[0] or name)
    script = os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else ""
    name = script[:-3] if script.endswith(".py") else script
    return "unknown_service:python" if name in ("", "-c", "-") else name


def _version_of(service: str) -> str:
    """Return the version of the installed distribution of that name, if that can be told."""
    metadata: Any = sys.modules.get("importlib.metadata")
    if metadata is None:  # to be loaded by a caller of `configure`, not on the exporter's thread
        return ""
    try:
        return str(metadata.version(service))
    except (metadata.PackageNotFoundError, ValueError):
        return ""


def _commit() -> str:
    for name in _COMMIT_VARIABLES:
        if os.environ.get(name):
            return os.environ[name]
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    for start in (os.path.dirname(os.path.abspath(main)) if main else "", os.getcwd()):
        folder = _git_folder(start)
        if folder is not None:
            return _head(folder)
    return ""


def _git_folder(start: str) -> Optional[str]:
    """Return the .git folder of the work tree around a folder; that of a linked one is named in a file."""
    at = start
    while at and at != os.path.dirname(at):
        git = os.path.join(at, ".git")
        if os.path.isdir(git):
            return git
        if os.path.isfile(git):
            return os.path.join(at, _read(git).partition("gitdir:")[2].strip())
        at = os.path.dirname(at)
    return None


def _head(folder: str) -> str:
    """Return the commit that is checked out, without starting git."""
    head = _read(os.path.join(folder, "HEAD")).strip()
    if not head.startswith("ref:"):
        return head
    ref = head[4:].strip()
    common = _read(os.path.join(folder, "commondir")).strip()
    for place in (folder, os.path.join(folder, common)):
        commit = _read(os.path.join(place, *ref.split("/"))).strip()
        if commit:
            return commit
        for line in _read(os.path.join(place, "packed-refs")).splitlines():
            if line.endswith(f" {ref}"):
                return line.split(" ")[0]
    return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
