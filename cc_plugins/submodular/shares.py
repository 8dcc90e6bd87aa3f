"""How many images each class, stratum or bin gives."""

from __future__ import annotations

import numpy as np


def allocate(sizes: np.ndarray, total: int) -> np.ndarray:
    """How many images each class or stratum gives, (k,) int64, ``total`` in all: as equal as their sizes allow.

    From the smallest to the largest, each gives min(its size, what is left to give // those that are left):
    one that is too small for its share hands the rest on to the larger ones (CCS, Algorithm 1). As the sizes
    ascend, nothing is left over at the end. What rounding leaves goes to the largest, and of equal ones to the last.

    Args:
        sizes: (k,) int64, zeros allowed.
        total: 0 .. sum of sizes.
    """
    given = np.zeros_like(sizes)
    left = total
    for done, place in enumerate(np.argsort(sizes, kind="stable")):
        given[place] = min(sizes[place], left // (len(sizes) - done))
        left -= given[place]
    return given
