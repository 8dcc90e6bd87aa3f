"""Linear quantisation of images and patches: by hand, against brute force, and through the kit."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.levels.linear import allocate
from cc_plugins.levels.patches import extremes, fitted, shared
from ccbench import Budget, testing
from ccbench.archive import LevelImages
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.store import Store

PLUGINS = Plugins()


def run(tmp_path, name, images, bits, **params):
    images = np.asarray(images, np.uint8)
    data = ImageDataset.from_arrays(images, np.arange(len(images)) % 2, ("a", "b"), name="hand")
    bench = Workbench(root=data, store=Store(tmp_path), plugins=PLUGINS, recipe=None)
    task = Task(bench, data, Budget(Fraction(bits) / 24), np.arange(len(images)))
    method = PLUGINS.get("method", name).build(**params)
    return method.skip(task) or method.compress(task)


def shown(result):
    return result.decode(np.arange(len(result))).permute(0, 2, 3, 1).numpy()


def error(result, images):
    return ((shown(result).astype(int) - images) ** 2).mean()


def contrasts(n=12, side=12):
    """Noise about mid-grey, of every strength from none to all."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, (n, side, side, 3)) * np.linspace(0.02, 1, n)[:, None, None, None]
    return (127.5 + 127 * noise).astype(np.uint8)


def test_symmetric_bounds_by_hand(tmp_path):
    image = np.full((1, 1, 4, 3), 128)
    image[0, 0] = [[100, 100, 100], [140, 140, 140], [120, 130, 128], [155, 155, 155]]
    images = np.concatenate([image, image])
    made = run(tmp_path, "linear-quant", images, 3, allocation="uniform")
    assert made.payload.bounds.tolist() == [[[100, 155]]] * 2  # 27.5 from mid-grey, both ways
    assert shown(made)[0, 0, :, 0].tolist() == [100, 155, 100, 155]
    two = run(tmp_path, "linear-quant", images, 6, allocation="uniform")  # 100, 118.3, 136.7, 155
    assert shown(two)[0, 0].tolist() == [[100] * 3, [137] * 3, [118, 137, 137], [155] * 3]
    own = run(tmp_path, "linear-quant", images, 3, allocation="uniform", bounds="extremes")
    assert own.payload.bounds.shape == (2, 3, 2)


def test_uniform_takes_the_whole_bits_that_fit(tmp_path):
    images = contrasts()
    made = run(tmp_path, "linear-quant", images, 5, allocation="uniform")
    assert set(made.payload.bits.tolist()) == {1}
    assert run(tmp_path, "linear-quant", images, Fraction(5, 2)).startswith("a bit for each channel value")


def test_adaptive_keeps_the_total_and_loses_less(tmp_path):
    images = contrasts()
    for bits in (6, 9, 15):
        even = run(tmp_path, "linear-quant", images, bits, allocation="uniform")
        made = run(tmp_path, "linear-quant", images, bits)
        assert made.payload.bits.sum() == even.payload.bits.sum() == bits // 3 * len(images)
        assert made.payload.bits[-1] > made.payload.bits[0]  # more contrast, more bits
        assert error(made, images) < error(even, images)
        assert sum(made.meta["images_by_bits"].values()) == len(images)
    assert run(tmp_path, "linear-quant", images, 7).payload.bits.sum() == 28  # 7/3 bits each


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 30))
def test_the_allocation_is_the_best_where_gains_fall(seed, n, more):
    rng = np.random.default_rng(seed)
    gains = -np.sort(-rng.integers(0, 50, (n, 7)), axis=1)
    errors = np.concatenate([gains.sum(1, keepdims=True), gains.sum(1, keepdims=True) - gains.cumsum(1)], 1)
    total = min(n + more, 8 * n)
    bits = allocate(errors, total)
    assert bits.sum() == total
    lost = errors[np.arange(n), bits - 1].sum()
    if n <= 3:
        every = (b for b in product(range(8), repeat=n) if sum(b) + n == total)
        assert lost == min(errors[np.arange(n), b].sum() for b in every)


def test_patches_have_their_own_bounds(tmp_path):
    images = np.zeros((2, 2, 4, 3))
    images[:, :, :2] = [[10, 20, 30], [14, 28, 30]]  # columns of the left patch
    images[:, :, 2:] = [[200, 210, 220], [255, 250, 221]]
    made = run(tmp_path, "patch-quant", images, 3, patch=2, groups=0)
    assert np.array_equal(shown(made), images)  # two values in each channel of each patch
    assert made.payload.bounds[0].tolist() == [[10, 14], [20, 28], [30, 30]]
    assert made.meta["mean_squared_error"] == [0, 0]
    assert run(tmp_path, "patch-quant", images, 4).startswith("each channel value takes 1 to 8 whole bits")


def test_extremes_of_patches_that_the_edge_cuts_off():
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    found = extremes(images, (2, 3))
    assert found.shape == (3, 3, 3, 3, 2)
    for i, row, column in np.ndindex(found.shape[:3]):
        part = images[i, row * 2 : row * 2 + 2, column * 3 : column * 3 + 3].reshape(-1, 3)
        assert np.array_equal(found[i, row, column], np.stack([part.min(0), part.max(0)], -1))


def test_similar_patches_share_bounds():
    rng = np.random.default_rng(0)
    two = np.array([[[10, 60], [20, 70], [30, 80]], [[150, 200], [160, 210], [170, 250]]])
    bounds = (two[rng.integers(0, 2, (5, 2, 2))] + rng.integers(-3, 4, (5, 2, 2, 3, 2))).astype(np.uint8)
    owners, means = shared(bounds, 2, np.random.default_rng(1))
    assert means.shape == (2, 3, 2)
    assert np.abs(means.astype(int) - two).max() <= 3
    assert np.abs(bounds.astype(int) - means[owners]).max() <= 6
    same, kept = shared(bounds, 100, np.random.default_rng(1))
    assert np.array_equal(kept[same], bounds)  # as many as there are


def test_bounds_are_fitted_by_least_squares():
    images = np.array([0, 0, 0, 90, 100, 110], np.uint8).repeat(3).reshape(1, 1, 6, 3)
    made = LevelImages.nearest(images, 1, np.array([[[0, 110]] * 3], np.uint8))
    assert fitted(images, made)[0].tolist() == [[0, 100]] * 3
    flat = LevelImages.nearest(images[:, :, :3], 1, np.array([[[0, 110]] * 3], np.uint8))
    assert fitted(images[:, :, :3], flat)[0].tolist() == [[0, 110]] * 3  # one level says nothing of the other


@pytest.mark.parametrize("groups", [0, 4])
def test_refinement_loses_less(tmp_path, groups):
    images = contrasts(20, 16)
    plain = run(tmp_path, "patch-quant", images, 6, patch=4, groups=groups, refine=0)
    made = run(tmp_path, "patch-quant", images, 6, patch=4, groups=groups, refine=5)
    assert error(made, images) < error(plain, images)
    assert made.meta["mean_squared_error"] == pytest.approx([error(plain, images), error(made, images)])


@pytest.mark.parametrize("name", ["linear-quant", "linear-quant[allocation=uniform]", "patch-quant"])
def test_conformance(name):
    report = testing.check_method(name)
    assert report.ok, str(report)
