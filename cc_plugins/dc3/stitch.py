"""Crop and stitch: one picture from the cool and warm pictures of an image (section 3.2, appendix D)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLEND = 20 / 256  # the released code blends 20 pixels of 256


def half(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The warm picture's left or upper half and the cool one's other half, with a linear blend between them.

    Args:
        pictures: (2, H, W, 3) uint8, cool and warm.
        rng: draws whether the halves lie beside or above each other.

    Returns:
        (H, W, 3) uint8. The blend is 20 pixels wide where the cut runs across 256, and as large a share of
        other sizes, at least one pixel: from size / 2 - width / 2 on, weights go from 0 to 1, both included.
        What is mixed is cut off to whole values, as in the released code.
    """
    cool, warm = pictures
    axis = int(rng.integers(2))  # 0: above each other, 1: beside each other
    size = cool.shape[axis]
    width = max(1, round(BLEND * size))
    place = np.arange(size) - (size // 2 - width // 2)
    weight = np.clip(place / (width - 1), 0, 1) if width > 1 else (place >= 0).astype(float)
    weight = weight.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    # float32 rounds every level over 255 up, so that levels that nothing is mixed into outlive the cutting off
    cool, warm = (picture.astype(np.float32) / 255 for picture in (cool, warm))
    return (((1 - weight) * warm + weight * cool) * 255).astype(np.uint8)


def quarter(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One quarter of each of four pictures, where it was; which picture gives which quarter is drawn.

    Args:
        pictures: (4, H, W, 3) uint8.
        rng: draws the order.
    """
    return _cells(pictures, rng.permutation(4).reshape(2, 2))


def pixel(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the pixels of the first picture (rounded up), drawn at random, and the others of the second.

    Args:
        pictures: (2, H, W, 3) uint8.
        rng: draws the pixels.
    """
    return np.where(_half_of(pictures.shape[1:3], rng)[..., None], pictures[1], pictures[0])


def grid(cells: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """A stitch by cells x cells fields: half of them (rounded up) of the first picture, the others of the second.

    A side of fewer pixels than ``cells`` is cut into that many cells of one pixel.
    """

    def stitch(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, columns = (min(cells, size) for size in pictures.shape[1:3])
        return _cells(pictures, _half_of((rows, columns), rng))

    return stitch


def _half_of(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """0 and 1 at random places, half of each; one 0 more where there is no half."""
    return rng.permutation(np.arange(np.prod(shape)) % 2).reshape(shape)


def _cells(pictures: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The picture whose cell (i, j) is that of ``pictures[source[i, j]]``; cells differ by at most one pixel."""
    height, width = pictures.shape[1:3]
    rows = np.arange(height) * len(source) // height
    columns = np.arange(width) * source.shape[1] // width
    return np.take_along_axis(pictures, source[rows[:, None], columns][None, ..., None], axis=0)[0]


Stitch = Callable[[np.ndarray, np.random.Generator], np.ndarray]
STITCHES: dict[str, Stitch] = {
    "half": half,
    "quarter": quarter,
    "pixel": pixel,
    "grid8": grid(8),
    "grid16": grid(16),
}


def variants(name: str) -> int:
    """How many pictures of an image a stitch takes."""
    return 4 if name == "quarter" else 2


def stitched(pictures: np.ndarray, name: str, seed: int, key: int) -> np.ndarray:
    """One picture of several.

    Args:
        pictures: (variants, H, W, 3) uint8, the first half cool, the second half warm.
        name: of :data:`STITCHES`.
        seed: of the cell.
        key: of the image; with the seed it decides the places, whatever else is made.

    Returns:
        (H, W, 3) uint8.
    """
    return STITCHES[name](pictures, np.random.default_rng([seed, key]))
