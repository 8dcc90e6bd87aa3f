"""Colours of a set against the same figures written plainly with NumPy, one image at a time; one thread each.

The peer takes each image's opponent colours as float64 arrays and counts each channel by ``numpy.bincount``.
Both sides must agree.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from typing import Any

import numpy as np

from benchmarks._measure import paired
from benchmarks.dcq import images as pictures
from ccbench.colors import measure

IMAGES, PEER = 50000, 2000  # the peer takes long: it is timed on a part and its time multiplied


def rows(images: int = IMAGES, part: int = PEER, rounds: int = 3) -> list[dict[str, Any]]:
    """One row: name, ours and peer (median seconds for all images), ratio (peer / ours), unit, note."""
    some, source = pictures(images)
    batches = np.array_split(some, max(1, images // 1000))
    mine, theirs = measure([some[:part]]), plainly(some[:part])
    if not np.isclose(mine.colorfulness, theirs[0]) or (mine.histogram != theirs[1]).any():
        raise AssertionError("the two sides measure different colours")
    ours, peer = paired(lambda: measure(batches), lambda: plainly(some[:part]), rounds)
    started = time.perf_counter()
    vectorised(some[:part])
    whole = (time.perf_counter() - started) * images / part
    peer *= images / part
    note = f"{source}; peer: NumPy, image by image; NumPy float64 on whole batches: {whole:.2f} s"
    name = f"colourfulness and histograms of {images} images"
    return [{"name": name, "ours": ours, "peer": peer, "ratio": peer / ours, "unit": "s", "note": note}]


def plainly(images: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean colourfulness and the (3, 256) counts, written as the definitions read."""
    values, counts = [], np.zeros((3, 256), np.int64)
    for image in images:
        red, green, blue = np.moveaxis(image.astype(float), -1, 0)
        rg, yb = np.abs(red - green), 0.5 * (red + green) - blue
        values.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].ravel(), minlength=256)
    return float(np.mean(values)), counts


def vectorised(images: np.ndarray) -> tuple[float, np.ndarray]:
    """The same on the whole batch at once, in float64."""
    red, green, blue = np.moveaxis(images.astype(float), -1, 0)
    rg, yb = np.abs(red - green), 0.5 * (red + green) - blue
    spread = np.hypot(rg.std((1, 2)), yb.std((1, 2)))
    mean = np.hypot(rg.mean((1, 2)), yb.mean((1, 2)))
    counts = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(3)])
    return float((spread + 0.3 * mean).mean()), counts


if __name__ == "__main__":
    for row in rows():
        print(row)
