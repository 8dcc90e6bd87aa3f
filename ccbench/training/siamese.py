"""Differentiable siamese augmentation: one random view for real and synthetic images, with gradients through it.

Zhao and Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021. One transform is drawn for a
batch, as in the released code: ``color``, ``crop``, ``cutout``, ``flip``, ``scale`` or ``rotate``. Matching methods put
real and synthetic images of a class through one and the same view; a training draws the numbers of each image anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from ccbench.training.recipe import SIAMESE as NAMES

STRATEGY = "_".join(NAMES)
BRIGHTNESS, SATURATION, CONTRAST = 1.0, 2.0, 0.5
PAD, CUT = 0.125, 0.5  # of the image's sides
SCALE, DEGREES, FLIPPED = 1.2, 15.0, 0.5


@dataclass(frozen=True)
class View:
    """A transform and its numbers, for all images alike or for each of them.

    Attributes:
        name: of :data:`NAMES`.
        numbers: (m, k) float64 as :func:`draw` gives them, k = 1 for all images alike; m is the transform's own.
    """

    name: str
    numbers: np.ndarray

    def part(self, rows: slice) -> View:
        """The view of some of its images."""
        return self if self.numbers.shape[1] == 1 else replace(self, numbers=self.numbers[:, rows])

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, 3, H, W) of normalised floats, seen through it; differentiable, what is outside is 0."""
        return _APPLY[self.name](images, self.numbers)


def names_of(strategy: str) -> tuple[str, ...]:
    """The transforms of ``"color_crop_flip"``; none for ``"none"``."""
    return () if strategy == "none" else tuple(strategy.split("_"))


def draw(names: tuple[str, ...], size: tuple[int, int], rng: np.random.Generator, images: int = 1) -> View | None:
    """One transform, each equally likely, and its numbers.

    Args:
        names: to choose from; none gives None.
        size: (H, W) of the images.
        rng: on the host: drawing makes nobody wait for the device.
        images: 1 for a view that all images share (siamese), otherwise one for each of so many.
    """
    if not names:
        return None
    name = names[int(rng.integers(len(names)))]
    return View(name, np.asarray(_DRAW[name](size, rng, images), np.float64))


def _draw_color(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    """What is added to brightness, and the factors of saturation and contrast."""
    u = rng.random((3, k))
    return np.stack([(u[0] - 0.5) * BRIGHTNESS, u[1] * SATURATION, u[2] + CONTRAST])


def _draw_crop(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    """Rows and columns by which the image is moved up and to the left."""
    most = [int(side * PAD + 0.5) for side in size]
    return np.stack([rng.integers(-m, m + 1, k) for m in most])


def _draw_cutout(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    """Top and left of the square that is cut out; it may begin or end outside of the image."""
    sides = [int(side * CUT + 0.5) for side in size]
    centres = [rng.integers(0, side + 1 - cut % 2, k) for side, cut in zip(size, sides, strict=True)]
    return np.stack([centre - cut // 2 for centre, cut in zip(centres, sides, strict=True)])


def _draw_flip(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    return (rng.random((1, k)) < FLIPPED).astype(float)


def _draw_scale(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    """How much of the width and of the height is looked at, 1 is all."""
    return rng.uniform(1 / SCALE, SCALE, (2, k))


def _draw_rotate(size: tuple[int, int], rng: np.random.Generator, k: int) -> np.ndarray:
    """Radians."""
    return rng.uniform(-DEGREES, DEGREES, (1, k)) * math.pi / 180


def _color(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    brightness, saturation, contrast = _columns(images, numbers)
    images = images + brightness
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * saturation + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * contrast + mean


def _crop(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    height, width = images.shape[2:]
    down, right = (int(abs(row).max()) for row in numbers)
    padded = F.pad(images, (right, right, down, down))
    tops, lefts = numbers[0].astype(np.int64) + down, numbers[1].astype(np.int64) + right
    if len(tops) == 1:
        return padded[:, :, tops[0] : tops[0] + height, lefts[0] : lefts[0] + width]
    rows = _there(images, tops[:, None] + np.arange(height))
    columns = _there(images, lefts[:, None] + np.arange(width))
    each = torch.arange(len(images), device=images.device)[:, None, None]
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cutout(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    inside = []
    for start, side in zip(numbers, images.shape[2:], strict=True):
        place = np.arange(side) - start[:, None]
        inside.append(_there(images, (place >= 0) & (place < int(side * CUT + 0.5))))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(hole, 0)


def _flip(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    flipped = _there(images, numbers[0] > 0).view(-1, 1, 1, 1)
    return torch.where(flipped, images.flip(3), images)


def _scale(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    across, down = numbers
    none = np.zeros_like(across)
    return _affine(images, [[across, none, none], [none, down, none]])


def _rotate(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    cos, sin = np.cos(numbers[0]), np.sin(numbers[0])
    none = np.zeros_like(cos)
    return _affine(images, [[cos, -sin, none], [sin, cos, none]])


def _affine(images: torch.Tensor, entries: list[list[np.ndarray]]) -> torch.Tensor:
    """Images looked at through matrices, bilinear; ``entries`` are 2 rows of 3 times (k,)."""
    matrices = _there(images, np.array(entries)).permute(2, 0, 1).to(images.dtype)
    grid = F.affine_grid(matrices.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _columns(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    return _there(images, numbers).to(images.dtype).view(len(numbers), -1, 1, 1, 1)


def _there(images: torch.Tensor, numbers: np.ndarray) -> torch.Tensor:
    """Numbers where images are; a GPU takes them without being waited for."""
    return torch.from_numpy(numbers).to(images.device, non_blocking=True)


_DRAW = dict(zip(NAMES, (_draw_color, _draw_crop, _draw_cutout, _draw_flip, _draw_scale, _draw_rotate), strict=True))
_APPLY = dict(zip(NAMES, (_color, _crop, _cutout, _flip, _scale, _rotate), strict=True))
