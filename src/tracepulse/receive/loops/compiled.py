"""How the loops are compiled."""

from typing import Any

from numba import config, njit

__all__ = [
    "CHECKED",
    "compiled",
]

CHECKED = bool(config.BOUNDSCHECK)  # type: ignore[attr-defined]
"""
Whether each access is checked, which is for tests: NUMBA_BOUNDSCHECK=1 has Numba check the indices of arrays,
and the functions here the addresses. Such code is slow, and kept nowhere.
"""
compiled: Any = njit(cache=not CHECKED, nogil=True)
