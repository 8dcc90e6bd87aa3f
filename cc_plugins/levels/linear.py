"""Linear quantisation of each image, with bits for those that need them."""

from __future__ import annotations

import math

import numpy as np

from ccbench.plugin import CompressedDataset, LevelImages, Task

CHUNK = 500  # images between two reports of progress


class LinearQuant:
    """Adaptive Dataset Quantization of arXiv 2512.05987, as far as its abstract says what it does.

    Args:
        allocation: ``"adaptive"`` or ``"uniform"``.
        bounds: ``"symmetric"`` or ``"extremes"``.
    """

    def __init__(self, *, allocation: str, bounds: str) -> None:
        self.allocation, self.bounds = allocation, bounds

    def skip(self, task: Task) -> str | None:
        """A channel value has at least a bit, a pixel three."""
        if task.budget.kept * 8 < 1:
            return f"a bit for each channel value is 3 bits per pixel, and this budget is {task.budget.bits:.4g}"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """Quantise every image of the task."""
        data, each = task.dataset, task.budget.kept * 8  # bits for each channel value, of an image
        n = len(data.labels)
        bounds = np.concatenate([self._bounds(part) for part in _parts(data.images)])
        if self.allocation == "uniform":
            bits = np.full(n, math.floor(each))
        else:
            bits = allocate(errors(task, bounds), math.floor(each * n))
        payload = LevelImages.nearest(data.images, bits, bounds)
        counts = {str(b): int(m) for b, m in enumerate(np.bincount(bits)) if m}
        return CompressedDataset(
            payload, np.arange(n), data.labels, classes=data.classes, meta={"images_by_bits": counts}
        )

    def _bounds(self, images: np.ndarray) -> np.ndarray:
        """(m, 1 or 3, 2) uint8."""
        if self.bounds == "extremes":
            return np.stack([images.min((1, 2)), images.max((1, 2))], -1)
        low = np.minimum(images.min((1, 2, 3)), 255 - images.max((1, 2, 3)))
        return np.stack([low, 255 - low], -1)[:, None]


def errors(task: Task, bounds: np.ndarray) -> np.ndarray:
    """(n, 8) the summed squared error of each image at 1 to 8 bits."""
    images, done = task.dataset.images, 0
    found = np.empty((len(images), 8), np.int64)
    for part in _parts(images):
        here = slice(done, done + len(part))
        for b in range(1, 9):
            shown = LevelImages.nearest(part, b, bounds[here]).decode(range(len(part)))
            found[here, b - 1] = ((shown.astype(np.int32) - part) ** 2).sum((1, 2, 3), dtype=np.int64)
        done += len(part)
        task.progress(done, len(images), "errors at 1 to 8 bits")
    return found


def allocate(errors: np.ndarray, total: int) -> np.ndarray:
    """Bits of each image, adding up to ``total`` or what 8 bits of each are.

    Each further bit goes to an image where it saves most; what a bit saves is held to be no more than what the one
    before saved, so that an image's bits are taken in order.

    Args:
        errors: (n, 8) at 1 to 8 bits.
        total: at least n.

    Returns:
        (n,) whole numbers 1 .. 8.

    Examples:
        >>> allocate(np.array([[90, 50, 40, 0, 0, 0, 0, 0], [70, 10, 9, 8, 7, 6, 5, 4]]), total=4)
        array([2, 2])
    """
    saved = np.minimum.accumulate(errors[:, :-1] - errors[:, 1:], axis=1)
    best = np.argsort(-saved.T.reshape(-1), kind="stable")[: total - len(errors)]  # of equals, an image's earlier bit
    return 1 + np.bincount(best % len(errors), minlength=len(errors))


def _parts(images: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
