"""The kit's images: small, colourful, of classes that differ in size and look."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from ccbench.data import DataSource, ImageDataset, ImageStream
from ccbench.testing.offers import DATASET, SHAPE

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset
    from ccbench.methods.task import Task

CLASSES = ("red", "green", "blue", "grey")
_SHARES = (30, 26, 22, 18)  # of 96: a method that assumes equal classes is found out
_HUES = (0.0, 0.33, 0.62, 0.1)


def image_set(split: str = "train", *, images: int = SHAPE.images, size: int = SHAPE.height) -> ImageDataset:
    """Coloured stripes with noise, the same on every call.

    Args:
        split: ``"train"`` or ``"test"``; they share no image.
        images: how many, >= 8.
        size: height and width in pixels.

    Returns:
        images (N, size, size, 3) uint8 of 4 classes, shuffled; class sizes are about 31, 27, 23 and 19 %.
    """
    rng = np.random.default_rng([size, images, split == "test"])
    bounds = np.cumsum(_SHARES) * images // sum(_SHARES)
    labels = rng.permutation(np.searchsorted(bounds, np.arange(images), side="right"))
    pictures = np.stack([_picture(rng, int(label), size) for label in labels])
    return ImageDataset.from_arrays(pictures, labels, CLASSES, name=DATASET, split=split)


def _picture(rng: np.random.Generator, label: int, size: int) -> np.ndarray:
    """One image (size, size, 3) uint8: stripes at the class's angle between two shades of its colour."""
    y, x = np.mgrid[:size, :size]
    across = (x, y, x + y, x - y)[label]
    stripes = (across + rng.integers(size)) // rng.integers(2, size // 4 + 1) % 2
    hue = _HUES[label] + rng.uniform(-0.08, 0.08)
    strength = 0.15 if label == 3 else rng.uniform(0.6, 1.0)
    shades = [colorsys.hsv_to_rgb(hue % 1, strength, value) for value in (rng.uniform(0.2, 0.5), rng.uniform(0.6, 1.0))]
    clean = 255 * np.asarray(shades)[stripes]
    return np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8)


class KitImages:
    """The dataset plugin: :func:`image_set` as a train and a test split, so that there is a real test split on disk."""

    def fingerprint(self, source: DataSource) -> str:
        """Nothing outside this module can change the images."""
        return "made in memory"

    def splits(self, source: DataSource) -> dict[str, ImageStream]:
        """96 images to train on, 40 to test on."""
        sets = {"train": image_set("train"), "test": image_set("test", images=40)}
        return {split: ImageStream.from_arrays(s.images, s.labels, s.classes) for split, s in sets.items()}


class EveryOther:
    """Keep ``task.images`` images, spread evenly over the training set's order within each class."""

    def compress(self, task: Task) -> CompressedDataset:
        """Deterministic: it belongs to the kit, so it must not be what a check fails on."""
        from ccbench.archive import CompressedDataset

        labels = task.dataset.labels
        place = np.empty(len(labels))
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            halves = np.concatenate([members[::2], members[1::2]])
            place[halves] = np.arange(len(members)) / len(members)
        kept = np.argsort(place, kind="stable")[: task.images]
        return CompressedDataset.subset(task.dataset, np.sort(kept))
