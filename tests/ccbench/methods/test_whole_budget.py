"""A pipeline keeps to the budget of the whole, not only each of its steps to its own."""

from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest

from ccbench import Budget, hookimpl
from ccbench.archive import CompressedDataset, PatchImages
from ccbench.data import ImageDataset
from ccbench.errors import MethodError
from ccbench.methods.compress import compress
from ccbench.methods.task import Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.offers.specs import MethodSpec
from ccbench.store import Store


class Halves:
    """Twice as many images, of which half of the patches are kept."""

    def compress(self, task):
        """Within its own budget."""
        ids, data = np.arange(2 * task.images), task.dataset
        masks = np.tile(np.array([[True, False], [False, True]]), (len(ids), 1, 1))
        patches = PatchImages.cut(data.images[ids], masks, "mean")
        return CompressedDataset(patches, ids, data.labels[ids], classes=data.classes)


@pytest.fixture
def made(tmp_path):
    offer = ModuleType("offer")
    spec = MethodSpec(name="halves", target=f"{__name__}:Halves", version="1", summary="x", random=False)
    vars(offer)["ccbench_methods"] = hookimpl(lambda: [spec], specname="ccbench_methods")
    plugins = Plugins(extra=(offer,))
    images = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
    data = ImageDataset.from_arrays(images, np.arange(48) % 2, ("a", "b"), name="tiny")
    bench = Workbench(root=data, store=Store(tmp_path), plugins=plugins, recipe=None)
    return lambda text: compress(parse(text, plugins), Budget(Fraction(1, 12)), bench)


def test_what_a_step_saved_by_patches_is_lost_where_whole_images_are_stored(made):
    with pytest.raises(MethodError, match=r"over its budget: it keeps 0.166667 .* 0.0833333 were allowed"):
        made("halves+mediancut[bits=4]")


@pytest.mark.parametrize(
    ("text", "images"), [("halves", 8), ("random+mediancut[bits=4]", 24), ("random[fraction=0.5]+halves", 8)]
)
def test_others_are_within_it(made, text, images):
    assert len(made(text)) == images
