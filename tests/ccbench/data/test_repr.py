"""What a loaded dataset shows of itself in a notebook: one line, no arrays."""

import numpy as np

import ccbench
from ccbench import CompressedDataset, EncodedImages, PaletteImages
from ccbench.testing import image_set


def test_image_datasets():
    data = image_set(images=40, size=8)
    text = repr(data)
    assert text.startswith(f"ImageDataset({data.name!r}, train, 40 images of 8x8, {len(data.classes)} classes, digest ")
    assert data.digest[:12] in text
    assert len(text) < 150


def test_compressed_datasets(tmp_path):
    data = image_set(images=40, size=8)
    raw = CompressedDataset.subset(data, range(10), weights=np.ones(10, np.float32))
    assert repr(raw) == f"CompressedDataset(RawImages(10 images of (8, 8)), {len(data.classes)} classes, weights)"
    raw.meta.update(method="random", dataset="kit")
    raw.save(tmp_path / "a.ccb")
    loaded = ccbench.load(tmp_path / "a.ccb")
    inner = f"CompressedDataset(random of kit, RawImages(10 images of (8, 8)), {len(data.classes)} classes, weights)"
    assert repr(loaded) == f"TorchImages('{tmp_path / 'a.ccb'}', {inner}, transform=None)"
    palettes = PaletteImages(np.zeros((2, 8, 8), np.uint8), np.zeros((2, 4, 3), np.uint8), None, 2)
    soft = np.full((2, 2), 0.5, np.float16)
    made = CompressedDataset(palettes, [0, 1], [0, 1], classes=("a", "b"), soft_labels=soft)
    assert repr(made).endswith("palettes of 2 bits), 2 classes, soft labels)")
    assert EncodedImages.__repr__ is not object.__repr__
