"""tiny-imagenet: validation images by their annotations, classes by wnids.txt and words.txt."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))  # for published_samples

from published_samples import of_their_colours, opener, put, whole

from cc_plugins.datasets.tiny_imagenet import TinyImageNet
from ccbench.budget import DataShape
from ccbench.data import DataSource
from ccbench.errors import UserError

FOLDER = "tiny-imagenet-200"
WNIDS = ("n03", "n01", "n02")  # not in the order of wnids.txt, as in the archive
VAL = {"val_0.JPEG": "n02", "val_1.JPEG": "n01", "val_2.JPEG": "n03", "val_10.JPEG": "n01"}
REAL = Path(os.environ.get("CCBENCH_DATA", ""), FOLDER)
real = pytest.mark.skipif(not (REAL / "wnids.txt").is_file(), reason="no tiny-imagenet-200 under CCBENCH_DATA")


class Small(TinyImageNet):
    """Three classes with two training images each, and four validation images."""

    name, counts, size = "small", (6, 4), 64


@pytest.fixture
def open_(tmp_path):
    return opener(tmp_path / "cache", whole(f"{__name__}:Small", Small.counts, 64, 3))


@pytest.fixture
def root(tmp_path):
    here = tmp_path / "data" / FOLDER
    for wnid in WNIDS:
        for i in (0, 1):
            put(here, f"train/{wnid}/images/{wnid}_{i}.JPEG", size=(64, 64))
        (here / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t9\t9\n")
    for name in VAL:
        put(here, f"val/images/{name}", size=(64, 64))
    put(here, "test/images/test_0.JPEG", size=(64, 64))
    annotate(here, VAL.items())
    (here / "wnids.txt").write_text("".join(f"{w}\n" for w in WNIDS))
    (here / "words.txt").write_text("n00\tentity\nn01\tgoldfish, Carassius auratus\nn02\tbee\nn03\tdesk\n")
    return here


def annotate(here, pairs):
    text = "".join(f"{name}\t{wnid}\t0\t32\t44\t62\n" for name, wnid in pairs)
    (here / "val" / "val_annotations.txt").write_text(text)


def test_images_labels_and_names(open_, root):
    splits = open_("small", root.parent)
    assert splits.train.classes == ("goldfish", "bee", "desk")
    assert splits.train.shape == DataShape(6, 64, 64, 3)
    assert splits.train.files[:3] == (
        "train/n01/images/n01_0.JPEG",
        "train/n01/images/n01_1.JPEG",
        "train/n02/images/n02_0.JPEG",
    )
    assert splits.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert splits.test.files == tuple(f"val/images/val_{i}.JPEG" for i in (1, 10, 0, 2))
    assert splits.test.labels.tolist() == [0, 0, 1, 2]
    assert of_their_colours(splits.train)
    assert of_their_colours(splits.test)


def test_a_sorted_val_is_the_same_split(open_, root):
    before = open_("small", root.parent).test
    for name, wnid in VAL.items():
        (root / "val" / wnid / "images").mkdir(parents=True, exist_ok=True)
        (root / "val" / "images" / name).rename(root / "val" / wnid / "images" / name)
    (root / "val" / "images").rmdir()
    (root / "val" / "val_annotations.txt").unlink()
    after = open_("small", root.parent).test
    assert after.digest == before.digest
    assert [Path(f).name for f in after.files] == [Path(f).name for f in before.files]


def test_another_annotation_is_another_set(open_, root):
    before = open_("small", root.parent).test
    annotate(root, (VAL | {"val_10.JPEG": "n03"}).items())
    after = open_("small", root.parent).test
    assert before.labels.tolist() == [0, 0, 1, 2]
    assert after.labels.tolist() == [0, 1, 2, 2]


def test_a_part_takes_the_images_of_its_classes(open_, root):
    (root / "train" / "n02").rename(root / "away")
    (root / "val" / "images" / "val_1.JPEG").unlink()
    with pytest.raises(UserError, match="train/ lacks 1 of 3 classes"):
        open_("small", root.parent)
    splits = open_("small[partial=true]", root.parent, image_size=32)
    assert splits.train.classes == ("goldfish", "desk")
    assert splits.train.shape == DataShape(4, 32, 32, 2)
    assert splits.test.files == ("val/images/val_10.JPEG", "val/images/val_2.JPEG")
    assert splits.test.labels.tolist() == [0, 1]


def lacks(name):
    return lambda root: (root / name).unlink()


def writes(name, text):
    return lambda root: (root / name).write_bytes(text)


TXT = "val/val_annotations.txt"
LINES = "".join(f"{n}\t{w}\t0\n" for n, w in VAL.items())
FAULTS = {
    "no wnids": (lacks("wnids.txt"), "there is no wnids.txt", FOLDER),
    "no words": (lacks("words.txt"), "there is no words.txt", FOLDER),
    "no annotations": (lacks(TXT), "there is no val_annotations.txt", "val"),
    "nameless class": (writes("words.txt", b"n01\tfish\nn03\tdesk\n"), "words.txt lacks 1 of", "n02"),
    "binary words": (writes("words.txt", b"\xff\xfe\x00"), "words.txt is damaged", "0xff"),
    "missing line": (
        writes(TXT, b"val_0.JPEG\tn02\t0\nval_1.JPEG\tn01\t0\n"),
        "val/images/ has 2 images without an annotation",
        "val_10.JPEG, val_2.JPEG",
    ),
    "missing image": (lacks("val/images/val_2.JPEG"), "1 annotations without their image", "val_2.JPEG"),
    "broken line": (
        writes(TXT, LINES.replace("val_1.JPEG\t", "val_1.JPEG ").encode()),
        f"line 2 of {TXT} is no annotation",
        "val_1.JPEG n01",
    ),
    "unknown class": (writes(TXT, LINES.replace("n03", "n09").encode()), "line 3", "n09"),
    "twice": (writes(TXT, f"{LINES}val_0.JPEG\tn03\t0\n".encode()), "line 5", "has one already"),
    "no images": (lambda root: (root / "val/images").rename(root / "pictures"), "val/ has no folder images/", "val"),
    "missing training image": (lacks("train/n02/images/n02_1.JPEG"), "has 5 images, the whole set 6", r"n02 (1)"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_was_expected_and_what_was_found(case, open_, root, tmp_path):
    spoil, said, found = FAULTS[case]
    spoil(root)
    with pytest.raises(UserError, match=said) as caught:
        open_("small", root.parent)
    assert found in caught.value.found
    assert caught.value.mend
    assert not (tmp_path / "cache").exists()


# --- the real one ---------------------------------------------------------------------------------------------


@real
def test_the_real_set_is_whole():
    layout = TinyImageNet(partial=False)._layout(DataSource(root=REAL.parent))
    assert (len(layout.train.files), len(layout.test.files), len(layout.classes)) == (100_000, 10_000, 200)
    assert np.bincount(layout.train.labels).tolist() == [500] * 200
    assert np.bincount(layout.test.labels).tolist() == [50] * 200
    assert layout.classes[:2] == ("goldfish", "European fire salamander")
    place = layout.test.files.index("val/images/val_0.JPEG")
    assert layout.classes[layout.test.labels[place]] == "go-kart"  # n03444034 by its annotation


@real
def test_some_of_the_real_images(tmp_path):
    here = tmp_path / "data" / FOLDER
    (here / "train").mkdir(parents=True)
    for wnid in ("n01443537", "n02124075"):
        (here / "train" / wnid).symlink_to(REAL / "train" / wnid)
    for name in ("val", "wnids.txt", "words.txt"):
        (here / name).symlink_to(REAL / name)
    splits = opener(tmp_path / "cache")("tiny-imagenet[partial=true]", here.parent)
    assert splits.train.classes == ("goldfish", "Egyptian cat")
    assert splits.train.shape == DataShape(1000, 64, 64, 2)
    assert np.bincount(splits.test.labels).tolist() == [50, 50]
    goldfish, cats = (splits.train.images[splits.train.labels == c].mean((0, 1, 2)) for c in (0, 1))
    assert goldfish[0] - goldfish[2] > cats[0] - cats[2] + 20  # goldfish are redder than cats
