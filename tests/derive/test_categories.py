"""What the own time of a span is spent on, by its kind, name and attributes."""

import pytest

from tracepulse.derive.categories import CATEGORIES, Category, category_of

WEB = {"telemetry.sdk.language": "webjs"}


@pytest.mark.parametrize(
    ("kind", "name", "attributes", "resource", "expected"),
    [
        ("Server", "GET /", {}, {}, Category.OWN),
        ("Internal", "render", {}, {}, Category.OWN),
        ("Client", "GET", {}, {}, Category.EXTERNAL),
        ("Client", "SELECT", {"db.system": "mysql"}, {}, Category.DATABASE),
        ("Internal", "SELECT", {"db.system.name": "postgresql"}, {}, Category.DATABASE),
        ("Client", "GET", {"db.system": "redis"}, {}, Category.CACHE),
        ("Client", "GET", {"db.system.name": "Memcached"}, {}, Category.CACHE),
        ("Internal", "lookup", {"cache.hit": "true"}, {}, Category.CACHE),
        ("Producer", "orders publish", {}, {}, Category.MESSAGING),
        ("Client", "send", {"messaging.system": "kafka"}, {}, Category.MESSAGING),
        ("Consumer", "orders process", {}, {}, Category.OWN),
        ("Consumer", "poll", {"messaging.operation.type": "receive"}, {}, Category.WAITING),
        (
            "Client",
            "poll",
            {"messaging.system": "sqs", "messaging.operation": "receive"},
            {},
            Category.WAITING,
        ),
        ("Internal", "pool.acquire", {}, {}, Category.WAITING),
        ("Internal", "waitForLock", {}, {}, Category.WAITING),
        ("Internal", "AWAIT_RESULT", {}, {}, Category.WAITING),
        ("Internal", "unlockAccount", {}, {}, Category.OWN),
        ("Internal", "waiter_schedule", {}, {}, Category.OWN),
        ("Server", "GET /wait", {}, {}, Category.OWN),
        ("Internal", "documentLoad", {}, WEB, Category.BROWSER),
        ("Internal", "documentFetch", {}, WEB, Category.NETWORK),
        ("Internal", "resourceFetch", {}, WEB, Category.RESOURCE),
        ("Client", "HTTP GET", {}, WEB, Category.EXTERNAL),
    ],
)  # fmt: skip
def test_category(
    kind: str,
    name: str,
    attributes: dict[str, str],
    resource: dict[str, str],
    expected: Category,
) -> None:
    """Each sign of what a span does leads to its category."""
    assert category_of(kind, name, attributes, resource) == expected


def test_codes_fit_their_column() -> None:
    """Categories are stored as one byte, in a fixed order."""
    assert CATEGORIES[0] == "own"
    assert len(CATEGORIES) < 256
