"""open_dataset against a toy plugin: what comes out, and when it is built again."""

import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from data_toy import CLASSES, Toy, good, leftovers, offer, pixels, stream
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccbench.budget import DataShape
from ccbench.data import DataSource, ImageDataset, ImageStream, NoTest, held_back, open_dataset, shape_of
from ccbench.errors import UserError

ROOT = Path(__file__).parents[3]


def test_arrays_come_back_as_they_went_in_and_are_built_once(toy):
    for _ in range(2):
        splits = toy()
        np.testing.assert_array_equal(splits.train.images, pixels(7))
        np.testing.assert_array_equal(splits.test.images, pixels(3, seed=1))
        assert splits.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert splits.test.labels.tolist() == [2, 0, 2]
    train = splits.train
    assert (train.name, train.split, splits.test.split) == ("toy", "train", "test")
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64
    assert train.classes == splits.test.classes == CLASSES
    assert train.files == tuple(f"f{i}.png" for i in range(7))
    assert splits.test.files == ()
    assert train.shape == DataShape(7, 5, 4, 3)
    assert isinstance(train.images, np.memmap)
    assert not train.images.flags.writeable
    assert Toy.built == 1


def test_the_files_are_plain_numpy_files(toy, tmp_path):
    toy()
    (entry,) = leftovers(tmp_path)
    np.testing.assert_array_equal(np.load(entry / "train-images.npy", allow_pickle=False), pixels(7))
    assert np.load(entry / "test-labels.npy", allow_pickle=False).tolist() == [2, 0, 2]


def test_digest_is_what_the_documentation_says(toy):
    train = toy().train
    labels = hashlib.sha256(np.array([0, 1, 2, 0, 1, 2, 0], "<i8").tobytes()).hexdigest()
    text = json.dumps([[7, 5, 4, 3], list(CLASSES), labels, hashlib.sha256(pixels(7).tobytes()).hexdigest()])
    assert train.digest == hashlib.sha256(text.encode()).hexdigest()
    assert ImageDataset.from_arrays(pixels(7), train.labels, CLASSES, name="other").digest == train.digest


@given(
    images=hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.just(3))),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_digest_changes_with_every_part(images, data):
    labels = data.draw(hnp.arrays(np.int64, len(images), elements=st.integers(0, 2)))
    base = ImageDataset.from_arrays(images, labels, CLASSES, name="x").digest
    at = data.draw(st.integers(0, images.size - 1))
    changed = images.copy()
    changed.flat[at] ^= data.draw(st.integers(1, 255))
    relabelled = labels.copy()
    relabelled[data.draw(st.integers(0, len(labels) - 1))] += 1
    others = [
        ImageDataset.from_arrays(changed, labels, CLASSES, name="x"),
        ImageDataset.from_arrays(images, relabelled, CLASSES, name="x"),
        ImageDataset.from_arrays(images, labels, ("cat", "dog", "emu"), name="x"),
        ImageDataset.from_arrays(images.reshape(len(images), -1, 1, 3), labels, CLASSES, name="x"),
    ]
    assert base not in {o.digest for o in others if o.images.shape != images.shape or o is not others[3]}
    assert ImageDataset.from_arrays(images.copy(), labels.copy(), CLASSES, name="y").digest == base


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6), skip=st.sets(st.integers(0, 29), max_size=5))
@settings(max_examples=25, deadline=None)
def test_batches_of_any_size_and_skipped_positions(tmp_path_factory, sizes, skip):
    total = sum(sizes) + 6
    skip = sorted(s for s in skip if s < total - 6)
    images, labels = pixels(total), np.arange(total) % 3
    keep = np.delete(np.arange(total), skip)
    skipped = []

    def batches():
        rest = images[keep]
        for size in [*sizes, total]:
            yield rest[:size]
            rest = rest[size:]
        skipped.extend(skip)  # known only at the end

    train = ImageStream(labels, CLASSES, 5, 4, batches(), tuple(map(str, range(total))), skipped)
    Toy.make = staticmethod(lambda: {**good(), "train": train})
    Toy.mark = "1"
    try:
        splits = open_dataset("toy", plugins=offer(), source=DataSource(), cache=tmp_path_factory.mktemp("cache"))
    finally:
        Toy.make = staticmethod(good)
    np.testing.assert_array_equal(splits.train.images, images[keep])
    np.testing.assert_array_equal(splits.train.labels, labels[keep])
    assert splits.train.files == tuple(str(k) for k in keep)
    assert splits.train.skipped == tuple(map(str, skip))


def test_what_can_change_the_images_changes_the_key(toy, tmp_path):
    toy()
    toy(mark="2")
    toy(name="toy[size=4]")
    toy(source=DataSource(image_size=9))
    toy(source=DataSource(skip_bad=True))
    toy(name="toys:a")
    toy(name="toys:b")
    assert len(leftovers(tmp_path)) == Toy.built == 7
    toy(name="toy[ size = 3 ]")  # the default, written out
    toy(source=DataSource(root=tmp_path, download=True))
    assert Toy.built == 7


@pytest.mark.parametrize(
    "options", [{}, {"image_size": 5}, {"skip_bad": True}, {"test_share": 0.25}, {"image_size": 3, "test_share": 0.5}]
)
def test_options_are_what_changes_the_data_and_nothing_else(options, tmp_path):
    where = {"root": tmp_path, "download": True, "argument": "x"}
    source = DataSource(**where, **options)
    assert source.options() == DataSource(**options).options() == options
    assert DataSource.from_plain(json.loads(json.dumps(source.plain()))) == source


def test_options_at_their_defaults_are_none():
    assert DataSource(image_size=None, skip_bad=False, test_share=0.2).options() == {}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan"), float("inf")])
def test_the_test_share_has_bounds(share):
    with pytest.raises(UserError, match="test share"):
        DataSource(test_share=share)


def test_without_a_test_split(toy, tmp_path):
    def make():
        return {"train": stream(notes=["grey"]), "test": NoTest("there is none", "give one")}

    for _ in range(2):
        splits = toy(make, shape=None)
        assert splits.train.labels.tolist() == [0, 1, 2, 0]
        assert not splits.drawn
        assert splits.notes[0] == "grey"
        assert splits.notes[1].startswith("toy has no test split")
        with pytest.raises(UserError, match="toy has no test split") as caught:
            splits.test  # noqa: B018
        assert (caught.value.found, caught.value.mend) == ("there is none", "give one")
    assert Toy.built == 1
    notes = []
    shape_of("toy", plugins=offer(), source=DataSource(), cache=tmp_path, notes=notes)
    assert notes[:-1] == list(splits.notes)
    assert notes[-1] == "toy has fewer than 10 training images of 'dog' (1), 'eel' (1), 'cat' (2)"
    with pytest.raises(UserError, match="no test split"):
        toy(lambda: {"train": stream()}, mark="2").test  # noqa: B018


def test_a_drawn_test_split_and_what_was_left_out(toy):
    def make():
        test = stream(3, skipped=[3], files=("w", "x", "y", "z\udcff"), drawn=True, notes=["drawn"])
        return {"train": stream(3, skipped=[0], files=("a", "b", "c", "d")), "test": test}

    splits = toy(make, shape=None, source=DataSource(test_share=0.4))
    assert splits.drawn
    assert splits.notes == ("drawn", "toy: 2 unreadable files left out (--skip-bad): a, z\\udcff")


@pytest.mark.parametrize("shape", [None, DataShape(7, 5, 4, 3)])
def test_a_share_of_a_split_of_its_own_is_refused(toy, shape):
    with pytest.raises(UserError, match="split of its own") as caught:
        toy(good, shape=shape, source=DataSource(test_share=0.4))
    assert "--test-share" in caught.value.mend
    with pytest.raises(UserError, match="split of its own"):
        toy(lambda: {"train": stream()}, mark="2", source=DataSource(test_share=0.4))


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    share=st.sampled_from([0.01, 0.2, 0.25, 0.5, 0.99]),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_a_share_of_each_class_is_held_back(sizes, share, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    names = [f"{label}/{i}" for i, label in enumerate(labels)]
    held = held_back(names, labels, share)
    for label, size in enumerate(sizes):
        wanted = int(Fraction(str(share)) * size + Fraction(1, 2))
        assert held[labels == label].sum() == (min(max(wanted, 1), size - 1))
    order = np.random.default_rng(seed + 1).permutation(len(names))  # where an image stands has no say
    np.testing.assert_array_equal(held_back([names[i] for i in order], labels[order], share), held[order])
    more = held_back([*names, "new"], [*labels, 0], share)  # another image moves at most one
    assert (more[:-1] != held).sum() <= 1


def test_which_images_are_held_back_is_the_same_everywhere():
    names = [f"cat/{i}.png" for i in range(10)]
    keys = [hashlib.sha256(f"ccbench test split\0{name}".encode()).hexdigest() for name in names]
    wanted = sorted(range(10), key=lambda i: keys[i])[:3]
    assert np.flatnonzero(held_back(names, [0] * 10, 0.3)).tolist() == sorted(wanted) == [0, 3, 5]


def test_a_family_gets_its_argument(toy):
    assert toy(name="toys:some/where").train.name == "toys:some/where"
    assert Toy.source.argument == "some/where"


def test_progress_counts_every_image(toy):
    seen = []
    toy(progress=lambda *a: seen.append(a))
    assert seen == [(7, 7, "reading toy (train)"), (3, 3, "reading toy (test)")]


def test_shape_is_read_from_the_spec_without_the_data(tmp_path):
    shape = DataShape(10, 8, 8, 2)
    source = DataSource()
    assert shape_of("toy", plugins=offer(shape, "nowhere:Nothing"), source=source, cache=tmp_path) == shape
    assert shape_of("toy", plugins=offer(), source=source, cache=tmp_path) == DataShape(7, 5, 4, 3)


def test_opening_imports_neither_torch_nor_pandas():
    code = "import sys, ccbench.data; print([m for m in ('torch', 'pandas', 'PIL', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout.strip() == "[]"


@given(ids=st.lists(st.integers(0, 6), max_size=9))
@settings(max_examples=40, deadline=None)
def test_subset(ids):
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    whole = ImageDataset.from_arrays(pixels(7), labels, CLASSES, name="x", files=[f"f{i}" for i in range(7)])
    part = whole.subset(ids)
    assert part.images.shape == (len(ids), 5, 4, 3)
    assert [p.tobytes() for p in part.images] == [pixels(7)[i].tobytes() for i in ids]
    assert part.labels.tolist() == [labels[i] for i in ids]
    assert part.files == tuple(f"f{i}" for i in ids)
    assert part.classes == CLASSES
    assert part.digest == whole.subset(np.array(ids, dtype=np.int32)).digest
    assert part.digest != whole.digest
    assert part.digest != whole.subset([*ids, 0]).digest


@pytest.mark.parametrize("ids", [[7], [-1], [0.5], [True, False], [[0, 1]], ["a"]])
def test_subset_refuses(ids):
    whole = ImageDataset.from_arrays(pixels(7), [0] * 7, CLASSES, name="x")
    with pytest.raises(UserError):
        whole.subset(ids)


def test_dataset_refuses_arrays_of_another_kind():
    with pytest.raises(UserError, match="uint8"):
        ImageDataset.from_arrays(pixels(2) / 255, [0, 1], CLASSES, name="x")
    with pytest.raises(UserError, match="labels"):
        ImageDataset.from_arrays(pixels(2), [0], CLASSES, name="x")


@pytest.mark.parametrize("size", [0, -3, 20000])
def test_image_size_has_bounds(size):
    with pytest.raises(UserError, match="--image-size 64"):
        DataSource(image_size=size)
