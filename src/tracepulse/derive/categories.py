"""What the own time of a span is spent on, told from its kind, name and attributes."""

import re
from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tracepulse.model.span import SpanColumns

__all__ = [
    "CATEGORIES",
    "Category",
    "category_codes",
    "category_of",
    "is_browser",
    "resource_of",
]


class Category(StrEnum):
    """What a section of a blocking path was spent on."""

    OWN = "own"
    """The span's own work: code that ran, or time that nothing below explains."""
    DATABASE = "database"
    CACHE = "cache"
    MESSAGING = "messaging"
    """Handing a message to a broker."""
    NETWORK = "network"
    """Between a client span and the server span it caused, both ways, with queues in between."""
    WAITING = "waiting"
    """For a pool, lock, queue or timer."""
    EXTERNAL = "external"
    """A call whose other side sent no span."""
    BROWSER = "browser"
    """Parsing, main thread and rendering."""
    RESOURCE = "resource"
    """A page's image, script, style sheet or font."""


CATEGORIES: tuple[Category, ...] = tuple(Category)
"""Place in this tuple is the code used in columns; new ones are added at the end."""

_CACHES = frozenset(
    {"redis", "memcached", "valkey", "keydb", "dragonfly", "aerospike", "hazelcast", "infinispan"}
)
_WAITING_WORDS = frozenset(
    {"wait", "waiting", "await", "acquire", "lock", "semaphore", "sleep", "backoff", "queued"}
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def is_browser(resource: Mapping[str, str]) -> bool:
    """Tell whether spans of a resource were made in a page."""
    return resource.get("telemetry.sdk.language") == "webjs"


def category_of(
    kind: str, name: str, attributes: Mapping[str, str], resource: Mapping[str, str]
) -> Category:
    """
    Return the category of a span's own time.

    A client span is `external` here; whether its other side is in the trace, which makes it
    `network`, is only known once the tree is linked.

    Source:
        OpenTelemetry semantic conventions, database, messaging and browser; old and new names.
    """
    database = attributes.get("db.system.name") or attributes.get("db.system")
    if database:
        return Category.CACHE if database.lower() in _CACHES else Category.DATABASE
    if kind in ("Producer", "Consumer") or "messaging.system" in attributes:
        return _messaging_category(kind, attributes)
    if is_browser(resource):
        return _browser_category(kind, name)
    if kind == "Client":
        return Category.EXTERNAL
    if kind == "Server":
        return Category.OWN
    if "cache.key" in attributes or "cache.hit" in attributes:
        return Category.CACHE
    if any(word.lower() in _WAITING_WORDS for word in _WORD.findall(name)):
        return Category.WAITING
    return Category.OWN


_RESOURCE_KEYS = (
    "server.address",
    "net.peer.name",
    "peer.service",
    "db.namespace",
    "db.name",
    "messaging.destination.name",
)
_RESOURCE_CATEGORIES = frozenset(
    {Category.DATABASE, Category.CACHE, Category.MESSAGING, Category.EXTERNAL}
)


def resource_of(category: Category, attributes: Mapping[str, str]) -> str:
    """
    Return what a call went to that sends no spans of its own: a database, cache, broker or host.

    Such as `postgresql db-1 orders`; '' for other categories and where the span does not say.
    """
    if category not in _RESOURCE_CATEGORIES:
        return ""
    system = (
        attributes.get("db.system.name")
        or attributes.get("db.system")
        or attributes.get("messaging.system")
    )
    said = [system] if system else []
    said += [attributes[key] for key in _RESOURCE_KEYS if attributes.get(key)]
    return " ".join(dict.fromkeys(said))


def _messaging_category(kind: str, attributes: Mapping[str, str]) -> Category:
    """A receive is a wait for a message; processing one is work; all else talks to the broker."""
    operation = attributes.get("messaging.operation.type") or attributes.get("messaging.operation")
    if operation in ("receive", "poll"):
        return Category.WAITING
    return Category.OWN if kind in ("Consumer", "Server") else Category.MESSAGING


def _browser_category(kind: str, name: str) -> Category:
    """Span names are those of the document-load and fetch instrumentations."""
    if name == "documentFetch":
        return Category.NETWORK
    if name == "resourceFetch":
        return Category.RESOURCE
    return Category.EXTERNAL if kind == "Client" else Category.BROWSER


def category_codes(columns: SpanColumns) -> NDArray[np.uint8]:
    """Return the category of each span's own time, as places in CATEGORIES, one per row."""
    codes = {category: code for code, category in enumerate(CATEGORIES)}
    rows = zip(columns.kind, columns.name, columns.attributes, columns.resource, strict=True)
    return np.array([codes[category_of(*row)] for row in rows], np.uint8)
