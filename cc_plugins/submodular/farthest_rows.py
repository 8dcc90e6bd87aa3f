"""Farthest-first traversal of feature vectors: single precision finds who may be farthest, double precision decides.

A product with all features in float32 moves half the bytes of one in float64, needs no copy of them, and its error is
bounded: only images that may be the farthest within that bound are looked at exactly. Features may lie in a file.
"""

from __future__ import annotations

import numpy as np

from cc_plugins.submodular.greedy import TIE

BLOCK = 1 << 18  # numbers of a block in float64, 2 MiB: it stays in the cache
_EPSILON = 2.0**-24  # of a rounding to float32
_TINY = 2.0**-126
_SAFE = 1e30  # squared lengths up to here do not overflow in float32


class Nearest:
    """The squared distance of every image to the nearest centre: nearly, and exactly where it is asked for.

    Args:
        rows: (n, D) floats; float32 is used in place.
        first: the first centre.

    Attributes:
        around: (n,) float64, within ``error`` of the squared distance.
        error: 0 or more; infinite where float32 could overflow.
    """

    def __init__(self, rows: np.ndarray, first: int) -> None:
        self.rows = rows
        self.mean = self._mean()
        self.squares, self.lengths = (np.empty(len(rows)) for _ in range(2))  # centred and as they are
        for part in self._blocks():
            block = np.asarray(rows[part], np.float64)
            self.lengths[part] = np.einsum("nd,nd->n", block, block)
            block = block - self.mean
            self.squares[part] = np.einsum("nd,nd->n", block, block)
        self.single = np.asarray(rows, np.float32)
        self.centres = [first]
        self.exact = np.concatenate([self._between(np.arange(len(rows))[part], 0, 1) for part in self._blocks()])
        self.seen = np.ones(len(rows), np.int64)
        self.around = self.exact.copy()
        longest = float(self.lengths.max())
        # of the product of two rounded vectors of D numbers, times two; the smallest numbers have an error of their own
        bound = 2 * (rows.shape[1] + 6) * (_EPSILON * longest + _TINY)
        self.error = bound if longest < _SAFE else np.inf

    def take(self, centre: int) -> None:
        """An image is a centre."""
        self.centres.append(centre)
        if np.isfinite(self.error):
            products = self.single @ self.single[centre]
            found = self.lengths + self.lengths[centre]
            found -= 2.0 * products
            np.minimum(self.around, found, out=self.around)

    def exactly(self, places: np.ndarray) -> np.ndarray:
        """(m,) float64 of some images, each compared with the centres that it was not compared with before."""
        count, step = len(self.centres), max(1, BLOCK // self.rows.shape[1])
        for seen in np.unique(self.seen[places]):
            some = places[self.seen[places] == seen]
            for start in range(0, len(some), step):
                part = some[start : start + step]
                for low in range(seen, count, step):
                    found = self._between(part, low, min(low + step, count))
                    self.exact[part] = np.minimum(self.exact[part], found)
            self.seen[some] = count
        return self.exact[places]

    def _between(self, places: np.ndarray, start: int, stop: int) -> np.ndarray:
        """(m,) float64 to the nearest of some centres, all in float64."""
        centres = np.array(self.centres[start:stop], np.int64)
        if not len(centres):
            return np.full(len(places), np.inf)
        mine, theirs = (np.asarray(self.rows[which], np.float64) - self.mean for which in (places, centres))
        found = self.squares[places, None] - 2 * mine @ theirs.T + self.squares[centres]
        return found.min(1)

    def _mean(self) -> np.ndarray:
        total = np.zeros(self.rows.shape[1])
        for part in self._blocks():
            total += np.asarray(self.rows[part], np.float64).sum(0)
        return total / len(self.rows)

    def _blocks(self) -> list[slice]:
        step = max(1, BLOCK // self.rows.shape[1])
        return [slice(start, start + step) for start in range(0, len(self.rows), step)]


def farthest_rows(rows: np.ndarray, first: int, budget: int) -> np.ndarray:
    """Take the image that is farthest from the nearest one taken, again and again; of equal ones the lower position.

    Args:
        rows: (n, D) features, finite; distances are Euclidean.
        first: the first one taken.
        budget: 1 <= budget <= n.

    Returns:
        (budget,) int64 positions in the order of choice.
    """
    nearest, chosen = Nearest(rows, first), np.empty(budget, np.int64)
    tie = TIE * float(np.abs(nearest.exact).max())
    open_, chosen[0] = np.ones(len(rows), bool), first
    nearest.around[first], open_[first] = -np.inf, False
    for k in range(1, budget):
        if np.isfinite(nearest.error):
            may = np.flatnonzero(nearest.around >= nearest.around.max() - 2 * nearest.error - tie)
            may = may[open_[may]]
        else:
            may = np.flatnonzero(open_)
        exact = nearest.exactly(may)
        place = int(may[exact >= exact.max() - tie][0])
        chosen[k] = place
        if k + 1 < budget:
            nearest.take(place)
        nearest.around[place], open_[place] = -np.inf, False
    return chosen
