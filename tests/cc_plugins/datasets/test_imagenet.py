"""imagenet: a thousand class folders, a flat validation folder with and without Kaggle's list."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))  # for published_samples

from published_samples import colour, of_their_colours, opener, put, whole

from cc_plugins.datasets.imagenet import SOLUTION, ImageNet, class_names
from ccbench.budget import DataShape
from ccbench.errors import UserError

FISH, SHARK, SNAKE = "n01440764", "n01484850", "n01729977"
PART = "imagenet[partial=true]"
VAL = {"ILSVRC2012_val_00000001": SHARK, "ILSVRC2012_val_00000002": FISH, "ILSVRC2012_val_00000003": SNAKE}


class Small(ImageNet):
    """The thousand classes with one training and one validation image each."""

    name, counts, size = "small", (1000, 1000), 8


@pytest.fixture
def open_(tmp_path):
    return opener(tmp_path / "cache")


def train(place, wnids=(FISH, SHARK)):
    for wnid in wnids:
        put(place, f"train/{wnid}/{wnid}_1.JPEG")
    return place


def flat(place):
    for name in VAL:
        put(place, f"val/{name}.JPEG")
    return place


def solution(folder, pairs=VAL):
    rows = "".join(f"{name},{wnid} 85 1 499 272 {wnid} 5 1 2 3 \n" for name, wnid in pairs.items())
    (folder / SOLUTION).write_text(f"ImageId,PredictionString\n{rows}")


def test_a_thousand_class_folders(tmp_path):
    first = put(tmp_path, "one.JPEG", size=(8, 8)).read_bytes()
    for wnid in class_names():
        for split in ("train", "val"):
            folder = tmp_path / "imagenet" / split / wnid
            folder.mkdir(parents=True)
            (folder / f"{wnid}_1.JPEG").write_bytes(first)
    plugins = whole(f"{__name__}:Small", Small.counts, 8, 1000)
    splits = opener(tmp_path / "cache", plugins)("small", tmp_path)
    assert splits.train.shape == DataShape(1000, 8, 8, 1000)
    assert splits.train.labels.tolist() == splits.test.labels.tolist() == list(range(1000))
    assert splits.train.classes[:3] == ("tench", "goldfish", "great white shark")
    assert len(set(splits.train.classes)) == 1000  # two cranes and two maillots among them
    assert np.abs(splits.train.images.astype(int) - colour("one.JPEG")).max() <= 4


@pytest.mark.parametrize("folder", ["imagenet", "ILSVRC2012", "ImageNet", "imagenet-1k", "ILSVRC/Data/CLS-LOC", "."])
def test_the_places_where_it_lies(folder, open_, tmp_path):
    root = tmp_path / "data"
    place = train(root / folder)
    for wnid in (FISH, SHARK):
        put(place, f"val/{wnid}/v{wnid}.JPEG")
    splits = open_(PART, root, image_size=8)
    assert splits.train.classes == ("tench", "great white shark")
    assert splits.test.files == (f"val/{FISH}/v{FISH}.JPEG", f"val/{SHARK}/v{SHARK}.JPEG")


@pytest.mark.parametrize("beside", ["imagenet/val", "imagenet", "."])
def test_a_flat_val_is_read_by_the_list(beside, open_, tmp_path):
    flat(train(tmp_path / "imagenet"))
    solution(tmp_path / beside)
    test = open_(PART, tmp_path, image_size=8).test
    assert test.files == ("val/ILSVRC2012_val_00000002.JPEG", "val/ILSVRC2012_val_00000001.JPEG")
    assert test.labels.tolist() == [0, 1]
    assert of_their_colours(test)


def test_kaggles_archive_as_it_is(open_, tmp_path):
    flat(train(tmp_path / "ILSVRC" / "Data" / "CLS-LOC"))
    solution(tmp_path)
    assert open_(PART, tmp_path, image_size=8).test.labels.tolist() == [0, 1]


def test_a_flat_val_without_the_list_says_how_to_sort_it(open_, tmp_path):
    flat(train(tmp_path / "imagenet"))
    with pytest.raises(UserError, match="val/ is not sorted into classes") as caught:
        open_(PART, tmp_path)
    assert f"no {SOLUTION} beside it" in caught.value.found
    assert "torchvision.datasets.ImageNet(" in caught.value.mend
    assert SOLUTION in caught.value.mend


FAULTS = {
    "unlisted image": (
        lambda rows: rows[:3],
        "val/ has 1 images without an annotation",
        "ILSVRC2012_val_00000003.JPEG",
    ),
    "broken line": (lambda rows: [*rows[:2], "ILSVRC2012_val_00000002;n01440764"], "line 3 of", "00000002;n01440764"),
    "no class": (lambda rows: [*rows[:2], "ILSVRC2012_val_00000002,65 1 2 3 4"], "line 3 of", "65 1 2"),
    "twice": (lambda rows: [*rows, rows[1]], "line 5 of", "has one already"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_lists_that_do_not_fit(case, open_, tmp_path):
    change, said, found = FAULTS[case]
    flat(train(tmp_path / "imagenet"))
    solution(tmp_path)
    rows = (tmp_path / SOLUTION).read_text().splitlines()
    (tmp_path / SOLUTION).write_text("\n".join(change(rows)))
    with pytest.raises(UserError, match=said) as caught:
        open_(PART, tmp_path)
    assert found in caught.value.found
    assert caught.value.mend


def test_a_few_classes_are_not_the_whole(open_, tmp_path):
    flat(train(tmp_path / "imagenet"))
    solution(tmp_path)
    with pytest.raises(UserError, match="train/ lacks 998 of 1000 classes") as caught:
        open_("imagenet", tmp_path)
    assert "imagenet[partial=true]" in caught.value.mend


def test_archives_that_were_not_extracted(open_, tmp_path):
    folder = tmp_path / "imagenet" / "train"
    folder.mkdir(parents=True)
    (folder / f"{FISH}.tar").write_bytes(b"")
    (tmp_path / "imagenet" / "val").mkdir()
    with pytest.raises(UserError, match="train/ lacks 1000 of 1000 classes") as caught:
        open_("imagenet", tmp_path)
    assert "0 class folders" in caught.value.found
