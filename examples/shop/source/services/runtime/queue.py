"""A queue between services: a folder of messages, each a file, oldest first."""

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import Link, SpanKind

from .logs import REQUEST_ID_HEADER, request_id

POLL_S = 0.1
tracer = trace.get_tracer("services.runtime.queue")


@dataclass(frozen=True, slots=True)
class Message:
    """Something to do, and who asked for it."""

    id: str
    headers: dict[str, str]
    body: dict[str, Any]
    sent_at: float

    @property
    def waited_ms(self) -> float:
        """How long it has been in the queue."""
        return (time.time() - self.sent_at) * 1000


class Queue:
    """Messages survive restarts; each is given to one taker, and again if that one dies."""

    def __init__(self, name: str) -> None:
        self.name = name
        folder = Path(os.environ["DATA_DIR"]) / "queue" / name
        self._waiting, self._taken = folder / "waiting", folder / "taken"
        for each in (self._waiting, self._taken):
            each.mkdir(parents=True, exist_ok=True)

    def put(self, body: dict[str, Any]) -> None:
        """Add a message, with the ids of the request that caused it."""
        with tracer.start_as_current_span(
            f"send {self.name}", kind=SpanKind.PRODUCER, attributes=self._about("send")
        ):
            headers = {REQUEST_ID_HEADER: request_id.get()}
            propagate.inject(headers)
            text = json.dumps({"headers": headers, "body": body, "sent_at": time.time()})
            name = f"{time.time_ns():020}-{secrets.token_hex(4)}"
            half = self._taken / f"{name}.half"
            half.write_text(text)
            half.rename(self._waiting / f"{name}.json")

    def depth(self) -> int:
        """Return how many messages wait."""
        return sum(1 for _ in self._waiting.iterdir())

    def take(self, stop: threading.Event) -> Message | None:
        """Return the oldest message, once there is one; None when told to stop."""
        while not stop.is_set():
            for path in sorted(self._waiting.iterdir()):
                mine = self._taken / path.name
                try:
                    path.rename(mine)
                except FileNotFoundError:
                    continue
                return Message(path.stem, **json.loads(mine.read_text()))
            stop.wait(POLL_S)
        return None

    @contextmanager
    def processing(self, message: Message) -> Iterator[None]:
        """Work on a message on behalf of the request that sent it, and be done with it."""
        request_id.set(message.headers[REQUEST_ID_HEADER])
        sender = propagate.extract(message.headers)
        sent = trace.get_current_span(sender).get_span_context()
        with tracer.start_as_current_span(
            f"process {self.name}",
            context=sender,
            kind=SpanKind.CONSUMER,
            links=[Link(sent)] if sent.is_valid else [],
            attributes=self._about("process") | {"messaging.message.id": message.id},
        ):
            yield
        (self._taken / f"{message.id}.json").unlink()

    def _about(self, operation: str) -> dict[str, str]:
        return {
            "messaging.system": "spool",
            "messaging.destination.name": self.name,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
        }
