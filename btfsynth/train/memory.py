"""Arrays that lie well in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned"]

_BYTES = 128
"""Two cache lines: processors fetch them in pairs."""


def aligned(size: int, dtype: type[np.floating[Any]] | np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised array that shares no cache line with any other."""
    item = np.dtype(dtype).itemsize
    raw = np.empty(size + 2 * _BYTES // item, dtype=dtype)
    skip = (-raw.ctypes.data % _BYTES) // item
    return raw[skip : skip + size]
