import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ccbench.colors import colorfulness
from ccbench.errors import UserError

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (77, 77, 77)
IMAGES = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=9).map(lambda s: (*s, 3)))


def image(*colours):
    return np.array(colours, np.uint8).reshape(1, 1, -1, 3)


def plainly(images, form):
    """The definition, word by word."""
    out = []
    for pixels in images.astype(float):
        red, green, blue = np.moveaxis(pixels, -1, 0)
        rg = np.abs(red - green) if form == "dc3" else red - green
        yb = 0.5 * (red + green) - blue
        out.append(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))
    return np.array(out)


def test_one_colour_has_no_spread():
    # rg = 255, yb = 127.5 everywhere
    assert colorfulness(image(RED, RED))[0] == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert colorfulness(image(BLUE))[0] == pytest.approx(0.3 * 255)


def test_grey_has_none():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, None, :, None], 3, axis=3)
    assert colorfulness(greys).tolist() == [0.0]


def test_the_two_forms_differ_where_red_and_green_meet():
    half = image(RED, GREEN)
    # |R - G| = 255 in both halves; R - G is 255 and -255
    assert colorfulness(half, "dc3")[0] == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert colorfulness(half, "hasler")[0] == pytest.approx(255 + 0.3 * 127.5)


def test_red_and_blue_by_hand():
    # rg: 255, 0; yb: 127.5, -255: standard deviations 127.5 and 191.25, means 127.5 and -63.75
    expected = np.hypot(127.5, 191.25) + 0.3 * np.hypot(127.5, 63.75)
    assert colorfulness(image(RED, BLUE), "dc3")[0] == pytest.approx(expected)
    assert colorfulness(image(RED, BLUE), "hasler")[0] == pytest.approx(expected)


@given(IMAGES, st.sampled_from(["dc3", "hasler"]))
def test_as_defined(images, form):
    assert colorfulness(images, form) == pytest.approx(plainly(images, form), abs=1e-6)


@given(IMAGES)
def test_neither_order_of_pixels_nor_neighbours_matter(images):
    turned = images[:, ::-1, ::-1]
    assert (colorfulness(turned) == colorfulness(images)).all()
    assert (colorfulness(images[:1]) == colorfulness(images)[:1]).all()


def test_large_images_in_parts_add_up_exactly():
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (1, 700, 401, 3), dtype=np.uint8)  # more pixels than one block
    assert colorfulness(large) == pytest.approx(plainly(large, "dc3"), rel=1e-12)
    flat = np.full((1, 700, 401, 3), (200, 100, 50), np.uint8)
    assert colorfulness(flat)[0] == pytest.approx(0.3 * 100 * np.sqrt(2), rel=1e-14)  # no spread at all


def test_an_unknown_form_is_named():
    with pytest.raises(UserError, match="dc3, hasler") as error:
        colorfulness(image(GREY), "lab")
    assert "'lab'" in str(error.value)
