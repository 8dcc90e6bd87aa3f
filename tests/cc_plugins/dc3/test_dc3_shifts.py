import colorsys

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from cc_plugins.dc3 import COMPENSATE, GENERATED
from cc_plugins.dc3.shifts import SHIFTS, balance, color_jitter, hsv_shift, shifted


class Fixed:
    """A generator whose draws are given by the test."""

    def __init__(self, *values, order=(0, 1, 2, 3)):
        self.values, self.order = list(values), order

    def uniform(self, low, high):
        value = self.values.pop(0)
        assert low <= value <= high
        return value

    def permutation(self, n):
        assert n == len(self.order)
        return np.array(self.order)


def photo(height=9, width=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_every_compensation_without_a_model_has_its_function():
    assert {*COMPENSATE} == {*GENERATED, *SHIFTS, "none"}


@pytest.mark.parametrize("kind", SHIFTS)
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (7, 30)])
def test_pictures_differ_by_variant_image_and_seed_and_by_nothing_else(kind, size):
    image = photo(*size)
    found = shifted(image, kind, 4, 3, 11)
    assert found.shape == (4, *size, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, shifted(image.copy(), kind, 4, 3, 11))
    if size != (1, 1):
        views = [*found, shifted(image, kind, 4, 4, 11)[0], shifted(image, kind, 4, 3, 12)[0]]
        assert len({v.tobytes() for v in views}) == 6


@pytest.mark.parametrize("kind", SHIFTS)
def test_the_image_itself_stays(kind):
    image = photo()
    before = image.copy()
    image.setflags(write=False)  # as a memory-map is
    shifted(image, kind, 2, 0, 0)
    assert np.array_equal(image, before)


def test_jitter_at_rest_is_the_identity():
    image = photo()
    assert np.array_equal(color_jitter(image, Fixed(1, 1, 1, 0), False), image)


@pytest.mark.parametrize(
    ("draws", "enhance"),
    [((1.3, 1, 1, 0), ImageEnhance.Brightness), ((1, 0.7, 1, 0), ImageEnhance.Contrast),
     ((1, 1, 1.4, 0), ImageEnhance.Color)],
)  # fmt: skip
def test_jitter_is_what_pillow_calls_brightness_contrast_and_color(draws, enhance):
    image = photo()
    factor = next(d for d in draws if d not in {0, 1})
    expected = np.asarray(enhance(Image.fromarray(image)).enhance(factor)).astype(int)
    assert np.abs(color_jitter(image, Fixed(*draws), True).astype(int) - expected).max() <= 1


def test_jitter_applies_its_steps_in_the_order_drawn():
    image = photo()
    one = color_jitter(image, Fixed(1.4, 0.6, 1, 0), False)
    other = color_jitter(image, Fixed(1.4, 0.6, 1, 0, order=(1, 0, 2, 3)), False)
    assert not np.array_equal(one, other)


def test_hsv_shift_is_colorsys_pixel_by_pixel():
    image = photo()
    image[0, 0] = 90  # grey
    draws = (0.09, -0.1, 0.06)
    found = hsv_shift(image, Fixed(*draws), False)
    for pixel, shifted_pixel in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(pixel / 255))
        s = min(max(s + draws[1], 0), 1) if s else 0
        expected = 255 * np.array(colorsys.hsv_to_rgb((h + draws[0]) % 1, s, min(max(v + draws[2], 0), 1)))
        assert np.abs(shifted_pixel - expected).max() <= 0.51


@pytest.mark.parametrize("saturation", [-30 / 255, 30 / 255])
def test_grey_images_stay_grey_where_only_hue_and_saturation_move(saturation):
    grey = np.repeat(photo()[..., :1], 3, axis=2)
    assert np.array_equal(hsv_shift(grey, Fixed(0.1, saturation, 0), False), grey)
    assert (np.ptp(color_jitter(grey, Fixed(1.2, 0.8, 1.4, 0.1), False).astype(int), axis=2) == 0).all()


def test_balance_by_hand():
    image = np.array([[[100, 50, 200], [240, 0, 10]]], np.uint8)
    assert balance(image, Fixed(0.2), True).tolist() == [[[120, 50, 160], [255, 0, 8]]]
    assert balance(image, Fixed(0.2), False).tolist() == [[[80, 50, 240], [192, 0, 12]]]


def test_balance_makes_the_first_half_cool_and_the_second_warm():
    grey = np.full((4, 4, 3), 128, np.uint8)
    red, blue = (shifted(grey, "balance", 4, 1, 2)[:, 0, 0, c].astype(int) for c in (0, 2))
    assert (red[:2] < blue[:2]).all()
    assert (red[2:] > blue[2:]).all()


@pytest.mark.parametrize("kind", SHIFTS)
def test_strips_change_nothing(kind, monkeypatch):
    image = photo(31, 20)
    whole = shifted(image, kind, 4, 1, 1)
    monkeypatch.setattr("cc_plugins.dc3.shifts.STRIP", 50)  # two rows at a time, and one left
    assert np.array_equal(shifted(image, kind, 4, 1, 1), whole)


def test_a_side_of_4000_pixels():
    row = np.broadcast_to(photo(1, 4000), (4, 4000, 3))
    for kind in SHIFTS:
        assert shifted(row, kind, 2, 0, 0).shape == (2, 4, 4000, 3)
