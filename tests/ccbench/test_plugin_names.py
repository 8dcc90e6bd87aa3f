"""What authors of plugins import: all there, documented, and nothing heavy before it is asked for."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from ccbench import plugin
from ccbench.budget import Budget
from ccbench.methods.task import Task, Workbench
from ccbench.offers.specs import OFFERS
from ccbench.testing import image_set


@pytest.mark.parametrize("name", plugin.__all__)
def test_every_name_is_there_with_a_docstring_of_its_own(name):
    offered = getattr(plugin, name)
    assert (inspect.getdoc(offered) or "").strip()
    assert inspect.getdoc(offered) != inspect.getdoc(type(offered)) or name == "hookimpl"


def test_every_kind_of_offer_has_its_spec_there():
    assert {cls.__name__ for cls in OFFERS} <= set(plugin.__all__)


def test_a_wrong_name_is_an_error_of_python():
    with pytest.raises(ImportError, match="Tusk"):
        from ccbench.plugin import Tusk  # noqa: F401


def test_specs_come_without_torch_or_pandas():
    code = """
import sys
from ccbench.plugin import Alias, MethodSpec, Need, Param, PerImage, UserError, hookimpl, specs_of_modules
print(sorted({"torch", "pandas", "numpy"} & set(sys.modules)))
from ccbench.plugin import Task
print("numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


class Corners(plugin.PerImage):
    """The 2^q corners of a box around the colours, at q = 3."""

    def quantise(self, image, colours, seed):
        low, high = image.min((0, 1)), image.max((0, 1))
        corner = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(-1, 3)
        upper = image > (low.astype(int) + high) / 2
        return upper @ np.array([4, 2, 1]), np.where(corner == 1, high, low)


def test_a_colour_method_in_ten_lines():
    data = image_set(images=12, size=8)
    task = Task(Workbench(data, None, None, None), data, Budget.from_bits(3), np.arange(12))
    made = Corners().compress(task)
    assert made.bits_per_pixel == 3
    decoded = made.decode(np.arange(12)).permute(0, 2, 3, 1).numpy().astype(int)
    low, high = data.images.min((1, 2), keepdims=True), data.images.max((1, 2), keepdims=True)
    many = np.array([len(np.unique(image.reshape(-1, 3), axis=0)) > 8 for image in data.images])
    expected = np.where(data.images > (low.astype(int) + high) / 2, high, low)
    assert many.any()
    np.testing.assert_array_equal(decoded[many], expected[many])
    other = Task(Workbench(data, None, None, None), data, Budget.from_fraction("0.5"), np.arange(12))
    with pytest.raises(plugin.UserError, match="whole bits"):
        Corners().compress(other)
