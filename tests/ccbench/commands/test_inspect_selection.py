"""What inspect says of a selection: its scores, its classes, and the images at both ends."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from ccbench.archive import CompressedDataset
from ccbench.data import DataSource, open_dataset
from ccbench.inspection.scored import ends
from ccbench.inspection.selection import distribution
from ccbench.offers.discovery import plugins

BRIGHT = '''
from ccbench.plugin import MethodSpec, hookimpl


class Brightest:
    """Keeps the brightest images."""

    def compress(self, task):
        import numpy as np
        from ccbench.plugin import CompressedDataset

        light = task.dataset.images.astype(np.float64).mean((1, 2, 3))
        return CompressedDataset.subset(task.dataset, np.argsort(-light)[: task.images],
                                        scores={"a/light": light, "red": task.dataset.images[..., 0].mean((1, 2))})


class Wrong:
    """Gives scores of the kept images alone."""

    def compress(self, task):
        import numpy as np
        from ccbench.plugin import CompressedDataset

        return CompressedDataset.subset(task.dataset, range(task.images), scores={"few": np.ones(task.images)})


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="brightest", target=f"{__name__}:Brightest", version="1", summary="bright", random=False),
            MethodSpec(name="wrong", target=f"{__name__}:Wrong", version="1", summary="wrong", random=False)]
'''


@pytest.fixture
def bright(ccbench, module, monkeypatch):
    """The command line with a method that goes by a score of its own."""
    module("bright", BRIGHT)
    monkeypatch.syspath_prepend(".")
    monkeypatch.setenv("CCBENCH_PLUGINS", "bright")
    plugins.cache_clear()
    return ccbench


@pytest.fixture
def digits(tmp_path):
    """The embedded training images."""
    return open_dataset("photodigits", plugins=plugins(), source=DataSource(None), cache=tmp_path / "cache").train


def report(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def made(ccbench, method, file="s.ccb", *more):
    done = ccbench("compress", "-m", method, file, *more)
    assert done.code == 0, done.err
    return file


def light(images):
    return images.astype(np.float64).mean((1, 2, 3))


def opened(path):
    return np.asarray(Image.open(path).convert("RGB"))


def shows(sheet, image, times=2):
    """Whether a sheet has an image, each pixel as a square; every place is looked at where its first pixel fits."""
    tile = image.repeat(times, 0).repeat(times, 1)
    height, width = tile.shape[:2]
    for y, x in np.argwhere((sheet[: 1 - height, : 1 - width] == tile[0, 0]).all(2)):
        if np.array_equal(sheet[y : y + height, x : x + width], tile):
            return True
    return False


def test_scores_and_classes_of_any_method(bright, digits):
    found = report(bright("inspect", made(bright, "brightest", "s.ccb", "--ratio", "0.9"), "--json"))["selection"]
    values = light(digits.images)
    kept = np.sort(np.argsort(-values)[:130])
    assert found["available"] == np.bincount(digits.labels).tolist()
    assert found["kept"] == np.bincount(digits.labels[kept], minlength=10).tolist()
    assert found["unscored"] is None
    assert list(found["scores"]) == ["a/light", "red"]
    of = found["scores"]["a/light"]
    assert (of["low"], of["high"]) == (pytest.approx(values.min()), pytest.approx(values.max()))
    assert of["kept"]["quartiles"] == pytest.approx(np.quantile(values[kept], [0, 0.25, 0.5, 0.75, 1]).tolist())
    assert sum(of["all"]["counts"]) == of["all"]["images"] == 1297
    assert sum(of["kept"]["counts"]) == of["kept"]["images"] == 130
    assert of["kept"]["counts"][-1] == of["all"]["counts"][-1] > 0  # the brightest are kept


def test_the_text_and_the_sheet(bright, digits, tmp_path):
    done = bright("inspect", made(bright, "brightest", "s.ccb", "--ratio", "0.9"), "--images", "3")
    assert done.code == 0
    assert "a/light, all 1,297" in done.out
    assert "a/light, kept 130" in done.out
    assert f" of {np.bincount(digits.labels)[3]}, " in done.out
    figures = sorted(p.name for p in (tmp_path / "here").glob("*.png"))
    assert figures == ["s-colors.png", "s-images.png", "s-scored.png", "s-selection.png"]
    sheet, order = opened(tmp_path / "here" / "s-scored.png"), np.argsort(-light(digits.images), kind="stable")
    for place in (*order[:3], *order[128:133], *order[-3:]):  # both ends of what is kept and of what is left out
        assert shows(sheet, digits.images[place]), place
    for place in (*order[3:127:20], *order[133:-3:100]):
        assert not shows(sheet, digits.images[place]), place
    drawn = opened(tmp_path / "here" / "s-selection.png")
    assert all((drawn == colour).all(2).sum() > 1000 for colour in ((0, 0x72, 0xB2), (0xBB, 0xBB, 0xBB)))


def test_scores_that_are_gone_come_back_by_the_command_that_is_told(bright):
    file = made(bright, "brightest", "s.ccb", "--ratio", "0.93", "--base-seed", "7", "-p", "dcq-cifar")
    content = CompressedDataset.open(file).content_digest()
    assert bright("cache", "clear", "--kind", "selection-scores", "--yes").code == 0
    done = bright("inspect", file)
    (line,) = [line for line in done.out.splitlines() if line.startswith("no scores: ")]
    assert "a/light, red" in line
    assert "kept 91" not in done.out
    assert report(bright("inspect", file, "--json"))["selection"]["scores"] == {}
    program, *told = shlex.split(line[line.index("ccbench compress") :])
    assert program == "ccbench"
    assert bright(*told).code == 0
    assert CompressedDataset.open(file).content_digest() == content
    assert "a/light, kept 91" in bright("inspect", file).out


def test_a_method_without_scores_has_its_classes_alone(bright, tmp_path):
    found = report(bright("inspect", made(bright, "random", "r.ccb", "--ratio", "0.9"), "--json"))
    assert found["selection"]["scores"] == {}
    assert found["selection"]["unscored"] is None
    assert sum(found["selection"]["kept"]) == 130
    assert sorted(found["figures"]) == ["colors", "images", "selection"]
    assert "no scores" not in bright("inspect", "r.ccb").out


def test_what_keeps_every_image_is_no_selection(bright):
    found = report(bright("inspect", made(bright, "mediancut", "m.ccb", "--bits", "2"), "--json"))
    assert found["selection"] is None
    assert sorted(found["figures"]) == ["colors", "images"]
    assert "selection" not in bright("inspect", "m.ccb").out


def test_a_file_of_data_that_are_gone_or_have_changed(bright, digits, tmp_path):
    file = made(bright, "brightest", "s.ccb", "--ratio", "0.9")
    held = CompressedDataset.open(file)
    for changes in ({"dataset": "folder:/no/such/place"}, {"dataset_digest": "other"}):
        held.meta.update(changes)
        held.save("other.ccb")
        found = report(bright("inspect", "other.ccb", "--json"))["selection"]
        assert found["available"] is None
        assert sum(found["kept"]) == 130
    assert "the cache has no scores of this file" in found["unscored"]  # of other data
    held.meta.update(dataset="folder:/no/such/place", dataset_digest=digits.digest)
    held.save("gone.ccb")
    done = bright("inspect", "gone.ccb")
    assert "a/light, kept 130" in done.out
    sheet, order = opened("gone-scored.png"), np.argsort(-light(digits.images), kind="stable")
    assert shows(sheet, digits.images[order[0]])  # it is in the file
    assert not shows(sheet, digits.images[order[-1]])


def test_a_step_after_another_scores_what_it_saw(bright, digits):
    found = report(bright("inspect", made(bright, "random[fraction=0.5]+brightest[fraction=0.2]"), "--json"))
    of = found["selection"]["scores"]["a/light"]
    assert of["all"]["images"] == 649  # half of them
    assert of["kept"]["images"] == sum(found["selection"]["kept"])
    held = CompressedDataset.open("s.ccb")
    assert of["kept"]["quartiles"][0] == pytest.approx(light(digits.images[held.ids]).min())


def test_scores_of_another_number_of_images_are_a_defect_of_the_method(bright):
    done = bright("compress", "-m", "wrong", "--ratio", "0.9", "w.ccb")
    assert done.code == 2
    assert "scores must be (1297,) numbers by name" in done.err


def test_a_cache_that_takes_nothing_costs_the_scores_alone(bright, tmp_path):
    made(bright, "random", "r.ccb", "--ratio", "0.9")  # the images lie in the cache now
    (tmp_path / "cache" / "selection-scores").write_text("")
    done = bright("compress", "-m", "brightest", "--ratio", "0.9", "s.ccb")
    assert done.code == 0
    assert "what the selection went by is not kept" in done.err
    assert "no scores" in bright("inspect", "s.ccb").out


def test_what_a_file_says_does_not_steer_the_terminal(bright):
    held = CompressedDataset.open(made(bright, "brightest", "s.ccb", "--ratio", "0.9"))
    held.meta.update(scores=["\x1b[31mred\n"], method="x; \x1b rm -rf /")
    held.save("e.ccb")
    done = bright("inspect", "e.ccb")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "no scores" in done.out
    assert "-m 'x;   rm -rf /'" in done.out


def test_ends_and_counts_by_hand():
    values = np.array([3, np.nan, 1, 3, 2], np.float32)
    assert {end: places.tolist() for end, places in ends(values, 2).items()} == {"highest": [0, 3], "lowest": [2, 4]}
    found = distribution(values, np.array([1, 2, 4]))
    assert (found["low"], found["high"], found["all"]["images"], found["kept"]["images"]) == (1, 3, 4, 2)
    assert (found["all"]["counts"][0], found["all"]["counts"][-1]) == (1, 2)
    assert found["kept"]["quartiles"] == [1, 1.25, 1.5, 1.75, 2]
    flat = distribution(np.ones(3, np.float32), np.array([0]))
    assert flat["all"]["counts"][0] == 3
    none = distribution(np.full(3, np.nan, np.float32), np.array([0]))
    assert none["all"] == {"images": 0, "quartiles": None, "counts": [0] * 64}
