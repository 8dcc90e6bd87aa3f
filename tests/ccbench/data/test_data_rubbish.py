"""What open_dataset says of plugins that give no dataset."""

from itertools import repeat

import numpy as np
import pytest
from data_toy import CLASSES, good, leftovers, offer, pixels, stream

from ccbench.budget import DataShape
from ccbench.data import DataSource, ImageStream, open_dataset, shape_of
from ccbench.errors import UserError

# ruff: noqa: E501 - one case a line
RUBBISH = {
    "no dict": (lambda: [1, 2], "dict"),
    "no test stream": (lambda: {"train": stream(), "test": None}, "test split must be"),
    "no train split": (lambda: {"test": stream()}, "no train split"),
    "no stream": (lambda: {"train": (1, 2), "test": stream()}, "ImageStream"),
    "one class": (lambda: {"train": stream(2, [0, 0], ("cat",)), "test": stream(2, [0, 0], ("cat",))}, "two classes"),
    "no class": (lambda: {"train": stream(0, [], ()), "test": stream(0, [], ())}, "two classes"),
    "one name twice": (lambda: {"train": stream(classes=("a", "a", "b")), "test": stream()}, "one name"),
    "classes no text": (lambda: {"train": stream(classes=(0, 1, 2)), "test": stream()}, "names"),
    "empty class": (lambda: {"train": stream(labels=[0, 0, 1, 1]), "test": stream()}, "eel"),
    "one image": (lambda: {"train": stream(1, [0]), "test": stream()}, "fewer than two training images"),
    "no test image": (lambda: {"train": stream(), "test": stream(0, [])}, "no test image"),
    "label too large": (lambda: {"train": stream(labels=[0, 1, 2, 3]), "test": stream()}, "0 to 3"),
    "label negative": (lambda: {"train": stream(), "test": stream(labels=[0, 1, 2, -1])}, "-1 to 2"),
    "labels float": (lambda: {"train": stream(labels=[0.0, 1, 2, 0]), "test": stream()}, "whole numbers"),
    "labels flat": (lambda: {"train": stream(labels=[[0, 1], [2, 0]]), "test": stream()}, "whole numbers"),
    "labels ragged": (lambda: {"train": ImageStream([[0], [1, 2]], CLASSES, 5, 4, []), "test": stream()}, "whole numbers"),
    "height": (lambda: {"train": stream(height=0), "test": stream()}, "height"),
    "width": (lambda: {"train": stream(width=4.0), "test": stream()}, "width"),
    "other classes": (lambda: {"train": stream(), "test": stream(classes=("dog", "cat", "eel"))}, "same classes"),
    "other size": (lambda: {"train": stream(), "test": stream(height=6)}, "4x5, test 4x6"),
    "files": (lambda: {"train": stream(files=("a",)), "test": stream()}, "1 for 4 images"),
    "too few images": (lambda: {"train": stream(3), "test": stream()}, "4 labels, 3 images"),
    "too many images": (lambda: {"train": stream(5), "test": stream()}, "more images than labels"),
    "endless": (lambda: {"train": stream(batches=repeat(pixels(2))), "test": stream()}, "more images than labels"),
    "floats": (lambda: {"train": stream(batches=[pixels(4) / 255]), "test": stream()}, "float64 of shape"),
    "no batch": (lambda: {"train": stream(batches=["abc"]), "test": stream()}, "uint8"),
    "channels first": (lambda: {"train": stream(batches=[pixels(4).transpose(0, 3, 1, 2)]), "test": stream()}, r"\(4, 3, 5, 4\)"),
    "grey": (lambda: {"train": stream(batches=[pixels(4)[..., 0]]), "test": stream()}, "uint8 of shape"),
    "no iterator": (lambda: {"train": ImageStream(np.array([0, 1, 2, 0]), CLASSES, 5, 4, None), "test": stream()}, "iterator"),
    "skipped wrong": (lambda: {"train": stream(skipped=[9]), "test": stream()}, "skipped"),
    "skipped twice": (lambda: {"train": stream(3, skipped=[1, 1]), "test": stream()}, "skipped"),
    "class emptied": (lambda: {"train": stream(3, skipped=[2]), "test": stream()}, "eel"),
    "test emptied": (lambda: {"train": stream(), "test": stream(0, skipped=[0, 1, 2, 3])}, "no test image"),
}  # fmt: skip


@pytest.mark.parametrize("case", RUBBISH)
def test_rubbish_is_named_and_leaves_nothing_behind(case, toy, tmp_path):
    make, said = RUBBISH[case]
    with pytest.raises(UserError, match=said) as caught:
        toy(make)
    assert "toy" in str(caught.value)
    assert leftovers(tmp_path) == []
    toy(good)  # the next one is not hindered


def test_another_shape_than_declared(toy, tmp_path):
    with pytest.raises(UserError, match="declares"):
        toy(shape=DataShape(8, 5, 4, 3))
    assert leftovers(tmp_path) == []
    toy(shape=DataShape(7, 5, 4, 3))


def test_image_size_for_a_set_of_known_size(toy, tmp_path):
    shape = DataShape(7, 5, 4, 3)
    with pytest.raises(UserError, match="4x5"):
        toy(shape=shape, source=DataSource(image_size=64))
    with pytest.raises(UserError, match="4x5"):
        shape_of("toy", plugins=offer(shape), source=DataSource(image_size=64), cache=tmp_path)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        ("NoFingerprint", "no fingerprint"),
        ("OddFingerprint", "must return text"),
        ("Missing", "cannot be loaded"),
        ("no_such_module_here:Missing", "cannot be loaded"),
        ("Forbidden", "may not be read"),
    ],
)
def test_broken_plugins_are_named(cls, said, toy, tmp_path):
    with pytest.raises(UserError, match=said) as caught:
        toy(cls=cls)
    assert "toy" in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_defect_of_a_plugin_keeps_its_traceback_and_says_whose_it_is(toy):
    with pytest.raises(KeyError) as caught:
        toy(cls="Raises")
    assert "data_toy:Raises was asked for splits of dataset toy" in caught.value.__notes__[0]


def test_a_missing_import_says_what_to_install(tmp_path):
    with pytest.raises(UserError, match="pip install tensorsnow"):
        open_dataset("toy", plugins=offer(None, "tensorsnow:X", ("tensorsnow",)), source=DataSource(), cache=tmp_path)


@pytest.mark.parametrize("name", ["toy[size]", "toy[size=]", "toy[size=1,size=2]", "toy[sise=1]", "toy[size=x]", "tay"])
def test_names_that_cannot_be_read(name, toy):
    with pytest.raises(UserError):
        toy(name=name)
