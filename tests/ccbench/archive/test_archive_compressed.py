"""What a compressed dataset refuses, and what it says of itself."""

from __future__ import annotations

import io
import pickle
from fractions import Fraction

import numpy as np
import pytest
from archive_samples import CLASSES, FILLS, dataset, encoded, palette, patched, pixels_of, raw
from PIL import Image

from ccbench.archive import CompressedDataset, EncodedImages, PaletteImages, PatchImages, RawImages, container
from ccbench.budget import DataShape
from ccbench.data import ImageDataset
from ccbench.errors import UserError

RNG = np.random.default_rng(0)
FOUR = raw(4, 3, 3, RNG)


def make(**changes):
    given = {"payload": FOUR, "ids": [0, 1, 2, 3], "labels": [0, 1, 2, 0], "classes": CLASSES, **changes}
    return CompressedDataset(given.pop("payload"), given.pop("ids"), given.pop("labels"), **given)


SOFT = np.full((4, 3), 1 / 3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"payload": FOUR.images}, "payload must be"),
        ({"ids": [0, 1, 2]}, "one for each image"),
        ({"ids": [0, 1, 1, 3]}, "unique"),
        ({"ids": [0, 1, -2, 3]}, "-1 for synthetic"),
        ({"ids": [0.0, 1.0, 2.0, 3.0]}, "whole numbers"),
        ({"ids": [[0, 1, 2, 3]]}, "one for each image"),
        ({"ids": np.array([0, 1, 2, 2**63], np.uint64)}, "63 bits"),
        ({"labels": [0, 1, 2, 3]}, r"0\.\.2"),
        ({"labels": [0, 1, 2, -1]}, r"0\.\.2"),
        ({"labels": [True, False, True, False]}, "whole numbers"),
        ({"classes": []}, "one or more names"),
        ({"classes": "cat"}, "sequence of names"),
        ({"classes": [1, 2, 3]}, "one or more names"),
        ({"weights": [1, 1, 1]}, "weights must be"),
        ({"weights": [1, 1, 0, 1]}, "above 0"),
        ({"weights": [1, 1, np.nan, 1]}, "above 0"),
        ({"weights": [1, 1, np.inf, 1]}, "above 0"),
        ({"weights": [1, 1, 1e300, 1]}, "above 0"),
        ({"weights": [1, 1, 1e-300, 1]}, "above 0"),
        ({"soft_labels": SOFT[:, :2]}, "soft labels must be"),
        ({"soft_labels": SOFT * 1.1}, "sum to 1"),
        ({"soft_labels": np.log(SOFT)}, "softmax"),
        ({"soft_labels": np.full((4, 3), np.nan)}, "probabilities"),
        ({"soft_labels": np.array([[1e30, 0, 0]] * 4)}, "probabilities"),
        ({"soft_labels": np.eye(4, 3, dtype=int)}, "floats"),
        ({"meta": {"x": np.nan}}, "JSON"),
        ({"meta": {"x": object()}}, "JSON"),
        ({"meta": [1]}, "JSON"),
    ],
)
def test_rubbish_is_refused(changes, says):
    with pytest.raises(UserError, match=says):
        make(**changes)


PALETTES = np.zeros((4, 4, 3), np.uint8)
INDICES = np.zeros((4, 2, 2), np.uint8)
PATCHES = np.zeros((2, 1, 2, 2, 3), np.uint8)
MASKS = np.array([[[True, False], [False, False]]] * 2)
UNEVEN = np.array([[[True, False], [False, False]], [[True, True], [False, False]]])


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: RawImages(np.zeros((0, 2, 2, 3), np.uint8)), "at least one image"),
        (lambda: RawImages(np.zeros((2, 2, 3), np.uint8)), "n, H, W, 3"),
        (lambda: RawImages(np.zeros((1, 2, 2, 4), np.uint8)), "RGB"),
        (lambda: RawImages(np.zeros((1, 2, 2, 3), np.float32)), "uint8"),
        (lambda: RawImages([[0]]), "numpy array"),
        (lambda: PaletteImages(INDICES + 4, PALETTES, None, 2), r"0\.\.3"),
        (lambda: PaletteImages(INDICES.astype(int) - 1, PALETTES, None, 2), r"0\.\.3"),
        (lambda: PaletteImages(INDICES.astype(float), PALETTES, None, 2), "whole numbers"),
        (lambda: PaletteImages(INDICES, PALETTES, None, 3), r"\(k, 8, 3\)"),
        (lambda: PaletteImages(INDICES, PALETTES[:, :3], None), r"\(k, 2, 3\)"),
        (lambda: PaletteImages(INDICES, PALETTES, None, 9), "1 to 8 bits"),
        (lambda: PaletteImages(INDICES, PALETTES, None, 2.0), "1 to 8 bits"),
        (lambda: PaletteImages(INDICES, PALETTES[:3], None, 2), "own palette"),
        (lambda: PaletteImages(INDICES, PALETTES, np.array([0, 1, 2, 4]), 2), r"0\.\.3"),
        (lambda: PaletteImages(INDICES, PALETTES, np.array([0, 1, 2, -1]), 2), r"0\.\.3"),
        (lambda: PaletteImages(INDICES, PALETTES, np.array([0, 1, 2]), 2), "one palette per image"),
        (lambda: PatchImages(PATCHES[..., :2], MASKS, "mean"), "RGB"),
        (lambda: PatchImages(PATCHES[:, :, :1], MASKS, "mean"), "RGB"),
        (lambda: PatchImages(PATCHES, MASKS.astype(int), "mean"), "bool"),
        (lambda: PatchImages(PATCHES, MASKS[:1], "mean"), "one for each image"),
        (lambda: PatchImages(PATCHES, ~MASKS, "mean"), "must keep the 1 patches"),
        (lambda: PatchImages(PATCHES, MASKS, "black"), "mean, neighbours"),
        (lambda: PatchImages.cut(np.zeros((2, 5, 4, 3), np.uint8), MASKS, "mean"), "not 2 x 2 square patches"),
        (lambda: PatchImages.cut(np.zeros((2, 4, 4, 3), np.uint8), UNEVEN, "mean"), "equally many"),
        (lambda: EncodedImages([], "png"), "one or more"),
        (lambda: EncodedImages(["x"], "png"), "bytes"),
        (lambda: EncodedImages([b"x"], "png"), "image 0 is not a png"),
        (lambda: EncodedImages(encoded(1, 2, 2, RNG).blobs, "jpeg"), "image 0 is not a jpeg"),
        (lambda: EncodedImages(encoded(1, 2, 2, RNG).blobs, "gif"), "codec"),
        (lambda: EncodedImages([*encoded(1, 2, 2, RNG).blobs, *encoded(1, 2, 3, RNG).blobs], "png"), "one size"),
    ],
)
def test_payloads_refuse_rubbish(build, says):
    with pytest.raises(UserError, match=says):
        build()


def test_a_blob_that_ends_early_is_named_when_it_is_decoded():
    whole = encoded(2, 20, 20, RNG)
    payload = EncodedImages([whole.blobs[0], whole.blobs[1][:200]], "png")
    with pytest.raises(UserError, match="image 1 is a damaged png"):
        make(payload=payload, ids=[0, 1], labels=[0, 0]).decode([0, 1])


def test_grey_and_palette_blobs_become_rgb():
    file = io.BytesIO()
    Image.fromarray(np.array([[7, 9]], np.uint8)).save(file, "PNG")
    data = make(payload=EncodedImages([file.getvalue()], "png"), ids=[0], labels=[0])
    assert data.decode([0])[0, :, 0].T.tolist() == [[7, 7, 7], [9, 9, 9]]


def test_synthetic_ids_may_repeat():
    assert make(ids=[-1, -1, 5, -1]).ids.tolist() == [-1, -1, 5, -1]


def test_what_is_given_may_be_changed_afterwards():
    ids, labels, weights = np.arange(4), np.zeros(4, int), np.ones(4, np.float32)
    indices = np.zeros((4, 2, 2), np.uint8)
    data = make(payload=PaletteImages(indices, PALETTES), ids=ids, labels=labels, weights=weights)
    ids[:], labels[:], weights[:], indices[:] = -7, 99, 0, 200
    assert data.ids.tolist() == [0, 1, 2, 3]
    assert data.labels.max() == 0
    assert data.weights.min() == 1
    assert data.payload.indices.max() == 0


def test_types_are_the_stated_ones():
    data = make(ids=np.arange(4, dtype=np.uint8), labels=np.zeros(4, np.int16), weights=[1, 2, 3, 4], soft_labels=SOFT)
    assert (data.ids.dtype, data.labels.dtype, data.weights.dtype, data.soft_labels.dtype) == (
        np.int64, np.int64, np.float32, np.float16)  # fmt: skip
    assert data.shape == (3, 3)
    assert len(data) == 4


def test_a_thousand_classes_of_rounded_probabilities_pass():
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(1000)]
    for row in (np.full(1000, 1e-3), rng.dirichlet(np.ones(1000)), np.eye(1000)[3], rng.dirichlet(np.full(1000, 0.01))):
        CompressedDataset(raw(1, 1, 1, rng), [0], [0], classes=names, soft_labels=row[None].astype(np.float32))


def test_bits_per_pixel_and_nominal_kept():
    shape = DataShape(50000, 32, 32, 10)
    rng = np.random.default_rng(0)
    quarter = make(payload=raw(4, 32, 32, rng))
    assert quarter.bits_per_pixel == 24
    assert quarter.nominal_kept(shape) == Fraction(4, 50000)
    two = make(payload=palette(4, 32, 32, rng))
    assert two.bits_per_pixel == 2
    assert two.nominal_kept(DataShape(4, 32, 32, 3)) == Fraction(1, 12)
    assert make(payload=palette(4, 16, 16, rng)).nominal_kept(DataShape(4, 32, 32, 3)) == Fraction(1, 48)
    blobs = encoded(4, 8, 8, rng)
    assert make(payload=blobs).bits_per_pixel == 8 * sum(map(len, blobs.blobs)) / (4 * 64)
    parts = make(payload=patched(4, 4, 4, rng, 8, 12))
    assert parts.bits_per_pixel == 18
    assert parts.nominal_kept(shape) == Fraction(4, 50000) * Fraction(12, 16)


def images(n: int = 10) -> ImageDataset:
    rng = np.random.default_rng(1)
    return ImageDataset.from_arrays(
        rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8), np.arange(n) % 3, CLASSES, name="ten"
    )


def test_subset_sorts_ids_and_weights_together():
    data = CompressedDataset.subset(images(), [7, 2, 5], weights=[0.7, 0.2, 0.5])
    assert data.ids.tolist() == [2, 5, 7]
    assert data.weights.tolist() == pytest.approx([0.2, 0.5, 0.7])
    assert data.labels.tolist() == [2, 2, 1]
    assert (data.payload.images == images().images[[2, 5, 7]]).all()
    assert data.classes == CLASSES


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([], "at least one"),
        ([10], r"0\.\.9"),
        ([-1], r"0\.\.9"),
        ([1, 1], "unique"),
        ([0.5], "whole"),
        (3, "at least one"),
    ],
)
def test_subset_refuses(ids, says):
    with pytest.raises(UserError, match=says):
        CompressedDataset.subset(images(), ids)


def test_a_whole_set_is_not_copied():
    whole = images()
    assert CompressedDataset.subset(whole, np.arange(10)[::-1]).payload.images is whole.images


def test_after_composes_two_steps():
    first = CompressedDataset.subset(images(), [9, 4, 6])
    second = CompressedDataset.subset(first.to_dataset("step"), [2, 0])
    assert second.after(first).ids.tolist() == [4, 9]
    assert (second.after(first).payload.images == images().images[[4, 9]]).all()
    assert make(ids=[-1, 2, -1, 0]).after(first).ids.tolist() == [-1, 9, -1, 4]
    with pytest.raises(UserError, match="kept 3 images"):
        make(ids=[0, 1, 2, 3]).after(first)


def test_after_keeps_the_soft_labels_and_weights_of_the_step_before():
    whole = images()
    soft = np.eye(len(whole.classes), dtype=np.float16)[[1, 0, 1]]
    first = CompressedDataset(
        RawImages(whole.images[:3]),
        [7, 5, 2],
        whole.labels[:3],
        classes=whole.classes,
        soft_labels=soft,
        weights=[1, 2, 3],
    )
    second = CompressedDataset.subset(first.to_dataset("step"), [2, 1]).after(first)
    assert second.ids.tolist() == [5, 2]  # a subset lies in the order of its positions
    assert (second.soft_labels == soft[[1, 2]]).all()
    assert second.weights.tolist() == [2, 3]
    own = CompressedDataset(
        RawImages(whole.images[:1]), [1], whole.labels[:1], classes=whole.classes, soft_labels=soft[1:2], weights=[9]
    )
    assert own.after(first).weights.tolist() == [9]


def test_nominal_counts_bits_or_images():
    shape = DataShape(images=100, height=2, width=2, classes=3)
    large = RawImages(np.zeros((5, 8, 8, 3), np.uint8))
    bits = CompressedDataset(large, [-1] * 5, [0] * 5, classes=["a", "b", "c"])
    assert bits.nominal_kept(shape) == Fraction(5 * 64, 400)
    counted = CompressedDataset(large, [-1] * 5, [0] * 5, classes=["a", "b", "c"], nominal="images")
    assert counted.nominal_kept(shape) == Fraction(5, 100)
    with pytest.raises(UserError, match="nominal must be one of"):
        CompressedDataset(large, [-1] * 5, [0] * 5, classes=["a", "b", "c"], nominal="bytes")


def test_nominal_comes_back_from_a_file(tmp_path):
    made = CompressedDataset(
        RawImages(np.zeros((5, 8, 8, 3), np.uint8)), [-1] * 5, [0] * 5, classes=["a"], nominal="images"
    )
    made.save(tmp_path / "a.ccb")
    assert CompressedDataset.open(tmp_path / "a.ccb").nominal == "images"


@pytest.mark.parametrize("build", [raw, palette, encoded, patched])
def test_to_dataset(build, monkeypatch):
    monkeypatch.setattr("ccbench.archive.compressed._CHUNK", 3)
    data = dataset(build(8, 4, 4, np.random.default_rng(0)), np.random.default_rng(0))
    found = data.to_dataset("again")
    assert (found.name, found.split, found.classes) == ("again", "train", CLASSES)
    assert (found.images == pixels_of(data.payload)).all()
    assert (found.labels == data.labels).all()
    assert found.digest == ImageDataset.from_arrays(found.images, found.labels, CLASSES, name="x").digest


def test_patches_take_their_own_bytes_and_a_bit_each(tmp_path):
    rng = np.random.default_rng(0)
    for kept in (1, 24, 25):
        made = dataset(patched(6, 5, 5, rng, 3, kept), rng)
        made.save(tmp_path / "a.ccb")
        held = container.sizes(tmp_path / "a.ccb")
        assert (held["patches"], held["masks"]) == (6 * kept * 9 * 3, 6 * 4)  # 25 bits are 4 bytes


def test_patches_are_filled_by_hand():
    images = np.zeros((1, 1, 5, 3), np.uint8)
    images[0, 0, :, 0] = [10, 0, 0, 0, 50]
    mask = np.array([[[True, False, False, False, True]]])
    found = {fill: PatchImages.cut(images, mask, fill).decode([0])[0, 0, :, 0].tolist() for fill in FILLS}
    assert found == {"mean": [10, 30, 30, 30, 50], "neighbours": [10, 20, 30, 40, 50]}


def test_patches_of_an_image_too_large_to_fill(tmp_path):
    masks = np.zeros((1, 1024, 1024), bool)
    masks[0, 0, 0] = True
    with pytest.raises(UserError, match=r"at most 67,108,864 pixels\n.*\(9216, 9216\)"):
        PatchImages(np.zeros((1, 1, 9, 9, 3), np.uint8), masks, "mean")


def test_the_digest_tells_patches_apart():
    rng = np.random.default_rng(0)
    images = raw(2, 4, 4, rng).images
    mask = np.array([[[True, False], [False, True]]] * 2)
    same = np.zeros_like(images)
    made = [PatchImages.cut(images, m, fill) for m in (mask, ~mask) for fill in FILLS]
    made += [PatchImages.cut(same, m, "mean") for m in (mask, ~mask)]
    assert len({make(payload=p, ids=[0, 1], labels=[0, 1]).content_digest() for p in made}) == 6


def test_it_crosses_process_borders():
    data = dataset(palette(5, 4, 4, np.random.default_rng(0)), np.random.default_rng(0))
    want = data.decode([1, 2])
    copy = pickle.loads(pickle.dumps(data))
    assert (copy.decode([1, 2]) == want).all()
