"""Lines of other loggers become events: logging, structlog, loguru."""

import logging
import sys
from typing import Any, Iterator, List, Tuple

import pytest

from debugqueue import Client, DebugQueueHandler, DebugQueueProcessor, DebugQueueSink


@pytest.fixture
def logger(client: Client) -> Iterator[logging.Logger]:
    """Give a logger of the standard library with our handler alone."""
    made = logging.getLogger("shop.checkout")
    made.propagate = False
    made.setLevel(logging.DEBUG)
    handler = DebugQueueHandler(client)
    made.addHandler(handler)
    yield made
    made.removeHandler(handler)
    made.propagate = True


def test_a_record_of_logging(sink: Any, client: Client, logger: logging.Logger, read: Any) -> None:
    """Message, level, place, logger and what was given as extra."""
    logger.warning("cart %s has %d items", "c1", 3, extra={"user": "u1", "big": {"a": [1]}})
    line = sys._getframe().f_lineno - 1
    assert client.flush(5)
    (record,) = sink.records()
    attributes = read(record)
    assert record.body.string_value == "cart c1 has 3 items"
    assert record.severity_text == "WARNING"
    assert record.event_name == ""
    assert (attributes["user"], attributes["big.a"]) == ("u1", [1])
    assert attributes["logger.name"] == "shop.checkout"
    assert (attributes["code.file.path"], attributes["code.line.number"]) == (__file__, line)


def test_an_exception_of_logging(
    sink: Any, client: Client, logger: logging.Logger, read: Any
) -> None:
    """`logger.exception` carries type, message and stack."""
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("it failed")
    assert client.flush(5)
    attributes = read(sink.records()[0])
    assert attributes["exception.type"] == "ValueError"
    assert "test_sdk_loggers.py" in attributes["exception.stacktrace"]


def test_arguments_that_do_not_fit_raise_nothing(sink: Any, client: Client) -> None:
    """The line arrives as it was written; an object that cannot be printed costs nothing more."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("hostile")

        __repr__ = __str__

    handler = DebugQueueHandler(client)
    said: List[Tuple[Any, Tuple[Any, ...]]] = [
        ("%d and %d", ("x",)),
        ("hello %s", (Hostile(),)),
        (Hostile(), ()),
    ]
    for message, arguments in said:
        handler.handle(logging.LogRecord("a", logging.INFO, __file__, 1, message, arguments, None))
    assert client.flush(5)
    bodies = [record.body.string_value for record in sink.records()]
    assert bodies == ["%d and %d", "hello %s", "[unreadable]"]


def test_filters_and_levels_of_the_handler_hold(sink: Any, client: Client) -> None:
    """What the host's configuration keeps away stays away, and our own warnings make no circle."""
    made = logging.getLogger("shop.filtered")
    made.propagate = False
    handler = DebugQueueHandler(client, level=logging.ERROR)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    made.addHandler(handler)
    made.error("kept")
    made.warning("below")
    made.error("secret")
    own = logging.getLogger("debugqueue")
    own.addHandler(handler)
    try:
        own.error("about ourselves")
    finally:
        own.removeHandler(handler)
        made.removeHandler(handler)
        made.propagate = True
    assert client.flush(5)
    assert [record.body.string_value for record in sink.records()] == ["kept"]


def test_an_event_of_structlog(sink: Any, client: Client, read: Any) -> None:
    """Event, level, bound values and exception; the processor passes everything on."""
    structlog = pytest.importorskip("structlog")
    passed = []

    def end(_: Any, __: str, event: Any) -> Any:
        passed.append(dict(event))
        raise structlog.DropEvent

    logger = structlog.wrap_logger(
        None, processors=[structlog.stdlib.add_log_level, DebugQueueProcessor(client), end]
    ).bind(user="u1")
    logger.warning("slow answer", took_ms=12)
    line = sys._getframe().f_lineno - 1
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("it failed")
    assert client.flush(5)
    first, second = sink.records()
    attributes = read(first)
    assert (first.body.string_value, first.severity_text) == ("slow answer", "WARNING")
    assert (attributes["user"], attributes["took_ms"]) == ("u1", 12)
    assert (attributes["code.file.path"], attributes["code.line.number"]) == (__file__, line)
    assert read(second)["exception.message"] == "no"
    assert passed[0] == {"user": "u1", "took_ms": 12, "event": "slow answer", "level": "warning"}


def test_a_message_of_loguru(sink: Any, client: Client, read: Any) -> None:
    """Message, level, place, extra and exception."""
    loguru = pytest.importorskip("loguru")
    number = loguru.logger.add(DebugQueueSink(client), format="{message}", level="DEBUG")
    try:
        loguru.logger.bind(user="u1").error("no answer from {}", "stock")
        line = sys._getframe().f_lineno - 1
        try:
            raise ValueError("no")
        except ValueError:
            loguru.logger.exception("it failed")
    finally:
        loguru.logger.remove(number)
    assert client.flush(5)
    first, second = sink.records()
    attributes = read(first)
    assert (first.body.string_value, first.severity_text) == ("no answer from stock", "ERROR")
    assert attributes["user"] == "u1"
    assert (attributes["code.file.path"], attributes["code.line.number"]) == (__file__, line)
    assert read(second)["exception.type"] == "ValueError"
