"""Farthest-first traversal: centres such that no image is far from all of them (Gonzalez, 1985)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cc_plugins.submodular.greedy import TIE


def farthest_first(column: Callable[[int], np.ndarray], first: int, budget: int) -> np.ndarray:
    """Take the image that is farthest from the nearest one taken, again and again; of equal ones the lower position.

    Args:
        column: gives (n,) distances of all images from one.
        first: the first one taken.
        budget: 1 <= budget <= n.

    Returns:
        (budget,) int64 positions in the order of choice.
    """
    chosen = np.empty(budget, np.int64)
    chosen[0] = first
    nearest, tie = np.array(np.inf), 0.0
    for k in range(1, budget):
        found = column(int(chosen[k - 1]))
        tie = tie or TIE * float(np.abs(found).max())
        nearest = np.minimum(nearest, found)
        nearest[chosen[:k]] = -np.inf
        chosen[k] = np.flatnonzero(nearest >= nearest.max() - tie)[0]
    return chosen
