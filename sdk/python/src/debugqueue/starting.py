"""One call at the beginning of a programme, for everything that is there to be had."""

import logging
import sys
from typing import Any, Iterable, Iterator

from debugqueue.client import Client
from debugqueue.guard import guarded
from debugqueue.inventory import Tripwire
from debugqueue.inventory import inventory as steps_of_inventory
from debugqueue.logging_handler import DebugQueueHandler
from debugqueue.unhandled import note_unhandled

__all__ = ["start"]


@guarded()
def start(
    *,
    instrument: bool = True,
    logs: bool = False,
    unhandled: bool = True,
    inventory: bool = True,
    tripwires: Iterable[Tripwire] = (),
    **settings: Any,
) -> None:
    """
    Set up the queue of the process, and what goes with it.

    Args:
        instrument: load OpenTelemetry's instrumentation, where the extra `debugqueue[start]` or the
            packages themselves are installed, and have servers send `Server-Timing`.
        logs: take the records of `logging` too, from the root logger.
        unhandled: note exceptions that end the programme or a thread.
        inventory: report which distributions are installed and loaded, a few seconds later.
        tripwires: watch what runs; armed after the first inventory.
        settings: as for `DebugQueue.configure`.
    """
    client: Client = sys.modules["debugqueue"].DebugQueue
    client.configure(**settings)
    if client.settings.disabled:
        return
    if unhandled:
        note_unhandled(client)
    if logs:
        _take_logs()
    if instrument:
        from debugqueue.auto_instrument import instrument as load

        load(client.settings)
    if inventory:
        watched = tuple(tripwires)
        client.work_aside(lambda: _taken(client, watched))


def _take_logs() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, DebugQueueHandler) for handler in root.handlers):
        root.addHandler(DebugQueueHandler())


def _taken(client: Client, tripwires: Iterable[Tripwire]) -> Iterator[float]:
    return steps_of_inventory(client.log, tripwires)
