"""A declared shape follows --image-size where the set is resizable, and gives way to the data where it may not hold."""

import types

import numpy as np
import pytest

from ccbench.budget import DataShape
from ccbench.data import DataSource, ImageStream, open_dataset, shape_of
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import DatasetSpec, Param

DECLARED = DataShape(6, 8, 8, 2)


class Scaled:
    """Six images of any size, the last left out under --skip-bad; ``few`` keeps four."""

    asked: list[int | None] = []  # noqa: RUF012 - the test's own record

    def __init__(self, few):
        self.images = 4 if few else 6

    def fingerprint(self, source):
        return "1"

    def splits(self, source):
        Scaled.asked.append(source.image_size)
        size, n = source.image_size or 8, self.images
        skipped = [n - 1] if source.skip_bad else []
        pixels = np.zeros((n - len(skipped), size, size, 3), dtype=np.uint8)
        return {
            "train": ImageStream(np.arange(n) % 2, ("a", "b"), size, size, iter([pixels]), (), skipped),
            "test": ImageStream(np.arange(2), ("a", "b"), size, size, iter([pixels[:2]])),
        }


class Vast:
    """Two splits of 805 TB each, of which no image may be read."""

    def fingerprint(self, source):
        return "1"

    def splits(self, source):
        labels = np.arange(1_000_000) % 2
        return {s: ImageStream(labels, ("a", "b"), 16384, 16384, self.never()) for s in ("train", "test")}

    def never(self):
        raise AssertionError("an image was read")
        yield


def plugins(resizable=True):
    spec = DatasetSpec(
        name="scaled",
        target=f"{__name__}:Scaled",
        version="1",
        summary="",
        shape=DECLARED,
        resizable=resizable,
        params=(Param(name="few", default=False, doc=""),),
    )
    module = types.ModuleType("scaled_plugin")
    vars(module)["ccbench_datasets"] = hookimpl(lambda: [spec])
    return Plugins(extra=(module,), discover=False)


@pytest.fixture
def both(tmp_path):
    """What is planned with, and what is there."""

    def call(name="scaled", **options):
        here = {"plugins": plugins(), "source": DataSource(**options), "cache": tmp_path}
        return shape_of(name, **here), open_dataset(name, **here).train.shape

    return call


@pytest.mark.parametrize("size", [None, 8, 5, 16])
def test_plan_and_data_agree_at_every_size(both, size, tmp_path):
    told, found = both(image_size=size)
    assert told == found == DataShape(6, size or 8, size or 8, 2)


def test_the_plan_needs_no_data(tmp_path):
    Scaled.asked.clear()
    here = {"plugins": plugins(), "cache": tmp_path / "never"}
    assert shape_of("scaled", source=DataSource(image_size=5), **here) == DataShape(6, 5, 5, 2)
    assert Scaled.asked == []
    assert not (tmp_path / "never").exists()


def test_the_default_size_by_its_number_is_the_same_cache_entry(both, tmp_path):
    Scaled.asked.clear()
    both()
    both(image_size=8)
    assert Scaled.asked == [None]
    both(image_size=9)
    assert Scaled.asked == [None, 9]


def test_left_out_files_and_other_parameters_are_counted_in_the_data(both):
    assert both(skip_bad=True) == (DataShape(5, 8, 8, 2),) * 2
    assert both("scaled[few=true]", image_size=4) == (DataShape(4, 4, 4, 2),) * 2
    assert both("scaled[few=false]") == (DECLARED,) * 2


def test_a_set_that_is_not_resizable_says_so(tmp_path):
    with pytest.raises(UserError, match="are not resized"):
        shape_of("scaled", plugins=plugins(False), source=DataSource(image_size=9), cache=tmp_path)


def test_a_disk_that_is_too_small_is_said_before_an_image_is_read(tmp_path):
    spec = DatasetSpec(name="vast", target=f"{__name__}:Vast", version="1", summary="")
    module = types.ModuleType("vast_plugin")
    vars(module)["ccbench_datasets"] = hookimpl(lambda: [spec])
    here = {"plugins": Plugins(extra=(module,), discover=False), "source": DataSource(), "cache": tmp_path}
    with pytest.raises(UserError, match="cannot hold dataset vast") as caught:
        open_dataset("vast", **here)
    assert "1,610,612.7 GB" in caught.value.found
    assert "CCBENCH_CACHE" in caught.value.mend
    assert [p for p in (tmp_path / "datasets").iterdir() if not p.name.endswith(".lock")] == []
