"""The embedded dataset: every digit once, exact arithmetic, photographs kept apart, the same on every machine."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from cc_plugins import datasets
from cc_plugins.datasets import photodigits as pd
from ccbench.budget import DataShape
from ccbench.data import DataSource, open_dataset, shape_of
from ccbench.offers.discovery import Plugins

PLUGINS = Plugins(extra=(datasets,), discover=False)
SHAPES = [(427, 640), (427, 640)]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    return open_dataset("photodigits", plugins=PLUGINS, source=DataSource(), cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def sklearn_data():
    from sklearn.datasets import load_digits, load_sample_images

    return load_digits(), load_sample_images().images


def ids(split, labels):
    held_out = pd.held_out(labels)
    return np.flatnonzero(held_out if split == "test" else ~held_out)


def test_shape_and_classes(splits, tmp_path):
    assert splits.train.shape == DataShape(1297, 32, 32, 10)
    assert splits.test.shape == DataShape(500, 32, 32, 10)
    assert splits.train.classes == tuple("0123456789")
    assert shape_of("photodigits", plugins=PLUGINS, source=DataSource(), cache=tmp_path) == splits.train.shape
    assert list(tmp_path.iterdir()) == []


def test_stratified_and_every_digit_once(splits, sklearn_data):
    labels = sklearn_data[0].target
    assert np.bincount(splits.test.labels).tolist() == [50] * 10
    assert (np.bincount(splits.train.labels) + 50).tolist() == np.bincount(labels).tolist()
    train, test = ids("train", labels), ids("test", labels)
    assert sorted([*train, *test]) == list(range(1797))
    assert splits.train.labels.tolist() == labels[train].tolist()
    assert splits.test.labels.tolist() == labels[test].tolist()


def test_no_test_patch_overlaps_a_training_patch(sklearn_data):
    labels = sklearn_data[0].target
    covered = {split: np.zeros((2, 427, 640), dtype=bool) for split in ("train", "test")}
    for split, mask in covered.items():
        for i in ids(split, labels):
            photo, top, left = pd.corner(int(i), split, SHAPES)
            patch = mask[photo, top : top + 32, left : left + 32]
            assert patch.shape == (32, 32)
            patch[:] = True
    assert not (covered["train"] & covered["test"]).any()
    for mask in covered.values():
        assert mask.any(axis=(1, 2)).all()  # both photographs serve both splits
    assert covered["train"].mean() > 0.6  # and most of them is used: 70 % and 30 % of the area at best
    assert covered["test"].mean() > 0.25


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_by_a_second_way(split, splits, sklearn_data):
    """Patches by scikit-learn's functions, digits scaled by torch: the blend must come out the same."""
    import torch

    digits, photos = sklearn_data
    dataset = getattr(splits, split)
    chosen = ids(split, digits.target)
    small = torch.tensor(digits.images[chosen] / 16 * 255)[:, None]
    large = torch.nn.functional.interpolate(small, scale_factor=4, mode="bilinear", align_corners=False)[:, 0].numpy()
    for k, i in enumerate(chosen):
        photo, top, left = pd.corner(int(i), split, SHAPES)
        patch = photos[photo][top : top + 32, left : left + 32].astype(float)
        want = np.abs(patch - large[k][..., None])
        assert np.abs(dataset.images[k] - want).max() <= 0.5 + 1e-9


def test_upscaling_by_hand():
    one = np.zeros((1, 8, 8), dtype=np.int64)
    one[0, 0, 0] = 16
    large = pd.upscale(one)[0]
    # along a row: 1, 1 (the edge is repeated), 7/8, 5/8, 3/8, 1/8, then nothing
    along = np.array([64, 64, 56, 40, 24, 8, 0, 0]) / 64
    np.testing.assert_array_equal(large[:8, :8], np.floor(np.outer(along, along) * 255 + 0.5).astype(int))
    assert not large[8:].any()
    assert not large[:, 8:].any()
    np.testing.assert_array_equal(pd.upscale(np.full((1, 8, 8), 16)), np.full((1, 32, 32), 255))


def test_blend_by_hand():
    patch = np.full((1, 32, 32, 3), (10, 128, 255))
    digit = np.full((1, 32, 32), 200)
    assert pd.blend(patch, digit)[0, 0, 0].tolist() == [190, 72, 55]
    assert pd.blend(patch, digit).dtype == np.uint8


def test_nothing_depends_on_a_machine():
    """Hashes alone decide split and patches; these are theirs."""
    labels = pd.raw()[1]
    assert pd.draw("top", 0) == int(hashlib.sha256(b"photodigits top 0").hexdigest()[:16], 16)
    places = [pd.corner(i, split, SHAPES) for split in ("train", "test") for i in range(1797)]
    assert sha(np.packbits(pd.held_out(labels))) == "1a368882dff777ec"
    assert sha(np.array(places, dtype="<i4")) == "fc408f9c705663bc"


def test_the_whole_where_the_photographs_decode_as_usual(splits):
    """JPEG decoders may differ by a grey level; where they do not, every byte is pinned."""
    photos = pd.raw()[2]
    if sha(np.stack(photos).astype(np.uint8)) != "99310b92a8963a4b":
        pytest.skip("this Pillow decodes the two JPEG files otherwise")
    assert splits.train.digest == "7c344eedf0cdef8b89a11b9cc3b0c82e3fcaac319392c381a7db0384eab27632"
    assert splits.test.digest == "b7c79abb57d1873bd899caf713485b3d069bd827d05d347b2231ed42ca83b42e"


def test_its_files_hold_what_scikit_learn_loads(sklearn_data, monkeypatch, tmp_path):
    direct = pd.raw()

    class Elsewhere:
        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(pd, "distribution", lambda name: Elsewhere())
    through = pd.raw()  # the way for a scikit-learn that keeps its files elsewhere
    for a, b in zip(direct[:2], through[:2], strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype == np.int64
    np.testing.assert_array_equal(direct[2], through[2])
    np.testing.assert_array_equal(direct[0], sklearn_data[0].images)


def test_colour_does_not_give_the_class_away(splits):
    """The mean colour of an image says little of its digit: the set is no exercise in counting pixels."""
    means = {s: getattr(splits, s).images.mean(axis=(1, 2)) for s in ("train", "test")}
    nearest = np.array([np.argmin(((means["train"] - m) ** 2).sum(1)) for m in means["test"]])
    assert (splits.train.labels[nearest] == splits.test.labels).mean() < 0.3


def test_it_can_be_learned(splits):
    """Without the background a linear model reads the digits: their contrast survived the blend."""
    from sklearn.linear_model import RidgeClassifier

    def edges(images):  # a digit inverts what lies behind it, so look at the size of changes, not at their sign
        grey = np.asarray(Image.fromarray(images.reshape(-1, 32, 3)).convert("L"), dtype=float).reshape(-1, 32, 32)
        change = np.abs(np.diff(grey, axis=2))[:, :31] + np.abs(np.diff(grey, axis=1))[:, :, :31]
        return change.reshape(len(images), -1)

    model = RidgeClassifier(alpha=1e5).fit(edges(splits.train.images), splits.train.labels)
    assert model.score(edges(splits.test.images), splits.test.labels) > 0.4


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
