"""Which patches of an image are kept: those where the proxy looks most."""

from __future__ import annotations

from math import gcd

import numpy as np

CELLS = 14  # patches along a side, as DQ's masked autoencoder has them at 224 pixels
CHUNK = 1024  # images whose maps are looked at at once


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of square patches: the largest that fit both ways and are 14 or more along the longer side.

    Images of fewer pixels have patches of one.

    Examples:
        >>> grid_of(224, 224), grid_of(32, 32), grid_of(8, 12)
        ((14, 14), (16, 16), (8, 12))
    """
    common = gcd(height, width)
    side = next(s for s in range(max(1, max(height, width) // CELLS), 0, -1) if common % s == 0)
    return height // side, width // side


def kept_of(drop: float, grid: tuple[int, int]) -> int:
    """How many patches an image keeps: what is dropped is rounded to whole patches, and one stays."""
    cells = grid[0] * grid[1]
    return max(1, cells - round(drop * cells))


def important(maps: np.ndarray, ids: np.ndarray, grid: tuple[int, int], kept: int) -> np.ndarray:
    """The patches of the largest mean attention; of equal ones the earlier in reading order.

    Args:
        maps: (N, H, W) attention of all images.
        ids: (n,) positions of those that are asked for.
        grid: rows and columns of patches; they need not divide H and W: a patch's mean is over its area.
        kept: patches that each image keeps.

    Returns:
        (n, rows, columns) bool.
    """
    down, across = (_shares(size, cells) for size, cells in zip(maps.shape[1:], grid, strict=True))
    masks = np.zeros((len(ids), grid[0] * grid[1]), bool)
    for start in range(0, len(ids), CHUNK):
        rows = slice(start, start + CHUNK)
        means = down @ np.asarray(maps[ids[rows]], np.float64) @ across.T
        order = np.argsort(-means.round(9).reshape(len(means), -1), axis=1, kind="stable")
        np.put_along_axis(masks[rows], order[:, :kept], values=True, axis=1)
    return masks.reshape(-1, *grid)


def _shares(size: int, cells: int) -> np.ndarray:
    """(cells, size) float64: what each pixel counts for in the mean of each cell along one side."""
    edges = np.arange(cells + 1) * size / cells
    pixels = np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(covered, 0) * cells / size
