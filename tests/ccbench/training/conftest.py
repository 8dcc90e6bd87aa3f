"""A small task that networks learn in a second: which quarter of the image is bright."""

import numpy as np
import pytest

from ccbench.data import ImageDataset
from ccbench.offers.discovery import Plugins


def quarters(n, size=16, seed=0, split="train"):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    labels[:4] = range(4)
    images = rng.integers(0, 60, (n, size, size, 3))
    half = size // 2
    for image, y in zip(images, labels, strict=True):
        image[(y // 2) * half : (y // 2 + 1) * half, (y % 2) * half : (y % 2 + 1) * half] += 150
    return ImageDataset.from_arrays(images.astype(np.uint8), labels, ["a", "b", "c", "d"], name="quarters", split=split)


@pytest.fixture(scope="session")
def train():
    return quarters(160)


@pytest.fixture(scope="session")
def test_split():
    return quarters(80, seed=1, split="test")


@pytest.fixture(scope="session")
def own_plugins():
    found = Plugins(discover=False, extra=("cc_plugins.architectures", "cc_plugins.protocols", "cc_plugins.coresets"))
    assert not found.broken()
    return found
