import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ccbench.archive import CompressedDataset, EncodedImages, PaletteImages, RawImages
from ccbench.colors import (
    channel_histogram,
    color_distance,
    colorfulness,
    measure,
    measure_compressed,
    measure_dataset,
    measured,
)
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.store import Store

CLASSES = ("cat", "dog")
PICTURES = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)


def same(one, other):
    return (
        (one.colorfulness, one.colorfulness_hasler, one.images)
        == (other.colorfulness, other.colorfulness_hasler, other.images)
    ) and (one.histogram == other.histogram).all()


def compressed(payload):
    return CompressedDataset(payload, np.full(len(payload), -1), np.arange(len(payload)) % 2, classes=CLASSES)


def dataset(images=PICTURES):
    return ImageDataset.from_arrays(images, np.arange(len(images)) % 2, CLASSES, name="toy")


def test_a_set_is_the_mean_of_its_images():
    found = measure([PICTURES])
    assert found.colorfulness == pytest.approx(colorfulness(PICTURES).mean())
    assert found.colorfulness_hasler == pytest.approx(colorfulness(PICTURES, "hasler").mean())
    assert (found.histogram == channel_histogram(PICTURES)).all()
    assert found.images == 7


@given(st.lists(st.integers(1, 6), max_size=4))
def test_batches_leave_no_trace(cuts):
    assert same(measure(np.split(PICTURES, sorted(set(cuts)))), measure([PICTURES]))


def test_images_of_several_sizes_count_alike():
    red = np.full((1, 50, 50, 3), (255, 0, 0), np.uint8)
    grey = np.full((1, 2, 2, 3), 9, np.uint8)
    assert measure([red, grey]).colorfulness == pytest.approx(colorfulness(red)[0] / 2)


def test_no_images_are_an_error():
    with pytest.raises(UserError, match="image"):
        measure([])


def test_a_dataset_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr("ccbench.colors.sets._PIXELS", 61)  # two images at a time
    assert same(measure_dataset(dataset()), measure([PICTURES]))
    assert same(measure_compressed(compressed(RawImages(PICTURES))), measure([PICTURES]))


@pytest.mark.parametrize("pixels", [61, 1 << 20])
def test_palettes_are_measured_as_they_decode(monkeypatch, pixels):
    monkeypatch.setattr("ccbench.colors.sets._PIXELS", pixels)
    rng = np.random.default_rng(1)
    palettes = rng.integers(0, 256, (2, 4, 3), dtype=np.uint8)
    indices = rng.integers(0, 4, (9, 6, 5), dtype=np.uint8)
    clusters = np.arange(9) % 2
    shown = np.stack([palettes[c][i] for c, i in zip(clusters, indices, strict=True)])
    assert same(measure_compressed(compressed(PaletteImages(indices, palettes, clusters))), measure([shown]))


def test_encoded_images_too():
    blobs = []
    for picture in PICTURES:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        blobs.append(buffer.getvalue())
    assert same(measure_compressed(compressed(EncodedImages(blobs, "png"))), measure([PICTURES]))


def test_the_original_is_measured_once(tmp_path):
    first = measured(dataset(), Store(tmp_path))
    assert same(first, measure([PICTURES]))
    file = next(tmp_path.rglob("histogram.npy"))
    written = file.stat().st_mtime_ns
    assert same(measured(dataset(), Store(tmp_path)), first)
    assert file.stat().st_mtime_ns == written
    other = dataset(255 - PICTURES)  # other pixels, another entry
    assert same(measured(other, Store(tmp_path)), measure_dataset(other))


def test_a_damaged_entry_says_how_to_mend_it(tmp_path):
    measured(dataset(), Store(tmp_path))
    file = next(tmp_path.rglob("histogram.npy"))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="cache clear --kind colors"):
        measured(dataset(), Store(tmp_path))


def test_distance_between_sets():
    black, white = measure([np.zeros((1, 2, 2, 3), np.uint8)]), measure([np.full((3, 1, 1, 3), 255, np.uint8)])
    red = measure([np.full((1, 1, 1, 3), (255, 0, 0), np.uint8)])
    assert color_distance(black, black) == 0
    assert color_distance(black, white) == 1
    assert color_distance(black, red) == pytest.approx(1 / 3)
    assert color_distance(red, white) == color_distance(white, red) == pytest.approx(2 / 3)
