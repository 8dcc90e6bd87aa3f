"""How often each index follows each context in a set of images: what models are made from and judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ccbench.coding.contexts import Contexts, Reader


@dataclass
class Sample:
    """Contexts that occur.

    Attributes:
        contexts: their numbers.
        rows: (u,) int64, the contexts that occur, ascending.
        counts: (u, 2**bits) int64, how often each index follows.
    """

    contexts: Contexts
    rows: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, contexts: Contexts, pixels: np.ndarray, clusters: np.ndarray) -> Sample:
        """Count.

        Args:
            contexts: their numbers.
            pixels: (H, W, n) uint8.
            clusters: (n,) below ``contexts.clusters``.
        """
        reader, bits = Reader(contexts, pixels, clusters), contexts.bits
        height, width, n = pixels.shape
        codes = np.empty((height, width, n), np.int64)
        for y in range(height):
            for x in range(width):
                codes[y, x] = reader(y, x)
        codes <<= bits
        codes |= pixels
        size = contexts.count << bits
        if size <= 4 * codes.size:
            every = np.bincount(codes.reshape(-1), minlength=size)
            found = np.flatnonzero(every)
            times = every[found]
        else:
            found, times = np.unique(codes, return_counts=True)
        rows, place = np.unique(found >> bits, return_inverse=True)
        counts = np.zeros((len(rows), 1 << bits), np.int64)
        counts[place, found & (1 << bits) - 1] = times
        return cls(contexts, rows, counts)

    def bits(self, frequencies: np.ndarray, total: int) -> float:
        """Bits that all pixels of the sample take.

        Args:
            frequencies: (contexts, colours).
            total: what a row of them adds up to.
        """
        return float((self.counts * -np.log2(frequencies[self.rows] / total)).sum())
