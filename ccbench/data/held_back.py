"""A test split for a dataset that has none."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

_SEED = "ccbench test split"  # the same for every run: whoever holds the images holds the same split


def held_back(names: Sequence[str], labels: Sequence[int] | np.ndarray, share: float) -> np.ndarray:
    """Which images become the test split, (n,) bool: a share of each class, drawn by a fixed seed.

    The images of a class are ordered by the sha256 of the seed and their name, and the first ones are taken: as many
    as the share says, rounded to whole images, at least one and never all. A class of one image keeps it for training.
    An image that is added or removed moves at most one other image of its class.

    Args:
        names: one for each image, such as its file's path below the dataset's folder.
        labels: (n,) whole numbers, one for each image.
        share: above 0 and below 1.

    Examples:
        >>> names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(5)]
        >>> [name for name, held in zip(names, held_back(names, [0] * 5 + [1] * 5, 0.2), strict=True) if held]
        ['cat/3.png', 'dog/1.png']
    """
    keys = [hashlib.sha256(f"{_SEED}\0{name}".encode(errors="surrogateescape")).digest() for name in names]
    labels, held = np.asarray(labels), np.zeros(len(keys), bool)
    for label in np.unique(labels):
        members = sorted(np.flatnonzero(labels == label), key=lambda i: keys[i])
        wanted = math.floor(Fraction(str(share)) * len(members) + Fraction(1, 2))
        held[members[: min(max(wanted, 1), len(members) - 1)]] = True
    return held
