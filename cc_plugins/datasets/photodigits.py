"""The embedded dataset: scikit-learn's digits over patches of its two photographs.

Made in the manner of MNIST-M (Ganin et al. 2016, section 5.2): each channel is |patch - digit|, so a digit
inverts what lies behind it. Every step is integer arithmetic on scikit-learn's files; only the
decoding of the two JPEG files is left to Pillow, whose versions may differ by a grey level.
"""

from __future__ import annotations

import gzip
import hashlib
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np
from PIL import Image

from ccbench.plugin import DataSource, ImageStream

SIZE = 32
SCALE = 4  # from 8x8
TEST_PER_CLASS = 50
TRAIN_COLUMNS = 448  # of 640: test patches are cut to the right of it, training patches to the left


class PhotoDigits:
    """Every one of the 1,797 digits once: 1,297 to train on, 50 of each class to test on."""

    def fingerprint(self, source: DataSource) -> str:
        """The versions of the two libraries that the pixels come from."""
        return f"scikit-learn {version('scikit-learn')}, pillow {version('pillow')}"

    def splits(self, source: DataSource) -> dict[str, ImageStream]:
        """Images (N, 32, 32, 3) uint8, in the order of scikit-learn's digits."""
        strokes, labels, photos = raw()
        test = held_out(labels)
        classes = tuple(str(c) for c in range(10))
        streams = {}
        for split, mask in (("train", ~test), ("test", test)):
            ids = np.flatnonzero(mask)
            patches = np.stack([cut(photos, int(i), split) for i in ids])
            images = blend(patches, upscale(strokes[ids]))
            streams[split] = ImageStream.from_arrays(images, labels[ids], classes)
        return streams


def raw() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Digits (1797, 8, 8) in 0..16, labels (1797,), photographs (427, 640, 3) in 0..255; all int64.

    Read from scikit-learn's files, because importing scikit-learn takes longer than all the rest;
    through its functions where a version keeps them elsewhere.
    """
    folder = Path(str(distribution("scikit-learn").locate_file("sklearn/datasets")))
    try:
        with gzip.open(folder / "data" / "digits.csv.gz", "rt") as file:
            table = np.loadtxt(file, delimiter=",").astype(np.int64)
        photos = [
            np.asarray(Image.open(folder / "images" / name), dtype=np.int64) for name in ("china.jpg", "flower.jpg")
        ]
        return table[:, :-1].reshape(-1, 8, 8), table[:, -1], photos
    except FileNotFoundError:
        from sklearn.datasets import load_digits, load_sample_images

        digits, samples = load_digits(), load_sample_images()  # the photographs come in the same order
        photos = [np.asarray(p, dtype=np.int64) for p in samples.images]
        return digits.images.astype(np.int64), digits.target.astype(np.int64), photos


def held_out(labels: np.ndarray) -> np.ndarray:
    """(N,) bool: in each class the 50 digits whose hash is smallest."""
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        ids = np.flatnonzero(labels == label)
        test[sorted(ids, key=lambda i: draw("split", int(i)))[:TEST_PER_CLASS]] = True
    return test


def corner(i: int, split: str, shapes: list[tuple[int, int]]) -> tuple[int, int, int]:
    """(photo, top, left) of digit ``i``'s patch; ``shapes`` are the photographs' (height, width)."""
    photo = draw("photo", i) % len(shapes)
    height, width = shapes[photo]
    first, last = (0, TRAIN_COLUMNS) if split == "train" else (TRAIN_COLUMNS, width)
    top = draw("top", i) % (height - SIZE + 1)
    left = first + draw("left", i) % (last - first - SIZE + 1)
    return photo, top, left


def cut(photos: list[np.ndarray], i: int, split: str) -> np.ndarray:
    """The (32, 32, 3) patch of digit ``i``."""
    photo, top, left = corner(i, split, [(p.shape[0], p.shape[1]) for p in photos])
    return photos[photo][top : top + SIZE, left : left + SIZE]


def draw(what: str, i: int) -> int:
    """A number in [0, 2**64) that is the same on every machine: a hash needs no random generator."""
    return int.from_bytes(hashlib.sha256(f"photodigits {what} {i}".encode()).digest()[:8], "big")


def upscale(strokes: np.ndarray) -> np.ndarray:
    """Bilinear, pixel centres aligned, edges repeated: (n, 8, 8) in 0..16 to (n, 32, 32) in 0..255.

    An output pixel lies at an odd number of eighths between two input pixels, so the weights are
    whole eighths and the result is exact before its one rounding.
    """
    small = strokes.shape[-1]
    eighths = 2 * np.arange(small * SCALE) - 3  # of an input pixel: 8 * ((i + 1/2) / 4 - 1/2)
    low, weight = eighths // 8, eighths % 8
    weights = np.zeros((small * SCALE, small), dtype=np.int64)
    rows = np.arange(small * SCALE)
    np.add.at(weights, (rows, np.clip(low, 0, small - 1)), 8 - weight)
    np.add.at(weights, (rows, np.clip(low + 1, 0, small - 1)), weight)
    total = weights @ strokes @ weights.T  # 0 .. 16 * 64
    return (total * 255 + 512) // 1024


def blend(patches: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """|patch - digit| per channel: (n, 32, 32, 3) and (n, 32, 32), both in 0..255, to uint8."""
    return np.abs(patches - digits[..., None]).astype(np.uint8)
