"""Colour of a whole set, counted over batches; the original's is kept in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ccbench.colors.histogram import channel_histogram
from ccbench.colors.opponents import FORMS, from_sums, opponent_sums
from ccbench.errors import UserError

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset
    from ccbench.data import ImageDataset
    from ccbench.store import Store

KIND = "colors"  # of the store's entries
VERSION = "1"  # of what is measured
_PIXELS = 1 << 20  # in one batch


@dataclass(frozen=True, eq=False)
class ColorMeasure:
    """The colours of a set of images; every image counts the same.

    Attributes:
        colorfulness: mean over the images of :func:`ccbench.colors.colorfulness`, in its form ``"dc3"``.
        colorfulness_hasler: the same in its form ``"hasler"``.
        histogram: (3, 256) int64, how often each channel has each value.
        images: how many, >= 1.
    """

    colorfulness: float
    colorfulness_hasler: float
    histogram: np.ndarray
    images: int


def measure(batches: Iterable[np.ndarray]) -> ColorMeasure:
    """Measure images that stream by; at most one batch is in memory.

    Args:
        batches: (b, H, W, 3) uint8 RGB; sizes may differ from batch to batch.

    Raises:
        UserError: there is no image.
    """
    histogram = np.zeros((3, 256), np.int64)
    values: list[np.ndarray] = []
    for batch in batches:
        histogram += channel_histogram(batch)
        sums, pixels = opponent_sums(batch), batch.shape[1] * batch.shape[2]
        values.append(np.stack([from_sums(sums, pixels, form) for form in FORMS], axis=1))
    means = np.concatenate(values) if values else np.empty((0, len(FORMS)))
    if not len(means):
        raise UserError("colours can only be measured where there is an image")
    dc3, hasler = means.mean(0)  # of all at once, so that the split into batches leaves no trace
    return ColorMeasure(float(dc3), float(hasler), histogram, len(means))


def measure_dataset(dataset: ImageDataset) -> ColorMeasure:
    """The colours of a split; a memory-mapped one is read a piece at a time."""
    return measure(dataset.images[part] for part in _parts(*dataset.images.shape[:3]))


def measure_compressed(compressed: CompressedDataset) -> ColorMeasure:
    """The colours of a compressed set as it is trained on: decoded, a piece at a time.

    Raises:
        UserError: an encoded image is damaged.
    """
    from ccbench.archive import RawImages

    payload, parts = compressed.payload, _parts(len(compressed), *compressed.shape)
    if isinstance(payload, RawImages):
        return measure(payload.images[part] for part in parts)
    positions = (np.arange(part.start, part.stop) for part in parts)
    return measure(compressed.decode(index).permute(0, 2, 3, 1).numpy() for index in positions)


def measured(dataset: ImageDataset, store: Store) -> ColorMeasure:
    """:func:`measure_dataset`, made once for each content and then read from the store.

    Args:
        dataset: addressed by its digest.
        store: entries of the kind ``colors``.
    """

    def make(folder: Path) -> dict[str, np.ndarray]:
        fresh = measure_dataset(dataset)
        means = np.array([fresh.colorfulness, fresh.colorfulness_hasler])
        return {"histogram": fresh.histogram, "colorfulness": means}

    facts = {"dataset": dataset.name, "split": dataset.split}
    entry = store.get_or_make(KIND, store.key(colors=VERSION, dataset=dataset.digest), make, facts)
    dc3, hasler = entry["colorfulness"]
    return ColorMeasure(float(dc3), float(hasler), np.array(entry["histogram"]), len(dataset))


def _parts(images: int, height: int, width: int) -> Iterator[slice]:
    """Runs of whole images of about ``_PIXELS`` pixels."""
    step = max(1, _PIXELS // (height * width))
    return (slice(start, min(start + step, images)) for start in range(0, images, step))
