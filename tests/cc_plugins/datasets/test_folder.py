"""folder:PATH: layout, order, sizes, unreadable files, and the cache behind it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cc_plugins import datasets
from cc_plugins.datasets import reading
from cc_plugins.datasets.folder import Folder
from cc_plugins.datasets.layout import EXTENSIONS, find
from cc_plugins.datasets.pictures import size_of
from ccbench.budget import DataShape
from ccbench.data import DataSource, held_back, open_dataset, shape_of
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins

PLUGINS = Plugins(extra=(datasets,), discover=False)
ROOT = Path(__file__).parents[3]


def colour(name):
    """The pixels of a test image follow from its name."""
    return np.random.default_rng(list(name.encode())).integers(0, 256, 3, dtype=np.uint8)


def put(root, name, size=(8, 6), **options):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, tuple(int(c) for c in colour(name))).save(path, **options)
    return path


TRAIN = ["train/cat/a.png", "train/cat/b.png", "train/dog/a.png", "train/dog/z/deep.png"]
TEST = ["test/cat/x.png", "test/dog/y.png"]


@pytest.fixture
def root(tmp_path):
    for name in (*TRAIN, *TEST):
        put(tmp_path / "set", name)
    return tmp_path / "set"


@pytest.fixture
def opened(tmp_path):
    def open_(path, **more):
        return open_dataset(f"folder:{path}", plugins=PLUGINS, source=DataSource(**more), cache=tmp_path / "cache")

    return open_


def finished(cache):
    return [p for p in (cache / "datasets").glob("*") if not p.name.endswith(".lock")]


# --- what comes out -------------------------------------------------------------------------------------------


def test_images_labels_classes_and_files(root, opened):
    splits = opened(root)
    assert splits.train.classes == splits.test.classes == ("cat", "dog")
    assert splits.train.files == tuple(TRAIN)
    assert splits.test.files == tuple(TEST)
    assert splits.train.labels.tolist() == [0, 0, 1, 1]
    assert splits.train.shape == DataShape(4, 6, 8, 2)  # one size is kept, square or not
    assert splits.train.name == f"folder:{root}"
    for split in (splits.train, splits.test):
        for image, name in zip(split.images, split.files, strict=True):
            assert (image == colour(name)).all()


def test_val_serves_as_test_and_test_comes_first(root, opened):
    (root / "test").rename(root / "val")
    assert opened(root).test.files == ("val/cat/x.png", "val/dog/y.png")
    put(root, "test/cat/t.png")
    assert opened(root).test.files == ("test/cat/t.png",)


@given(
    names=st.sets(st.text("aB1_ é-", min_size=1, max_size=6).filter(lambda s: s.strip() == s), min_size=2, max_size=5)
)
@settings(max_examples=15, deadline=None)
def test_order_is_that_of_the_names(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("order")
    for name in sorted(names, key=hash):  # made in any order
        for file in ("b.png", "B.png", "a/c.png", "a.png"):
            put(root, f"train/{name}/{file}", size=(2, 2))
    put(root, f"test/{min(names)}/1.png", size=(2, 2))
    layout = find(str(root))
    assert layout.classes == tuple(sorted(names))
    want = [f"train/{n}/{f}" for n in sorted(names) for f in ("B.png", "a.png", "a/c.png", "b.png")]
    assert list(layout.train.files) == want
    assert list(layout.train.labels) == [i for i in range(len(names)) for _ in range(4)]


def test_what_is_passed_over(root, opened):
    for name in (".hidden.png", "notes.txt", "._a.png", "noextension"):
        (root / "train" / "cat" / name).write_text("x")
    put(root, "train/.cache/a.png")
    put(root, "train/cat/.thumbs/a.png")
    put(root, "train/loose.png")
    put(root, "train/cat/c.PNG")
    assert opened(root).train.files == (*TRAIN[:2], "train/cat/c.PNG", *TRAIN[2:])


def test_links_are_followed_and_circles_end(root, tmp_path, opened):
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "elsewhere" / "e.png")
    (root / "train" / "cow").symlink_to(tmp_path / "elsewhere")
    (root / "train" / "cat" / "link.png").symlink_to(root / "train" / "dog" / "a.png")
    (root / "train" / "dog" / "circle").symlink_to(root / "train" / "dog")
    train = opened(root).train
    assert train.classes == ("cat", "cow", "dog")
    assert train.files == (*TRAIN[:2], "train/cat/link.png", "train/cow/e.png", *TRAIN[2:])
    assert (train.images[2] == colour("train/dog/a.png")).all()


def test_relative_path_and_home(root, opened, tmp_path, monkeypatch):
    digest = opened(root).train.digest
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opened("set").train.digest == opened("~/set").train.digest == digest


def test_the_shape_comes_from_the_data(root, tmp_path):
    source = DataSource(image_size=4)
    assert shape_of(f"folder:{root}", plugins=PLUGINS, source=source, cache=tmp_path) == DataShape(4, 4, 4, 2)


def test_mixed_sizes_need_a_size(root, opened, tmp_path):
    put(root, "test/dog/large.png", size=(20, 30))
    with pytest.raises(UserError, match="--image-size 64") as caught:
        opened(root)
    assert "8x6 (6 images), 20x30 (1 images)" in caught.value.found
    assert finished(tmp_path / "cache") == []
    splits = opened(root, image_size=5)
    assert splits.train.shape == DataShape(4, 5, 5, 2)
    assert (splits.test.images[1] == colour("test/dog/large.png")).all()


def test_one_size_can_be_changed(root, opened):
    assert opened(root, image_size=3).train.images.shape == (4, 3, 3, 3)


def test_more_images_than_a_batch(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(reading, "_BATCH_BYTES", 8 * 6 * 3 * 3)  # three images
    names = [f"train/{c}/{i:02}.png" for c in ("a", "b") for i in range(8)]
    for name in (*names, "test/a/0.png"):
        put(tmp_path / "set", name)
    train = opened(tmp_path / "set").train
    assert train.files == tuple(names)
    assert all((image == colour(name)).all() for image, name in zip(train.images, names, strict=True))


# --- the cache ------------------------------------------------------------------------------------------------


def test_built_once_and_again_when_a_file_changes(root, opened, tmp_path):
    first = opened(root).train.digest
    opened(root)
    assert len(finished(tmp_path / "cache")) == 1
    changes = [
        lambda: put(root, "train/cat/new.png"),
        lambda: (root / "train/cat/new.png").rename(root / "train/cat/newer.png"),
        lambda: os.utime(root / "train/cat/a.png", ns=(1, 1)),
        lambda: (root / "train/cat/newer.png").unlink(),
    ]
    for i, change in enumerate(changes):
        before = Folder().fingerprint(DataSource(argument=str(root)))
        change()
        assert Folder().fingerprint(DataSource(argument=str(root))) != before
        opened(root)
        assert len(finished(tmp_path / "cache")) == i + 2
    assert opened(root).train.digest == first  # the same images as at the start


# --- files that viewers show --------------------------------------------------------------------------------


def test_jpeg_files_without_their_end_are_read_and_counted(root, opened):
    for name in ("train/cat/c.jpg", "train/dog/c.jpg", "test/dog/c.jpg"):
        path = put(root, name)
        path.write_bytes(path.read_bytes()[:-2])
    splits = opened(root)
    assert len(splits.train) == 6
    assert splits.train.skipped == ()
    assert splits.notes == (
        f"folder:{root}: 2 files read in spite of a missing end marker (JPEG): train/cat/c.jpg, train/dog/c.jpg",
        f"folder:{root}: 1 file read in spite of a missing end marker (JPEG): test/dog/c.jpg",
    )


# --- unreadable files -----------------------------------------------------------------------------------------


def spoil(path, how):
    content = path.read_bytes()
    path.write_bytes({"half": content[: len(content) // 2], "text": b"hello", "empty": b""}[how])


def test_unreadable_files_are_all_named_at_once(root, opened, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("train/cat/h.jpg", "train/dog/h.jpg", "test/dog/h.jpg"):  # sound headers, some of the pixels
        path = root / name
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(path, quality=100)
        path.write_bytes(path.read_bytes()[:-60])
        assert size_of(path) == (8, 6)
    with pytest.raises(UserError, match="3 unreadable images") as caught:  # found while decoding
        opened(root)
    for name in ("train/cat/h.jpg", "train/dog/h.jpg", "test/dog/h.jpg"):
        assert f"{name}: image file is truncated" in caught.value.found
    spoil(root / "train/cat/b.png", "text")
    (root / "train/dog/dangling.png").symlink_to(root / "nowhere")
    with pytest.raises(UserError, match="5 unreadable images") as caught:  # headers and pixels together
        opened(root)
    assert "train/cat/b.png: not an image that Pillow knows" in caught.value.found
    assert "train/dog/dangling.png: No such file or directory" in caught.value.found
    assert "train/cat/h.jpg: image file is truncated" in caught.value.found
    assert "--skip-bad" in caught.value.mend
    assert finished(tmp_path / "cache") == []

    splits = opened(root, skip_bad=True)
    assert splits.train.files == ("train/cat/a.png", *TRAIN[2:])
    assert splits.train.labels.tolist() == [0, 1, 1]
    assert splits.train.skipped == ("train/cat/b.png", "train/cat/h.jpg", "train/dog/dangling.png", "train/dog/h.jpg")
    assert splits.test.files == tuple(TEST)
    assert splits.test.skipped == ("test/dog/h.jpg",)
    for image, name in zip(splits.train.images, splits.train.files, strict=True):
        assert (image == colour(name)).all()
    (entry,) = finished(tmp_path / "cache")
    assert json.loads((entry / "meta.json").read_text())["test"]["skipped"] == ["test/dog/h.jpg"]


def test_the_first_twenty_and_the_count(root, opened):
    for i in range(30):
        (root / "train" / "cat" / f"bad{i:02}.png").write_text("x")
    with pytest.raises(UserError, match="30 unreadable images") as caught:
        opened(root)
    assert caught.value.found.count("not an image") == 20
    assert "bad19.png" in caught.value.found
    assert "bad20.png" not in caught.value.found
    assert caught.value.found.endswith("and 10 more")


def test_a_kind_that_pillow_cannot_read_is_named_not_passed_over(root, opened):
    (root / "train" / "cat" / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UserError, match=r"photo\.heic"):
        opened(root)


def test_skipping_must_leave_something(root, opened):
    for name in TRAIN[:2]:
        spoil(root / name, "empty")
    with pytest.raises(UserError, match="classes without a training image") as caught:
        opened(root, skip_bad=True)
    assert "cat" in caught.value.found
    for name in (*TRAIN, *TEST):
        spoil(root / name, "text")
    with pytest.raises(UserError, match="6 unreadable images") as caught:
        opened(root, skip_bad=True)
    assert "--skip-bad" not in caught.value.mend


def test_a_bad_file_has_no_say_in_the_size(root, opened):
    put(root, "train/cat/big.png", size=(99, 99)).write_text("x")
    assert opened(root, skip_bad=True).train.shape == DataShape(4, 6, 8, 2)


def test_a_bomb_is_named(root, opened, monkeypatch):
    put(root, "train/cat/bomb.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"bomb\.png: more than 1,000 pixels"):
        opened(root, image_size=6)


def test_names_that_are_no_utf8(root, opened):
    odd = os.fsdecode(os.fsencode(root / "train" / "cat") + b"/\xff.png")
    try:
        Path(odd).write_text("x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    with pytest.raises(UserError, match="1 unreadable image") as caught:
        opened(root)
    str(caught.value).encode()  # can be printed
    Image.new("RGB", (8, 6)).save(root / "good.png")
    (root / "good.png").rename(odd)
    assert odd.endswith(opened(root).train.files[2])


# --- splits that are missing ----------------------------------------------------------------------------------


TOP = [f"{name}/{i}.png" for name, count in (("cat", 10), ("dog", 7), ("eel", 1)) for i in range(count)]


def test_class_folders_without_a_split(tmp_path, opened):
    for name in TOP:
        put(tmp_path / "set", name)
    splits = opened(tmp_path / "set")
    assert splits.drawn
    labels = [("cat", "dog", "eel").index(name[:3]) for name in TOP]
    held = {name for name, out in zip(TOP, held_back(TOP, labels, 0.2), strict=True) if out}
    assert splits.test.files == tuple(name for name in TOP if name in held)
    assert splits.train.files == tuple(name for name in TOP if name not in held)
    assert np.bincount(splits.test.labels, minlength=3).tolist() == [2, 1, 0]
    for split in (splits.train, splits.test):
        assert all((image == colour(name)).all() for image, name in zip(split.images, split.files, strict=True))
    (note,) = splits.notes
    assert "20 % of each class, 3 of 18 images" in note
    more = opened(tmp_path / "set", test_share=0.5)
    assert len(more.test.files) == 9
    assert set(splits.test.files) < set(more.test.files)


def test_training_images_alone(root, opened):
    shutil.rmtree(root / "test")
    splits = opened(root)
    assert splits.train.files == tuple(TRAIN)
    with pytest.raises(UserError, match="no test split") as caught:
        splits.test  # noqa: B018
    assert "neither test/ nor val/" in caught.value.found
    assert f"folder:{root}/train" in caught.value.mend
    assert opened(f"{root}/train").drawn  # as it says


def test_a_flat_test_folder_is_passed_over_for_one_with_classes(root, opened):
    (root / "test").rename(root / "val")
    for i in range(3):
        put(root, f"test/{i}.png")
    splits = opened(root)
    assert splits.test.files == ("val/cat/x.png", "val/dog/y.png")
    assert splits.notes == (
        f"folder:{root}: the test split is val/; test/ has no class folders but 3 images without one",
    )
    shutil.rmtree(root / "val")
    (note,) = opened(root).notes
    assert "test/ has no class folders" in note
    put(root, "test/unknown/1.png")
    assert "it holds unknown" in opened(root).tested.found
    (root / "test").rename(root / "elsewhere")
    (root / "test" / "cat").mkdir(parents=True)
    assert "no image in a class folder" in opened(root).tested.found


@pytest.mark.parametrize(("train", "test"), [("Training", "Testing"), ("train", "valid"), ("TRAIN", "Validation")])
def test_other_names_of_splits(root, opened, train, test):
    (root / "train").rename(root / train)
    (root / "test").rename(root / test)
    splits = opened(root)
    assert splits.train.files[0] == f"{train}/cat/a.png"
    assert splits.test.files[0] == f"{test}/cat/x.png"


def test_a_share_of_a_folder_with_splits_is_refused(root, opened):
    with pytest.raises(UserError, match="split of its own"):
        opened(root, test_share=0.3)


# --- layouts that are none ------------------------------------------------------------------------------------


def test_path_is_missing(opened, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        opened(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        opened(tmp_path / "file")
    with pytest.raises(UserError, match="folder:PATH"):
        Folder().fingerprint(DataSource(argument=""))


LAYOUTS = {
    "empty folder": ([], "fewer than two classes", "none"),
    "classes beside a test split": (["cat/a.png", "dog/b.png", "test/cat/c.png"], "no train/", "cat, dog, test"),
    "a split one level down": (["x/train/cat/a.png", "y/train/cat/b.png"], "no train/", "x/"),
    "classes one level down": (["set/cat/a.png", "set/dog/a.png"], "fewer than two classes", "set"),
    "two training splits": (["train/cat/a.png", "Training/cat/a.png"], "several training", "Training"),
    "empty class at the top": (["cat/a.png", "dog/b.png", "eel/.keep.png"], "without an image", "eel"),
    "one class": (["train/cat/a.png", "test/cat/b.png"], "fewer than two classes", "cat"),
    "no class": (["train/a.png", "test/cat/b.png"], "fewer than two classes", "none"),
    "unknown test class": ([*TRAIN, *TEST, "test/eel/a.png"], "classes that train/ lacks", "eel"),
    "empty class": ([*TRAIN, *TEST, "train/eel/.keep.png"], "without an image", "eel"),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts_that_are_none(case, opened, tmp_path):
    names, said, found = LAYOUTS[case]
    (tmp_path / "set").mkdir()
    for name in names:
        put(tmp_path / "set", name)
    with pytest.raises(UserError, match=said) as caught:
        opened(tmp_path / "set")
    assert found is None or found in caught.value.found
    assert caught.value.mend
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed(root, opened):
    (root / "train" / "cat").chmod(0)
    try:
        with pytest.raises(UserError, match="cannot be listed"):
            opened(root)
    finally:
        (root / "train" / "cat").chmod(0o755)


def test_the_documented_extensions_are_the_ones_taken(root, opened):
    rest = root / "train" / "cat"
    for extension in sorted(EXTENSIONS):
        (rest / f"x{extension.upper()}").write_text("x")
    with pytest.raises(UserError, match=f"{len(EXTENSIONS)} unreadable"):
        opened(root)


def test_neither_torch_nor_pandas_is_imported(root, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from cc_plugins import datasets
from ccbench.offers.discovery import Plugins
listed = [m for m in ("numpy", "PIL") if m in sys.modules]
from pathlib import Path
from ccbench.data import DataSource, open_dataset
plugins = Plugins(extra=(datasets,), discover=False)
open_dataset("folder:{root}", plugins=plugins, source=DataSource(), cache=Path({str(tmp_path / "c")!r}))
open_dataset("photodigits", plugins=plugins, source=DataSource(), cache=Path({str(tmp_path / "c")!r}))
print(listed, [m for m in ("torch", "pandas", "sklearn") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[] []", done.stderr
