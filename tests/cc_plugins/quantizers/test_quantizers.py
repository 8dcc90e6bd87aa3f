"""Per-image palettes on real tasks: hand-made images, a brute force, and Pillow or scikit-learn used directly."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.cluster import KMeans

from ccbench import Budget, UserError
from ccbench.data import ImageDataset
from ccbench.methods.per_image import from_rgb24, rgb24
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.store import Store

PLUGINS = Plugins()
Q = Image.Quantize
METHODS = ("mediancut", "octree", "kmeans")


def task(tmp_path, images, bits, seed=0):
    images = np.asarray(images, np.uint8)
    data = ImageDataset(name="hand", split="train", images=images, labels=np.arange(len(images)) % 2,
                        classes=("a", "b"), digest="hand")  # fmt: skip
    bench = Workbench(root=data, store=Store(tmp_path), plugins=PLUGINS, recipe=None, base_seed=seed)
    budget = Budget(Fraction(bits, 24)) if isinstance(bits, int) else Budget.from_ratio(bits)
    return Task(bench=bench, dataset=data, budget=budget, ids=np.arange(len(images)))


def run(tmp_path, name, images, bits, seed=0, **params):
    return PLUGINS.get("method", name).build(**params).compress(task(tmp_path, images, bits, seed))


def decoded(result):
    return result.decode(np.arange(len(result))).permute(0, 2, 3, 1).numpy()


def error(result, images):
    return ((decoded(result).astype(int) - np.asarray(images).astype(int)) ** 2).sum(-1).mean((1, 2))


def natural(n=6, size=16, seed=0):
    """Smooth colour ramps with noise: many distinct colours."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (n, 2, 2, 3)).astype(float)
    t = np.linspace(0, 1, size)
    rows = corners[:, 0, None] * (1 - t)[None, :, None, None] + corners[:, 1, None] * t[None, :, None, None]
    ramps = rows[:, :, None, 0] * (1 - t)[None, None, :, None] + rows[:, :, None, 1] * t[None, None, :, None]
    return (ramps + rng.normal(0, 12, ramps.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("bits", range(1, 9))
def test_shapes_range_and_nominal_ratio(tmp_path, name, bits):
    images = natural()
    result = run(tmp_path, name, images, bits)
    payload = result.payload
    assert payload.bits == bits
    assert payload.clusters is None
    assert payload.palettes.shape == (6, 2**bits, 3)
    assert result.nominal_kept(task(tmp_path, images, bits).dataset.shape) == Fraction(bits, 24)
    assert np.array_equal(result.ids, np.arange(6))
    assert np.array_equal(result.labels, np.arange(6) % 2)
    for image in decoded(result):
        assert len(np.unique(rgb24(image))) <= 2**bits


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("missing", [0, 1])
def test_few_colours_are_kept_exactly(tmp_path, name, bits, missing):
    rng = np.random.default_rng(bits)
    images = []
    for _ in range(4):
        colours = from_rgb24(rng.choice(2**24, 2**bits - missing, replace=False).astype(np.uint32))
        images.append(colours[rng.integers(len(colours), size=(8, 8))])
    result = run(tmp_path, name, images, bits)
    assert np.array_equal(decoded(result), images)


@pytest.mark.parametrize("name", METHODS)
def test_one_flat_image(tmp_path, name):
    images = np.full((2, 4, 4, 3), 77, np.uint8)
    result = run(tmp_path, name, images, 1)
    assert np.array_equal(decoded(result), images)
    assert np.array_equal(result.payload.palettes, np.full((2, 2, 3), 77))


@pytest.mark.parametrize("name", METHODS)
def test_two_groups_of_colours_fall_apart_at_one_bit(tmp_path, name):
    """Dark and light pixels, each group a few levels wide: any quantiser must separate them."""
    rng = np.random.default_rng(0)
    light = rng.random((8, 8)) < 0.5
    image = (rng.integers(20, 28, (8, 8, 3)) + 200 * light[..., None]).astype(np.uint8)
    index = run(tmp_path, name, [image, image], 1).payload.indices[0]
    assert np.array_equal(index == index[light][0], light)


def best_two_colours(points, weights):
    """The least squared error of any split into two groups, by trying all."""
    best = np.inf
    for choice in product([0, 1], repeat=len(points) - 1):
        group = np.array((0, *choice))
        total = 0.0
        for g in (0, 1):
            p, w = points[group == g], weights[group == g]
            if len(p):
                centre = (p * w[:, None]).sum(0) / w.sum()
                total += (w * ((p - centre) ** 2).sum(1)).sum()
        best = min(best, total)
    return best


def test_kmeans_against_every_split(tmp_path):
    rng = np.random.default_rng(2)
    images = []
    for _ in range(8):
        colours = rng.integers(0, 256, (8, 3))
        images.append(colours[np.repeat(np.arange(8), rng.multinomial(28, np.ones(8) / 8) + 1)].reshape(6, 6, 3))
    images = np.array(images, np.uint8)
    reached = error(run(tmp_path, "kmeans", images, 1, restarts=10), images) * 36
    for image, value in zip(images, reached, strict=True):
        points, weights = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
        best = best_two_colours(points.astype(float), weights)
        # rounding a centre moves it by at most half a level in each of three channels
        assert best - 1e-6 <= value <= best + 36 * 0.75


def test_kmeans_on_distinct_colours_is_as_good_as_on_all_pixels(tmp_path):
    images = natural(12)
    ours = error(run(tmp_path, "kmeans", images, 3, restarts=3), images).mean()
    pixels = images.reshape(12, -1, 3).astype(float)
    plain = np.mean([KMeans(8, n_init=3, random_state=0).fit(p).inertia_ / 256 for p in pixels])
    assert ours < 1.03 * plain + 0.75


def test_kmeans_sends_each_pixel_to_its_nearest_colour(tmp_path):
    images = natural()
    payload = run(tmp_path, "kmeans", images, 3).payload
    distance = ((images[:, :, :, None].astype(int) - payload.palettes[:, None, None].astype(int)) ** 2).sum(-1)
    taken = np.take_along_axis(distance, payload.indices[..., None].astype(int), -1)[..., 0]
    assert np.array_equal(taken, distance.min(-1))


@pytest.mark.parametrize(("name", "method"), [("mediancut", Q.MEDIANCUT), ("octree", Q.FASTOCTREE)])
@pytest.mark.parametrize("bits", [1, 3, 5, 8])
def test_pillow_gives_the_same_pixels(tmp_path, name, method, bits):
    images = natural(size=20)
    result = decoded(run(tmp_path, name, images, bits))
    for image, ours in zip(images, result, strict=True):
        theirs = Image.fromarray(image).quantize(2**bits, method=method, dither=Image.Dither.NONE)
        assert np.array_equal(ours, np.asarray(theirs.convert("RGB")))


@pytest.mark.parametrize("name", METHODS)
def test_more_bits_lose_less(tmp_path, name):
    images = natural(10)
    errors = [error(run(tmp_path, name, images, bits), images).mean() for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 10 * errors[-1]


@pytest.mark.parametrize("name", METHODS)
def test_the_seed_matters_where_declared(tmp_path, name):
    images = natural(seed=4)
    first, same, other = (run(tmp_path, name, images, 4, seed).payload for seed in (0, 0, 1))
    assert np.array_equal(first.indices, same.indices)
    assert np.array_equal(first.palettes, same.palettes)
    assert (not np.array_equal(first.palettes, other.palettes)) == PLUGINS.get("method", name).random


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("ratio", [0.92, 0.5])
def test_a_budget_between_two_palette_sizes_is_refused(tmp_path, name, ratio):
    method, job = PLUGINS.get("method", name).build(), task(tmp_path, natural(2), ratio)
    assert "1 to 8 whole bits" in method.skip(job)
    with pytest.raises(UserError, match="1 to 8 whole bits"):
        method.compress(job)
    assert method.skip(task(tmp_path, natural(2), 2)) is None


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(1, 5),
    side=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    levels=st.integers(1, 256),
)
def test_any_image_of_any_shape(tmp_path_factory, seed, bits, side, levels):
    images = np.random.default_rng(seed).integers(0, levels, (2, *side, 3)).astype(np.uint8)
    for name in METHODS:
        result = run(tmp_path_factory.getbasetemp(), name, images, bits)
        few = [len(np.unique(rgb24(i))) <= 2**bits for i in images]
        assert all(e == 0 for e, exact in zip(error(result, images), few, strict=True) if exact)
        assert result.payload.indices.max() < 2**bits
