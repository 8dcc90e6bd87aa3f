import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import gaussian_kde, wasserstein_distance

from ccbench.colors import channel_histogram, density, wasserstein
from ccbench.colors.kde import STEP, bandwidth
from ccbench.errors import UserError

PIXELS = arrays(np.uint8, st.tuples(st.integers(1, 40), st.just(3)))


@given(PIXELS)
def test_counts_of_each_value(pixels):
    expected = [np.bincount(pixels[:, c], minlength=256) for c in range(3)]
    assert (channel_histogram(pixels) == expected).all()


def test_counts_of_more_than_one_piece_and_of_what_is_left():
    pixels = np.random.default_rng(0).integers(0, 256, ((1 << 20) + 3, 3), dtype=np.uint8)
    expected = [np.bincount(pixels[:, c], minlength=256) for c in range(3)]
    found = channel_histogram(pixels)
    assert (found == expected).all()
    assert found.dtype == np.int64


def test_read_only_strided_images_are_counted_too():
    images = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    images.setflags(write=False)
    assert channel_histogram(images[:, ::2, ::3]).sum() == 2 * 2 * 2 * 3


@given(PIXELS, PIXELS)
def test_distance_is_the_earth_movers(one, other):
    found = wasserstein(channel_histogram(one), channel_histogram(other))
    expected = [wasserstein_distance(one[:, c] / 255, other[:, c] / 255) for c in range(3)]
    assert found == pytest.approx(expected, abs=1e-12)


def test_distance_from_black_to_white_is_one():
    black, white = np.zeros((5, 3), np.uint8), np.full((2, 3), 255, np.uint8)
    assert wasserstein(channel_histogram(black), channel_histogram(white)).tolist() == [1, 1, 1]


def test_distance_of_a_shift_is_the_shift():
    one = np.arange(0, 200, dtype=np.uint8)[:, None].repeat(3, 1)
    assert wasserstein(channel_histogram(one), channel_histogram(one + 51)) == pytest.approx([0.2, 0.2, 0.2])


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_curves_are_those_of_a_plain_estimate_over_all_pixels(rule):
    rng = np.random.default_rng(1)
    pixels = rng.normal([60, 128, 200], [30, 50, 20], (300, 3)).clip(0, 255).astype(np.uint8)
    at = np.linspace(-0.1, 1.1, 50)
    expected = [gaussian_kde(pixels[:, c] / 255, rule)(at) for c in range(3)]
    assert density(channel_histogram(pixels), at, rule=rule) == pytest.approx(np.array(expected), rel=1e-9)


def test_one_value_gives_one_bell_a_step_wide():
    histogram = np.zeros((3, 256), np.int64)
    histogram[:, 51] = 10
    peak = density(histogram, np.array([0.2, 0.2 + STEP]))
    assert peak[:, 0] == pytest.approx(255 / np.sqrt(2 * np.pi))
    assert peak[:, 1] == pytest.approx(255 / np.sqrt(2 * np.pi) * np.exp(-0.5))


@given(PIXELS, st.sampled_from(["scott", "silverman", 0.05]))
def test_the_area_under_a_curve_is_one(pixels, rule):
    at = np.linspace(-2, 3, 2501)
    assert density(channel_histogram(pixels), at, rule=rule).sum(1) * (at[1] - at[0]) == pytest.approx(1, abs=1e-3)


def test_a_bandwidth_of_ones_own():
    histogram = np.ones((3, 256), np.int64)
    assert bandwidth(histogram, 0.125).tolist() == [0.125] * 3
    for bad in ("gauss", 0, -1.0, float("inf"), float("nan"), True):
        with pytest.raises(UserError, match="bandwidth"):
            bandwidth(histogram, bad)
