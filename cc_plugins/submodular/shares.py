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


def proportional(weights: np.ndarray, sizes: np.ndarray, total: int) -> np.ndarray:
    """How many images each class or bin gives, (k,) int64, ``total`` in all: in proportion to weights.

    One that is too small for its share gives all it has, and the others share the rest in proportion. What rounding
    leaves goes to those that lost most by it, and of equal ones to the first. Where all weights that are left are 0,
    the rest is shared by sizes.

    Args:
        weights: (k,) floats >= 0.
        sizes: (k,) int64, zeros allowed.
        total: 0 .. sum of sizes.

    Examples:
        >>> proportional(np.array([3.0, 1.0, 1.0]), np.array([2, 9, 9]), 8).tolist()
        [2, 3, 3]
    """
    sizes, full = np.asarray(sizes, np.int64), np.asarray(sizes) <= 0
    while True:
        open_ = np.where(full, 0.0, weights)
        open_ = open_ if open_.sum() > 0 else np.where(full, 0.0, sizes)
        left = total - sizes[full].sum()
        wanted = open_ / open_.sum() * left if left else np.zeros(len(sizes))
        over = ~full & (wanted >= sizes)
        if not over.any():
            break
        full |= over
    given = np.where(full, sizes, np.floor(wanted).astype(np.int64))
    lost = np.where(given < sizes, wanted - given, -1)
    given[np.argsort(-lost.round(9), kind="stable")[: total - given.sum()]] += 1
    return given
