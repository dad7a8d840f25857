"""Which service wrote a log file, told from where it lies."""

import re
from pathlib import PurePath

__all__ = ["service_of_path"]

_ENDINGS = re.compile(
    r"(?:\.(?:log|txt|out|err|json|jsonl|ndjson|gz|zst|xz|bz2|\d{1,4})"
    r"|[._-]?\d{4}-?\d\d-?\d\d(?:[T_-]?\d+)?)$",
    re.IGNORECASE,
)
_STREAM_ENDINGS = re.compile(r"[._-](?:stdout|stderr|out|err|access|error)$", re.IGNORECASE)
_GENERIC = re.compile(
    "access|app|application|console|current|data|debug|err|errors?|info|logs?|main|messages|out"
    "|output|server|service|stderr|stdout|syslog|test|tmp|traces?|\\d+",
    re.IGNORECASE,
)

_MAX_CHARACTERS = 255
"""Of a name in any file system; what a sender says may be longer, and have thousands of endings."""


def service_of_path(path: PurePath) -> str:
    """
    Return the service that a log file's name or, where that says nothing, its folder suggests.

    `checkout-2024-05-01.log.gz` is of `checkout`; `checkout/error.log` too; `error.log` of ''.
    """
    for name in (_stem(path.name[-_MAX_CHARACTERS:]), path.parent.name):
        if name and not _GENERIC.fullmatch(name):
            return name
    return ""


def _stem(name: str) -> str:
    while True:
        shorter = _ENDINGS.sub("", name)
        if shorter == name:
            return _STREAM_ENDINGS.sub("", name)
        name = shorter
