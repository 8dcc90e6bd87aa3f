"""open_dataset against toy plugins: what comes out, what is refused, what a damaged cache does."""

import hashlib
import json
import subprocess
import sys
import types
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccbench.budget import DataShape
from ccbench.data import DataSource, ImageDataset, ImageStream, open_dataset, shape_of
from ccbench.errors import UserError
from ccbench.hookspecs import hookimpl
from ccbench.plugins import Plugins
from ccbench.specs import DatasetSpec, Param

CLASSES = ("cat", "dog", "eel")
ROOT = Path(__file__).parents[2]


def pixels(n, height=5, width=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def good():
    return {
        "train": ImageStream.from_arrays(pixels(7), [0, 1, 2, 0, 1, 2, 0], CLASSES, [f"f{i}.png" for i in range(7)]),
        "test": ImageStream.from_arrays(pixels(3, seed=1), [2, 0, 2], CLASSES),
    }


class Toy:
    make = staticmethod(good)
    mark = "1"
    built = 0

    def __init__(self, size=3):
        self.size = size

    def fingerprint(self, source):
        return type(self).mark

    def splits(self, source):
        Toy.built += 1
        Toy.source = source
        return type(self).make()


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """Opens the toy dataset, its splits made by ``make``."""
    monkeypatch.setattr(Toy, "built", 0)

    def opened(make=None, name="toy", mark="1", shape=None, cls="Toy", source=None, cache=tmp_path, **more):
        if make is not None:
            monkeypatch.setattr(Toy, "make", staticmethod(make))
        monkeypatch.setattr(Toy, "mark", mark)
        return open_dataset(name, plugins=offer(shape, cls), source=source or DataSource(), cache=cache, **more)

    return opened


def offer(shape=None, cls="Toy", imports=()):
    target = cls if ":" in cls else f"{__name__}:{cls}"
    params = (Param(name="size", default=3, doc=""),)
    more = {"target": target, "version": "1", "summary": "", "params": params}
    specs = [DatasetSpec(name="toy", shape=shape, imports=imports, **more), DatasetSpec(name="toys:", **more)]
    module = types.ModuleType("toy_plugin")
    module.ccbench_datasets = hookimpl(lambda: specs)
    return Plugins(extra=(module,), discover=False)


def entries(cache):
    return list((Path(cache) / "datasets").glob("*"))


def leftovers(cache):
    return [p for p in entries(cache) if not p.name.endswith(".lock")]


# --- what comes out -------------------------------------------------------------------------------------------


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


# --- subsets --------------------------------------------------------------------------------------------------


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


# --- rubbish from plugins -------------------------------------------------------------------------------------


def stream(n=4, labels=(0, 1, 2, 0), classes=CLASSES, height=5, width=4, batches=None, **more):
    return ImageStream(
        np.asarray(labels), classes, height, width, iter([pixels(n)] if batches is None else batches), **more
    )


# ruff: noqa: E501 - one case a line
RUBBISH = {
    "no dict": (lambda: [1, 2], "dict"),
    "no test split": (lambda: {"train": stream()}, "no test split"),
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


class NoFingerprint:
    def __init__(self, size): ...


class OddFingerprint(Toy):
    def fingerprint(self, source):
        return 3


class Raises(Toy):
    def splits(self, source):
        raise KeyError("oops")


class Forbidden(Toy):
    def splits(self, source):
        raise PermissionError(13, "Permission denied", "/data/x")


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
    assert "test_data:Raises was asked for splits of dataset toy" in caught.value.__notes__[0]


def test_a_missing_import_says_what_to_install(tmp_path):
    with pytest.raises(UserError, match="pip install tensorsnow"):
        open_dataset("toy", plugins=offer(None, "tensorsnow:X", ("tensorsnow",)), source=DataSource(), cache=tmp_path)


@pytest.mark.parametrize("name", ["toy[size]", "toy[size=]", "toy[size=1,size=2]", "toy[sise=1]", "toy[size=x]", "tay"])
def test_names_that_cannot_be_read(name, toy):
    with pytest.raises(UserError):
        toy(name=name)


# --- faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
def test_a_build_that_is_cut_off_leaves_nothing(fault, toy, tmp_path):
    def batches():
        yield pixels(2)
        raise fault

    with pytest.raises(fault):
        toy(lambda: {"train": good()["train"], "test": stream(batches=batches())})
    assert leftovers(tmp_path) == []
    np.testing.assert_array_equal(toy(good).train.images, pixels(7))


def test_a_file_that_may_not_be_read_is_not_blamed_on_the_cache(toy):
    def batches():
        yield pixels(2)
        raise PermissionError(13, "Permission denied", "/data/x.png")

    with pytest.raises(UserError, match=r"toy, train split: a file may not be read[\s\S]*/data/x.png"):
        toy(lambda: {"train": stream(batches=batches()), "test": stream()})


def test_a_full_disk_is_one_clear_error():
    # a limit on the size of files stands in for a full disk: the same call fails
    code = f"""
import resource, signal, sys, tempfile
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import test_data as t
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = tempfile.mkdtemp()
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
try:
    t.open_dataset("toy", plugins=t.offer(), source=t.DataSource(), cache=cache)
except t.UserError as error:
    print(error, [p.name for p in t.leftovers(cache)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the cache cannot be written" in done.stdout, done.stderr
    assert "CCBENCH_CACHE" in done.stdout
    assert done.stdout.strip().endswith("[]")


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "truncated images": lambda e: (e / "train-images.npy").write_bytes((e / "train-images.npy").read_bytes()[:-9]),
    "empty images": lambda e: (e / "test-images.npy").write_bytes(b""),
    "no images": lambda e: (e / "train-images.npy").unlink(),
    "no labels": lambda e: (e / "test-labels.npy").unlink(),
    "no meta": lambda e: (e / "meta.json").unlink(),
    "half a meta": lambda e: (e / "meta.json").write_bytes((e / "meta.json").read_bytes()[:200]),
    "other meta": lambda e: (e / "meta.json").write_text("[]"),
    "no files": lambda e: (e / "train-files.json").unlink(),
    "flipped header": lambda e: flip(e / "train-images.npy", 3),
    "flipped shape": lambda e: flip(e / "train-images.npy", 61),
    "flipped pixel": lambda e: flip(e / "train-images.npy", 200),
    "flipped label": lambda e: flip(e / "train-labels.npy", 128),
    "other digest": lambda e: (e / "meta.json").write_text((e / "meta.json").read_text().replace("eel", "fox")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_built_again(damage, toy, tmp_path):
    before = toy().train.digest
    (entry,) = leftovers(tmp_path)
    DAMAGE[damage](entry)
    train = toy().train
    assert Toy.built == 2
    assert train.digest == before
    assert train.classes == CLASSES
    np.testing.assert_array_equal(train.images, pixels(7))
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert len(leftovers(tmp_path)) == 1


def test_an_entry_of_a_newer_version_is_not_thrown_away(toy, tmp_path):
    toy()
    (entry,) = leftovers(tmp_path)
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps({**meta, "schema": 99}))
    with pytest.raises(UserError, match="newer"):
        toy()
    assert leftovers(tmp_path) == [entry]
    assert Toy.built == 1


def test_a_build_that_is_killed(toy, tmp_path):
    code = f"""
import os, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import test_data as t
t.__name__ = {__name__!r}  # pytest may have imported it by a longer name, which is part of the key
sys.modules[t.__name__] = t
def batches():
    yield t.pixels(2)
    os.kill(os.getpid(), signal.SIGKILL)
t.Toy.make = staticmethod(lambda: {{"train": t.stream(batches=batches()), "test": t.stream()}})
t.open_dataset("toy", plugins=t.offer(), source=t.DataSource(), cache={str(tmp_path)!r})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (part,) = leftovers(tmp_path)
    assert part.name.endswith(".part")
    np.testing.assert_array_equal(toy().train.images, pixels(7))
    (entry,) = leftovers(tmp_path)  # the remains are gone
    assert (entry / "meta.json").exists()


def test_two_processes_build_once(tmp_path):
    code = f"""
import sys, time
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import test_data as t
def slow():
    open({str(tmp_path / "built")!r}, "a").write("x")
    time.sleep(0.5)
    return t.good()
t.Toy.make = staticmethod(slow)
print(t.open_dataset("toy", plugins=t.offer(), source=t.DataSource(), cache={str(tmp_path / "cache")!r}).train.digest)
"""
    code = code.replace("import test_data as t", "import test_data as t; sys.modules['test_data'] = t")
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = {p.communicate(timeout=60)[0] for p in running}
    assert [p.returncode for p in running] == [0, 0]
    assert digests == {ImageDataset.from_arrays(pixels(7), [0, 1, 2, 0, 1, 2, 0], CLASSES, name="x").digest + "\n"}
    assert (tmp_path / "built").read_text() == "x"


def test_a_set_larger_than_its_batches_takes_constant_memory(tmp_path):
    code = f"""
import resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import numpy as np, test_data as t
def big(n):
    labels = np.arange(n) % 3
    return t.ImageStream(labels, t.CLASSES, 100, 100, batches(n))
def batches(n):
    for i in range(n // 50):
        yield np.full((50, 100, 100, 3), i % 251, np.uint8)
t.Toy.make = staticmethod(lambda: {{"train": big(4_000), "test": big(50)}})
plugins = t.offer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
train = t.open_dataset("toy", plugins=plugins, source=t.DataSource(), cache={str(tmp_path)!r}).train
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(train.images.nbytes // 2**20, grown // 2**10, train.images[3_999, 0, 0, 0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    size, grown, last = map(int, done.stdout.split())
    assert (size, last) == (114, 79)
    assert grown < 40, f"{grown} MiB for a set of {size} MiB"
