"""
The one place where the SDK swallows what went wrong inside it.

A public call is wrapped so that no `Exception` of ours comes out: it is counted. Under the SDK's own
tests (`DEBUGQUEUE_DEBUG=1`) it is raised. What is not an `Exception`, such as `KeyboardInterrupt`, is
the host's and passes.
"""

import functools
import os
from typing import Any, Callable, TypeVar, cast

__all__ = ["Faults", "faults", "guarded"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Faults:
    """Counts what was swallowed."""

    def __init__(self) -> None:
        self.swallowed = 0
        """Faults of the SDK since the process began."""
        self.raised = os.environ.get("DEBUGQUEUE_DEBUG") == "1"
        """Whether they come out, for the SDK's own tests."""


faults = Faults()


def guarded(otherwise: Any = None) -> Callable[[Function], Function]:
    """Return a decorator: the function never raises an `Exception`, it returns `otherwise`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def never_raises(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception:
                # No call here: at the end of the stack it would be the one that raises.
                faults.swallowed += 1
                if faults.raised:
                    raise
                return otherwise

        return cast("Function", never_raises)

    return decorate
