import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab
from sklearn.cluster import KMeans

from cc_plugins.dcq.colors import cell_codes, cell_colors, distinct_colors
from cc_plugins.dcq.lab import bytes_to_lab, lab_to_bytes
from cc_plugins.dcq.nearest import nearest
from cc_plugins.dcq.palettes import ITERATIONS, _Cells, _lloyd, inertia, kmeans_palette


def _rgb(palette):
    return {tuple(c) for c in lab_to_bytes(torch.from_numpy(palette)).tolist()}


def _colors(rgb) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(cell_codes(np.asarray(rgb, np.uint8).reshape(-1, 3)), return_counts=True)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_as_many_colours_as_entries_are_kept_exactly(q):
    colors = np.random.default_rng(q).integers(0, 256, (2**q, 3))
    palette = kmeans_palette(*_colors(np.repeat(colors, 5, axis=0)), 2**q, 0)
    assert _rgb(palette) == {tuple(c) for c in colors.tolist()}


def test_fewer_colours_than_entries_repeat_one():
    palette = kmeans_palette(*_colors([[10, 20, 30], [200, 100, 0]]), 8, 0)
    assert palette.shape == (8, 3)
    assert _rgb(palette) == {(10, 20, 30), (200, 100, 0)}


def test_two_blobs_give_their_weighted_means():
    # greys: a LAB mean of (L1, L2) with weights 3 and 1, worked by hand as (3 L1 + L2) / 4
    rgb = [[10] * 3] * 3 + [[20] * 3] + [[200] * 3] * 2 + [[210] * 3] * 2
    palette = kmeans_palette(*_colors(rgb), 2, 0)
    lightness = rgb2lab(np.array([[10] * 3, [20] * 3, [200] * 3, [210] * 3], np.uint8))[:, 0]
    np.testing.assert_allclose(palette[0, 0], (3 * lightness[0] + lightness[1]) / 4, atol=1e-3)
    np.testing.assert_allclose(palette[1, 0], (lightness[2] + lightness[3]) / 2, atol=1e-3)


def _photograph(n=60_000):
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg").reshape(-1, 3)[:: 273_280 // n]


@pytest.mark.parametrize("q", [1, 2, 4])
def test_as_good_as_kmeans_on_all_pixels(q):
    pixels = _photograph()
    codes, counts = _colors(pixels)
    ours = inertia(codes, counts, kmeans_palette(codes, counts, 2**q, 0))
    lab = rgb2lab(pixels)
    peer = KMeans(2**q, n_init=4, random_state=0).fit(lab).inertia_
    assert ours <= peer * (1.005 if q < 4 else 1.03)  # K-means ends in a local optimum, ours in another


def test_whole_cells_give_the_same_iteration_as_every_colour():
    codes, counts = _colors(_photograph(20_000))
    lab = bytes_to_lab(cell_colors(codes)).numpy()
    start = lab[:: len(lab) // 8][:8].astype(np.float64)
    centres = start
    for _ in range(ITERATIONS):
        own = nearest(lab, centres)
        centres = np.stack([np.average(lab[own == k], axis=0, weights=counts[own == k]) for k in range(8)])
    np.testing.assert_allclose(_lloyd(_Cells(codes, lab, counts), start), centres, atol=1e-3)


def test_the_seed_decides():
    codes, counts = _colors(_photograph(5_000))
    a, b = (kmeans_palette(codes, counts, 64, 3) for _ in range(2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, kmeans_palette(codes, counts, 64, 4))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 4), st.integers(1, 256))
def test_never_worse_than_one_mean_and_always_displayable(seed, pixels, q, spread):
    rgb = np.random.default_rng(seed).integers(0, spread, (1, pixels, 1, 3)).astype(np.uint8)
    codes, counts = distinct_colors(rgb, np.array([0]))
    palette = kmeans_palette(codes, counts, 2**q, seed)
    assert palette.shape == (2**q, 3)
    assert np.isfinite(palette).all()
    lab = rgb2lab(rgb[0, :, 0])
    assert inertia(codes, counts, palette) <= np.square(lab - lab.mean(0)).sum() * (1 + 1e-4) + 1e-2
    assert np.array_equal(palette, palette[np.lexsort(palette.T[::-1])])
