"""imagenette and imagewoof, and what every published set has in common: places, wholeness, streaming, faults."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parent))  # for published_samples

from published_samples import PLUGINS, of_their_colours, opener, put, whole

from cc_plugins.datasets import reading
from cc_plugins.datasets.imagenette import Imagenette, Imagewoof
from cc_plugins.datasets.published import readable
from ccbench.budget import DataShape
from ccbench.data import DataSource, shape_of
from ccbench.errors import UserError

WNIDS = sorted(Imagenette.classes)
TENCH, DOG = WNIDS[:2]
PART = "imagenette[partial=true]"
REAL = Path(os.environ.get("CCBENCH_DATA", ""), "imagenette2")


class Small(Imagenette):
    """The ten classes with two training images and one validation image each."""

    name, counts, size = "small", (20, 10), 24


@pytest.fixture
def open_(tmp_path):
    return opener(tmp_path / "cache")


@pytest.fixture
def small(tmp_path):
    return opener(tmp_path / "cache", whole(f"{__name__}:Small", Small.counts, Small.size, 10))


def two(root, folder="imagenette2"):
    """Two of the classes."""
    for wnid in (TENCH, DOG):
        for name in (f"train/{wnid}/{wnid}_2.JPEG", f"train/{wnid}/{wnid}_10.JPEG", f"val/{wnid}/{wnid}_v.JPEG"):
            put(root / folder, name)
    return root


def ten(root, folder="imagenette2"):
    """All ten, as :class:`Small` has them."""
    for wnid in WNIDS:
        for name in (f"train/{wnid}/a{wnid}.JPEG", f"train/{wnid}/b{wnid}.JPEG", f"val/{wnid}/c{wnid}.JPEG"):
            put(root / folder, name)
    return root


# --- what comes out -------------------------------------------------------------------------------------------


def test_images_labels_classes_and_files(open_, tmp_path):
    splits = open_(PART, two(tmp_path))
    assert splits.train.classes == splits.test.classes == ("tench", "English springer")
    assert splits.train.files == tuple(f"train/{w}/{w}_{i}.JPEG" for w in (TENCH, DOG) for i in (10, 2))
    assert splits.train.labels.tolist() == [0, 0, 1, 1]
    assert splits.test.files == (f"val/{TENCH}/{TENCH}_v.JPEG", f"val/{DOG}/{DOG}_v.JPEG")
    assert splits.train.shape == DataShape(4, 224, 224, 2)
    assert of_their_colours(splits.train)
    assert of_their_colours(splits.test)


def test_the_whole_set_has_the_declared_shape_at_any_size(small, tmp_path):
    plugins = whole(f"{__name__}:Small", Small.counts, Small.size, 10)
    for size, wanted in ((None, 24), (24, 24), (10, 10)):
        source = DataSource(root=ten(tmp_path), image_size=size)
        told = shape_of("small", plugins=plugins, source=source, cache=tmp_path / "never")
        assert told == small("small", tmp_path, image_size=size).train.shape == DataShape(20, wanted, wanted, 10)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("tiny-imagenet", DataShape(100_000, 64, 64, 200)),
        ("imagenette", DataShape(9469, 224, 224, 10)),
        ("imagewoof", DataShape(9025, 224, 224, 10)),
        ("imagenet", DataShape(1_281_167, 224, 224, 1000)),
    ],
)
def test_plans_know_the_published_sets(name, shape, tmp_path):
    here = {"plugins": PLUGINS, "cache": tmp_path / "never"}
    assert shape_of(name, source=DataSource(), **here) == shape
    assert shape_of(name, source=DataSource(image_size=32), **here) == DataShape(shape.images, 32, 32, shape.classes)
    target = PLUGINS.get("dataset", name).load()
    assert (target.name, target.counts[0], target.size) == (name, shape.images, shape.height)


def test_every_kind_of_jpeg(open_, tmp_path):
    root = two(tmp_path) / "imagenette2" / "train" / TENCH
    Image.new("L", (50, 40), 77).save(root / "x_grey.JPEG", quality=95)
    Image.new("CMYK", (50, 40), (0, 255, 255, 0)).save(root / "y_cmyk.JPEG", quality=95)
    Image.new("RGB", (50, 40), (1, 2, 3)).save(root / "z_png.JPEG", format="PNG")  # ImageNet has one such file
    images = open_(PART, tmp_path, image_size=8).train.images[2:5]
    assert np.abs(images[0].astype(int) - 77).max() <= 1
    assert np.abs(images[1].astype(int) - [255, 0, 0]).max() <= 3
    assert (images[2] == [1, 2, 3]).all()


def test_the_short_side_is_scaled_and_the_middle_is_kept(open_, tmp_path):
    two(tmp_path)
    picture = np.zeros((60, 120, 3), dtype=np.uint8)  # black, white, black: the middle square is all white
    picture[:, 30:90] = 255
    Image.fromarray(picture).save(tmp_path / "imagenette2" / "train" / TENCH / "z.JPEG", quality=100)
    middle = open_(PART, tmp_path, image_size=30).train.images[2]
    assert middle[:, 2:-2].min() >= 250


def test_names_that_two_classes_share_carry_the_id():
    names = {"n1": "crane", "n2": "crane, hoist", "n3": "maillot, tank suit"}
    assert readable(["n1", "n2", "n3"], names) == ("crane (n1)", "crane (n2)", "maillot")


# --- where it lies --------------------------------------------------------------------------------------------


def test_the_largest_pictures_are_taken(small, tmp_path):
    for folder in ("imagenette2-160", "imagenette2-320", "imagenette2"):
        ten(tmp_path, folder)
        put(tmp_path / folder, f"val/{TENCH}/c{TENCH}.JPEG").write_bytes(put(tmp_path, f"{folder}.JPEG").read_bytes())
        test = small("small", tmp_path).test
        assert np.abs(test.images[0].astype(int) - np.asarray(Image.open(tmp_path / f"{folder}.JPEG"))[0, 0]).max() <= 4


def test_the_root_may_be_the_set_itself(small, tmp_path):
    digest = small("small", ten(tmp_path)).train.digest
    assert small("small", tmp_path / "imagenette2").train.digest == digest
    (tmp_path / "imagenette2").rename(tmp_path / "mine")
    assert small("small", tmp_path / "mine").train.digest == digest


def test_small_pictures_are_not_enlarged_in_silence(open_, tmp_path):
    two(tmp_path, "imagenette2-160")
    with pytest.raises(UserError, match="images of 224 pixels would be enlarged") as caught:
        open_(PART, tmp_path)
    assert "imagenette2-160" in caught.value.found
    assert "160 pixels" in caught.value.found
    assert "--image-size 160" in caught.value.mend
    assert open_(PART, tmp_path, image_size=160).train.images.shape == (4, 160, 160, 3)
    two(tmp_path, "imagenette2-320")
    assert open_(PART, tmp_path).train.images.shape == (4, 224, 224, 3)


# --- faults ---------------------------------------------------------------------------------------------------


def no_set(root):
    put(root, "imagewoof2/train/n02086240/a.JPEG")
    return root


def no_val(root):
    (ten(root) / "imagenette2" / "val").rename(root / "test")
    return root


def stranger(root):
    put(ten(root), "imagenette2/train/n02086240/a.JPEG")
    return root


def missing_class(root):
    (ten(root) / "imagenette2" / "train" / DOG).rename(root / "elsewhere")
    return root


def empty_class(root):
    for file in (ten(root) / "imagenette2" / "train" / DOG).iterdir():
        file.rename(file.with_suffix(".txt"))
    return root


def missing_image(root):
    (ten(root) / "imagenette2" / "train" / DOG / f"a{DOG}.JPEG").unlink()
    return root


def old_split(root):
    for wnid in WNIDS:
        put(ten(root), f"imagenette2/train/{wnid}/old.JPEG")
    return root


def flat_val(root):
    for file in [*(ten(root) / "imagenette2" / "val").glob("*/*")]:
        file.rename(file.parents[1] / file.name)
        file.parent.rmdir()
    return root


def empty_val(root):
    for file in (ten(root) / "imagenette2" / "val").glob("*/*"):
        file.unlink()
    return root


FAULTS = {
    "no folder": (lambda root: root / "none", "small is not there", "does not exist"),
    "a file": (lambda root: put(root, "x.JPEG"), "small is not there", "is a file"),
    "another set": (no_set, "small is not there", "holds imagewoof2"),
    "no val": (no_val, "no val/ beside train/", "holds train"),
    "strange class": (stranger, "folders that are none of its classes", "n02086240"),
    "missing class": (missing_class, "train/ lacks 1 of 10 classes", f"9 class folders in .*; missing: {DOG}"),
    "empty class": (empty_class, "classes without an image", DOG),
    "missing image": (missing_image, "train/ has 19 images, the whole set 20", rf"fewest in {DOG} \(1\)"),
    "old split": (old_split, "train/ has 30 images, the whole set 20", "fewest in"),
    "flat val": (flat_val, "val/ has no class folders", "10 images directly in"),
    "empty val": (empty_val, "val/ has classes without an image", f"{TENCH}, {DOG}.* and 2 more"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_was_expected_and_what_was_found(case, small, tmp_path):
    spoil, said, found = FAULTS[case]
    root = spoil(tmp_path / "data")
    with pytest.raises(UserError, match=said) as caught:
        small("small", root)
    assert "small" in caught.value.what
    assert re.search(found, caught.value.found)
    assert caught.value.mend
    assert not (tmp_path / "cache").exists()


def test_no_root(small):
    with pytest.raises(UserError, match="small needs a folder") as caught:
        small("small", None)
    assert caught.value.found == "neither --data-root nor CCBENCH_DATA"
    assert "DIR/imagenette2/train/" in caught.value.mend


def test_a_part_is_taken_under_its_own_name_alone(small, tmp_path):
    missing_class(tmp_path)
    (tmp_path / "imagenette2" / "val" / TENCH / f"c{TENCH}.JPEG").unlink()
    with pytest.raises(UserError) as caught:
        small("small", tmp_path)
    assert "--dataset 'small[partial=true]'" in caught.value.mend
    splits = small("small[partial=true]", tmp_path)
    assert splits.train.shape == DataShape(18, 24, 24, 9)
    assert len(splits.test) == 8  # of the nine classes, one without an image
    assert "English springer" not in splits.train.classes
    assert of_their_colours(splits.test)


def test_a_part_needs_two_classes_and_a_test_image(open_, tmp_path):
    put(tmp_path, f"imagenette2/train/{TENCH}/a.JPEG")
    put(tmp_path, f"imagenette2/val/{DOG}/a.JPEG")
    with pytest.raises(UserError, match="fewer than two classes"):
        open_(PART, tmp_path)
    put(tmp_path, f"imagenette2/train/{WNIDS[2]}/a.JPEG")
    with pytest.raises(UserError, match="val/ holds no image of its classes"):
        open_(PART, tmp_path)


def test_truncated_files_are_named_or_left_out(small, tmp_path):
    bad = ten(tmp_path) / "imagenette2" / "train" / DOG / f"a{DOG}.JPEG"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(bad, quality=95)
    bad.write_bytes(bad.read_bytes()[:-2000])
    (tmp_path / "imagenette2" / "val" / DOG / f"c{DOG}.JPEG").write_bytes(b"")
    with pytest.raises(UserError, match="small has 2 unreadable images") as caught:
        small("small", tmp_path)
    assert f"train/{DOG}/a{DOG}.JPEG: image file is truncated" in caught.value.found
    assert f"val/{DOG}/c{DOG}.JPEG: " in caught.value.found
    splits = small("small", tmp_path, skip_bad=True)
    assert splits.train.shape == DataShape(19, 24, 24, 10)
    assert splits.train.skipped == (f"train/{DOG}/a{DOG}.JPEG",)
    assert len(splits.test) == 9
    assert of_their_colours(splits.train)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed(small, tmp_path):
    closed = ten(tmp_path) / "imagenette2" / "train" / DOG
    closed.chmod(0)
    try:
        with pytest.raises(UserError, match="small cannot be listed"):
            small("small", tmp_path)
    finally:
        closed.chmod(0o755)


# --- the cache and memory -------------------------------------------------------------------------------------


def test_built_again_when_an_image_changes(small, tmp_path):
    before = small("small", ten(tmp_path)).train
    put(tmp_path, f"imagenette2/train/{DOG}/a{DOG}.JPEG", size=(90, 90))
    os.utime(tmp_path / f"imagenette2/train/{DOG}/a{DOG}.JPEG", ns=(1, 1))
    after = small("small", tmp_path).train
    assert np.abs(before.images.astype(int) - after.images).max() <= 1  # the same colour
    assert len([p for p in (tmp_path / "cache" / "datasets").iterdir() if p.is_dir()]) == 2


def test_images_are_read_while_they_stream(tmp_path, monkeypatch):
    """After the first batch at most one more has been read: what lies behind it can still change."""
    monkeypatch.setattr(reading, "_BATCH_BYTES", 3 * 24 * 24 * 3)  # three images
    batches = iter(Small(partial=False).splits(DataSource(root=ten(tmp_path)))["train"].batches)
    first = next(batches)
    assert first.shape == (3, 24, 24, 3)
    late = tmp_path / "imagenette2" / "train" / WNIDS[-1] / f"b{WNIDS[-1]}.JPEG"
    Image.new("RGB", (40, 30), (9, 200, 9)).save(late, quality=95)
    rest = np.concatenate(list(batches))
    assert len(rest) == 17
    assert np.abs(rest[-1].astype(int) - [9, 200, 9]).max() <= 4


# --- the real ones --------------------------------------------------------------------------------------------


def test_the_classes_are_ten_each_and_of_imagenet():
    from cc_plugins.datasets.imagenet import class_names

    listed = class_names()
    assert len(listed) == 1000
    for cls in (Imagenette, Imagewoof):
        assert len(cls.classes) == 10
        for wnid, name in cls.classes.items():
            assert name.lower() in [lemma.strip().lower() for lemma in listed[wnid].split(",")]
    assert not set(Imagenette.classes) & set(Imagewoof.classes)


@pytest.mark.skipif(not (REAL / "val").is_dir(), reason="no imagenette2 under CCBENCH_DATA")
def test_the_real_set_is_whole_and_three_of_its_classes_are_read(open_, tmp_path):
    layout = Imagenette(partial=False)._layout(DataSource(root=REAL.parent))
    assert (len(layout.train.files), len(layout.test.files)) == Imagenette.counts
    for split in ("train", "val"):
        (tmp_path / "imagenette2" / split).mkdir(parents=True)
        for wnid in WNIDS[:3]:
            (tmp_path / "imagenette2" / split / wnid).symlink_to(REAL / split / wnid)
    splits = open_(PART, tmp_path, image_size=32)
    assert splits.train.classes == ("tench", "English springer", "cassette player")
    assert np.bincount(splits.train.labels).tolist() == [963, 955, 993]
    assert np.bincount(splits.test.labels).tolist() == [387, 395, 357]
    assert splits.train.images.std() > 40  # photographs, not blanks
