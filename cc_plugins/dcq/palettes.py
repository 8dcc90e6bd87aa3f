"""Shared palettes: weighted K-means in LAB on a cluster's distinct colours (DCQ, section 3.2.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cc_plugins.dcq.colors import cell_colors, cells
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.nearest import nearest
from cc_plugins.dcq.starts import kmeans, lloyd

STARTS = 8
POINTS, POINTS_PER_ENTRY = 500, 64  # that restarts need at least
ITERATIONS = 4
TOLERANCE = 0.1  # LAB units, far below the step of an 8-bit channel


def kmeans_palette(codes: np.ndarray, counts: np.ndarray, entries: int, seed: int) -> np.ndarray:
    """The palette of a cluster: K-means on its distinct colours, weighted by how often they occur.

    The colours of a cell of RGB are first taken together at their mean: K-means++ and its restarts run on
    the coarsest of cells of 32, 16 and 8 values a side that are at least 500, and 64 per entry. The best run
    goes on with these and the finer cells, and last with the colours themselves, and exactly: a cell goes as a whole
    where the distance to the second nearest entry exceeds that to the nearest by more than its diameter,
    and colour by colour elsewhere.

    Args:
        codes: (m,) distinct colours, ascending, see :func:`cc_plugins.dcq.colors.cell_codes`.
        counts: (m,) > 0.
        entries: palette entries, 2**q.
        seed: in [0, 2**32).

    Returns:
        (entries, 3) float32 LAB, in order of L, a, b. With no more distinct colours than
        entries these are the colours themselves, the last one repeated.
    """
    lab = bytes_to_lab(cell_colors(codes)).numpy()
    if len(codes) <= entries:
        return ordered(lab, entries)
    grid = _Cells(codes, lab, counts)
    levels = cell_levels(grid.codes, grid.weight, grid.sums)
    return ordered(_lloyd(grid, start(levels, lambda: (lab, grid.counts), entries, seed)), entries)


def inertia(codes: np.ndarray, counts: np.ndarray, palette: np.ndarray) -> float:
    """The sum over pixels of the squared LAB distance to the nearest palette entry."""
    lab = bytes_to_lab(cell_colors(codes)).numpy().astype(np.float64)
    distance = np.square(lab - palette[nearest(lab, palette)]).sum(axis=1)
    return float((distance * counts).sum())


class _Cells:
    """Colours grouped by cell: per cell its weight, mean and radius, and where its colours start."""

    def __init__(self, codes: np.ndarray, lab: np.ndarray, counts: np.ndarray) -> None:
        cell = cells(codes)
        self.starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
        self.sizes = np.diff(np.append(self.starts, len(codes)))
        self.lab = lab
        self.counts = counts.astype(np.float64)
        self.weighted = lab * self.counts[:, None]
        self.weight = np.add.reduceat(self.counts, self.starts)
        self.sums = np.add.reduceat(self.weighted, self.starts, axis=0)
        self.mean = self.sums / self.weight[:, None]
        self.codes = codes[self.starts]
        away = np.square(lab - np.repeat(self.mean.astype(np.float32), self.sizes, axis=0)).sum(axis=1)
        self.radius = np.sqrt(np.maximum.reduceat(away, self.starts)) + 1e-3


Points = tuple[np.ndarray, np.ndarray]  # (m, 3) LAB and (m,) weights


def cell_levels(codes: np.ndarray, weight: np.ndarray, sums: np.ndarray) -> list[Points]:
    """Means and weights of cells of 32, 16 and 8 values a side.

    Args:
        codes: (c,) a code of each cell of 8 values a side, see :func:`cc_plugins.dcq.colors.cells`.
        weight: (c,) > 0, of all its colours.
        sums: (c, 3) of its colours in LAB, weighted.
    """
    rgb = cell_colors(codes).astype(np.int32)
    found = []
    for shift in (5, 4):
        side = 1 << (8 - shift)
        cell = ((rgb[:, 0] >> shift) * side + (rgb[:, 1] >> shift)) * side + (rgb[:, 2] >> shift)
        coarse = np.bincount(cell, weight, minlength=side**3)
        total = np.stack([np.bincount(cell, sums[:, c], minlength=side**3) for c in range(3)], axis=1)
        used = coarse > 0
        found.append((total[used] / coarse[used, None], coarse[used]))
    return [*found, (sums / weight[:, None], weight)]


def start(levels: list[Points], colors: Callable[[], Points], entries: int, seed: int) -> np.ndarray:
    """K-means with restarts on the coarsest cells that are enough, the best run then on each finer level of cells.

    Args:
        levels: from the coarsest to the finest.
        colors: gives the colours themselves, which are asked for where there are fewer cells than entries.
        entries: how many centres.
        seed: in [0, 2**32).

    Returns:
        (entries, 3) float64 LAB.
    """
    enough = [level for level in levels if len(level[0]) >= max(POINTS, POINTS_PER_ENTRY * entries)]
    used = enough or [colors() if len(levels[-1][0]) <= entries else levels[-1]]
    centres = kmeans(*used[0], entries, STARTS, seed)
    for points, weights in used:
        centres = lloyd(points, weights, centres[None])[0]
    return centres


def _lloyd(grid: _Cells, centres: np.ndarray) -> np.ndarray:
    k = len(centres)
    for _ in range(ITERATIONS):
        distances = np.sqrt(np.maximum(_squared(grid.mean, centres), 0))
        label = distances.argmin(axis=1)
        first, second = np.partition(distances, 1, axis=1)[:, :2].T
        split = second - first <= 2 * grid.radius
        whole = ~split
        weight = np.bincount(label[whole], grid.weight[whole], minlength=k).astype(
            np.float64
        )  # int64 where none is whole
        sums = np.stack([np.bincount(label[whole], grid.sums[whole, c], minlength=k) for c in range(3)], axis=1) * 1.0
        member = np.repeat(split, grid.sizes)
        own = nearest(grid.lab[member], centres)
        weight += np.bincount(own, grid.counts[member], minlength=k)
        weighted = grid.weighted[member]
        sums += np.stack([np.bincount(own, weighted[:, c], minlength=k) for c in range(3)], axis=1)
        moved = np.where(weight[:, None] > 0, sums / np.maximum(weight, 1e-300)[:, None], centres)
        shift = np.abs(moved - centres).max()
        centres = moved
        if shift < TOLERANCE:
            break
    return centres


def _squared(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.square(points).sum(1)[:, None] - 2 * points @ centres.T + np.square(centres).sum(1)


def ordered(palette: np.ndarray, entries: int) -> np.ndarray:
    """(entries, 3) float32 in order of L, a, b; fewer colours than entries have the last one repeated."""
    full = np.concatenate([palette, np.repeat(palette[-1:], entries - len(palette), axis=0)])
    return full[np.lexsort(full.T[::-1])].astype(np.float32)
