"""
What the standard library gives before gevent patches it.

The exporter is one native thread, also under gevent: it must not run on the host's loop, nor wait on a
lock or a socket that belongs to a loop.
"""

import sys
from importlib import import_module
from typing import Any

__all__ = ["original"]


def original(module: str, name: str) -> Any:
    """Return a function or class of the standard library as it was before monkey patching."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(import_module(module), name)
