"""Compiled loops: the one place that says how a kernel is compiled and where its code is kept."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit
from numpy.typing import NDArray

__all__ = ["Cells", "kernel"]

Cells = NDArray[Any]
"""An array in a kernel, which knows the type of its elements when it is compiled."""

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """
    Compile a loop over arrays; it holds no interpreter lock while it runs.

    Machine code is kept on disk, so that only the first start of an installation pays for
    compiling. Where no folder can be written (a read-only image), it is compiled anew.
    """
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no place for its cache
        compiled = njit(nogil=True)(function)
    return cast(Callable[P, R], compiled)
