"""Linear quantisation of patches, whose bounds are shared by similar ones and fitted to what they gave."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ccbench.plugin import CompressedDataset, LevelImages, Task, UserError

_SAMPLE = 65_536  # patches that k-means looks at
_ROUNDS = 20
CHUNK = 500  # images at once


class PatchQuant:
    """Patch-based post-training quantisation of arXiv 2603.13346, as far as its abstract says what it does.

    Args:
        patch: pixels on a side.
        groups: different bounds in the set; 0: each patch has its own.
        refine: rounds of fitting.
    """

    def __init__(self, *, patch: int, groups: int, refine: int) -> None:
        self.patch, self.groups, self.refine = patch, groups, refine

    def skip(self, task: Task) -> str | None:
        """Why the budget cannot be hit, or None: only whole bits for each channel value can."""
        bits = task.budget.whole_bits
        if bits is None or bits % 3:
            return f"each channel value takes 1 to 8 whole bits, and this budget is {task.budget.bits / 3:.4g}"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """Quantise every image of the task.

        Raises:
            UserError: the budget is no whole number of bits for each channel value.
        """
        data, whole = task.dataset, task.budget.whole_bits
        if whole is None or whole % 3:
            raise UserError(self.skip(task) or "", mend="--bits 3, 6, 9, ... with --no-snap")
        height, width = data.images.shape[1:3]
        patch, bits, n = (min(self.patch, height), min(self.patch, width)), whole // 3, len(data.labels)
        bounds = np.concatenate([extremes(images, patch) for _, images in _parts(data.images)])
        owners: np.ndarray | None = None
        if self.groups:
            owners, bounds = shared(bounds, self.groups, task.rng("groups"))
        made = LevelImages.nearest(data.images, bits, bounds.reshape(-1, 3, 2), owners, patch)
        error, was = _error(data.images, made), _error(data.images, made)
        for done in range(self.refine):
            better = fitted(data.images, made)
            now = LevelImages.nearest(data.images, bits, better, owners, patch)
            if (lost := _error(data.images, now)) >= error:
                break
            made, error = now, lost
            task.progress(done + 1, self.refine, "refinement")
        size = data.images.size
        meta = {"bounds": len(made.bounds), "mean_squared_error": [was / size, error / size]}
        return CompressedDataset(made, np.arange(n), data.labels, classes=data.classes, meta=meta)


def extremes(images: np.ndarray, patch: tuple[int, int]) -> np.ndarray:
    """(m, R, C, 3, 2) uint8, the least and the greatest value of each channel in each patch."""
    down, across = np.arange(0, images.shape[1], patch[0]), np.arange(0, images.shape[2], patch[1])
    low = np.minimum.reduceat(np.minimum.reduceat(images, down, axis=1), across, axis=2)
    high = np.maximum.reduceat(np.maximum.reduceat(images, down, axis=1), across, axis=2)
    return np.stack([low, high], -1)


def shared(bounds: np.ndarray, groups: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Patches with similar bounds together.

    Args:
        bounds: (n, R, C, 3, 2) uint8 of each patch.
        groups: at most so many.

    Returns:
        (n, R, C) the group of each patch, and (k, 3, 2) uint8, the mean bounds of its patches.
    """
    rows = bounds.reshape(-1, 6)
    distinct, found = np.unique(rows, axis=0, return_inverse=True)
    if len(distinct) <= groups:
        return found.reshape(bounds.shape[:3]), distinct.reshape(-1, 3, 2)
    sample = rows[np.sort(rng.permutation(len(rows))[:_SAMPLE])].astype(np.float64)
    centres = np.unique(sample, axis=0)
    centres = centres[np.sort(rng.permutation(len(centres))[:groups])]
    for _ in range(_ROUNDS):
        moved = _means(sample, _nearest(sample, centres), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    centres = np.unique(np.rint(centres).astype(np.uint8), axis=0)
    return _nearest(rows.astype(np.float64), centres).reshape(bounds.shape[:3]), centres.reshape(-1, 3, 2)


def fitted(images: np.ndarray, made: LevelImages) -> np.ndarray:
    """(k, c, 2) uint8: the bounds between which the levels that there are come nearest to the images.

    Least squares of low and high for all patches of each group and channel; where one level is all that there is, both
    are the mean of what it stands for.
    """
    k, grid = len(made.bounds), made.grid
    sums = np.zeros((5, k, 3))  # of 1 - t, t: their products with themselves and with the values
    for start, part in _parts(images):
        index = np.arange(start, start + len(part))
        share = made.levels(index) / ((1 << made.bits[index].astype(int)) - 1)[:, None, None, None]
        cells = np.arange(len(images) * grid[0] * grid[1]).reshape(-1, *grid) if made.owners is None else made.owners
        owner = cells[index].repeat(made.patch[0], 1)[:, : made.shape[0]]
        owner = owner.repeat(made.patch[1], 2)[:, :, : made.shape[1]].reshape(-1)
        one, other, value = (a.reshape(-1, 3) for a in (1 - share, share, part.astype(np.float64)))
        for i, product in enumerate((one * one, one * other, other * other, one * value, other * value)):
            for channel in range(3):
                sums[i, :, channel] += np.bincount(owner, product[:, channel], k)
    aa, ab, bb, av, bv = sums
    determinant = aa * bb - ab * ab
    solvable = determinant > 1e-9 * np.maximum(aa * bb, 1)
    safe = np.where(solvable, determinant, 1)
    low, high = (av * bb - bv * ab) / safe, (bv * aa - av * ab) / safe
    new = np.clip(np.rint(np.stack([low, high], -1)), 0, 255)
    return np.where((solvable & (low <= high))[..., None], new, made.bounds).astype(np.uint8)


def _error(images: np.ndarray, made: LevelImages) -> int:
    """Summed squared error."""
    total = 0
    for start, part in _parts(images):
        shown = made.decode(range(start, start + len(part))).astype(np.int32)
        total += int(((shown - part) ** 2).sum(dtype=np.int64))
    return total


def _nearest(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(m,) the nearest centre of each row; of equals, the first."""
    centres = centres.astype(np.float64)
    squared, found = (centres**2).sum(1), np.empty(len(rows), np.int64)
    step = max(1, (1 << 24) // len(centres))
    edges = [*range(0, len(rows), step), len(rows)]
    for start, stop in pairwise(edges):
        found[start:stop] = (squared - 2 * rows[start:stop] @ centres.T).argmin(1)
    return found


def _means(rows: np.ndarray, found: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The mean of each centre's rows; one without rows stays."""
    counts = np.bincount(found, minlength=len(centres))
    sums = np.stack([np.bincount(found, column, len(centres)) for column in rows.T], 1)
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)


def _parts(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(images), CHUNK):
        yield start, np.asarray(images[start : start + CHUNK])
