"""What the keys of an object mean is worked out once for each set of keys, within bounds."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

__all__ = ["remembered_by_keys"]

T = TypeVar("T")
_SETS = 2000
_MAX_CHARACTERS = 2048
"""Of all keys together: what is remembered by one function is at most some 16 MB."""
_MAX_KEYS = 200


def remembered_by_keys(
    function: Callable[[tuple[str, ...]], T],
) -> Callable[[tuple[str, ...]], T]:
    """Remember what a function says of sets of keys, but for very large ones."""
    remember = lru_cache(maxsize=_SETS)(function)

    @wraps(function)
    def remembered(keys: tuple[str, ...]) -> T:
        if len(keys) > _MAX_KEYS or len("".join(keys)) > _MAX_CHARACTERS:
            return function(keys)
        return remember(keys)

    return remembered
