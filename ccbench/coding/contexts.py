"""What is known of a pixel before it is decoded: the indices of its causal neighbours, and its image's palette.

A context is a whole number. Pixels of the first row and of the first column have fewer neighbours and so contexts of
their own, zones; everywhere else a neighbour beyond the border is the nearest pixel within it. Images lie side by
side, (H, W, n), so that one position of all of them is one run of memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAREST = (
    *((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, 2)),
    *((-1, -2), (-2, -1), (-2, 1), (-2, -2), (-2, 2), (0, -3), (-3, 0)),
)
"""(rows, columns) from a pixel to its neighbours, those that tell most of it first."""

ZONES = 4  # inside, first row, first column, first pixel


@dataclass(frozen=True)
class Contexts:
    """Numbers for the contexts of images of ``bits`` bits.

    Args:
        bits: of a pixel, 1..8.
        neighbours: how many of :data:`NEAREST` are looked at.
        clusters: how many palettes are told apart; 1 for none.
    """

    bits: int
    neighbours: int
    clusters: int = 1

    @property
    def zones(self) -> tuple[tuple[int, ...], ...]:
        """For each zone, which of the neighbours it has."""
        known = range(self.neighbours)
        above = tuple(j for j in known if NEAREST[j][0] < 0 and NEAREST[j][1] >= 0)
        return tuple(known), tuple(j for j in known if NEAREST[j][0] == 0), above, ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Contexts of each zone, all clusters together."""
        return tuple(self.clusters << self.bits * len(zone) for zone in self.zones)

    @property
    def count(self) -> int:
        """Contexts of all zones."""
        return sum(self.sizes)

    def starts(self, zone: int, clusters: np.ndarray) -> np.ndarray:
        """(n,) int32: the first context of a zone for images of these clusters."""
        first = sum(self.sizes[:zone])
        return (first + (clusters.astype(np.int64) << self.bits * len(self.zones[zone]))).astype(np.int32)

    def digits(self, zone: int) -> np.ndarray:
        """(contexts of one cluster of a zone, its neighbours) uint8: the indices that a context stands for."""
        numbers = np.arange(1 << self.bits * len(self.zones[zone]))
        shifts = self.bits * np.arange(len(self.zones[zone]))
        return (numbers[:, None] >> shifts & (1 << self.bits) - 1).astype(np.uint8)


class Reader:
    """Gives the contexts of one position after another, in raster order.

    Args:
        contexts: their numbers.
        pixels: (H, W, n) uint8; what lies before a position must be there when it is asked for.
        clusters: (n,) the palette of each image, below ``contexts.clusters``.
    """

    def __init__(self, contexts: Contexts, pixels: np.ndarray, clusters: np.ndarray) -> None:
        self._pixels, self._bits = pixels, contexts.bits
        self._zones = contexts.zones
        self._starts = [contexts.starts(zone, clusters) for zone in range(ZONES)]
        self._row, self._above = -1, np.empty(0, np.int32)

    def __call__(self, y: int, x: int) -> np.ndarray:
        """(n,) int32."""
        zone = (y == 0) + 2 * (x == 0)
        if y != self._row and y > 0:
            self._row, self._above = y, self._row_above(y)
        if zone == 2:
            return self._sum(y, x, 2, self._starts[2])
        known = self._starts[zone] if y == 0 else self._above[x]
        return self._sum(y, x, zone, known, row=0)

    def _sum(self, y: int, x: int, zone: int, start: np.ndarray, row: int | None = None) -> np.ndarray:
        width = self._pixels.shape[1]
        total = start.copy()
        for place, j in enumerate(self._zones[zone]):
            down, right = NEAREST[j]
            if row is None or row == down:
                value = self._pixels[max(y + down, 0), min(max(x + right, 0), width - 1)]
                total += value.astype(np.int32) << self._bits * place
        return total

    def _row_above(self, y: int) -> np.ndarray:
        """(W, n) int32: the part of the inner zone's contexts that is known when a row begins."""
        width, columns = self._pixels.shape[1], np.arange(self._pixels.shape[1])
        total = np.repeat(self._starts[0][None], width, 0)
        for place, j in enumerate(self._zones[0]):
            down, right = NEAREST[j]
            if down < 0:
                values = self._pixels[max(y + down, 0)][np.clip(columns + right, 0, width - 1)]
                total += values.astype(np.int32) << np.int32(self._bits * place)
        return total
