"""Arrays that are too large for memory."""

from __future__ import annotations

import math
import tempfile

import numpy as np

IN_MEMORY = 1 << 26  # bytes


def temporary(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """An uninitialised array: in memory up to 64 MiB, beyond it in a temporary file that vanishes with it."""
    if math.prod(shape) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="ccbench-") as file:
        return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
