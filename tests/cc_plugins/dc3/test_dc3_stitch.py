import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.dc3 import STITCHES as NAMES
from cc_plugins.dc3.stitch import STITCHES, half, stitched, variants


class Axis:
    """Draws one cut: 0 lays the halves above each other, 1 beside each other."""

    def __init__(self, axis):
        self.axis = axis

    def integers(self, _):
        return self.axis


def flat(count, height, width):
    """Pictures of one colour each: 0, 60, 120, ..."""
    return np.broadcast_to(60 * np.arange(count)[:, None, None, None], (count, height, width, 3)).astype(np.uint8)


@given(st.sampled_from(NAMES), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=80)
def test_every_stitch_at_every_size(name, height, width, key):
    rng = np.random.default_rng(key)
    pictures = rng.integers(0, 256, (variants(name), height, width, 3)).astype(np.uint8)
    pictures.setflags(write=False)
    found = stitched(pictures, name, 7, key)
    assert found.shape == (height, width, 3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, stitched(pictures, name, 7, key))
    assert (found >= pictures.min(0)).all()  # each value lies between those at its place
    assert (found <= pictures.max(0)).all()
    if name != "half":
        same = (found == pictures).all(-1)
        assert same.any(0).all()  # whole pixels


def test_names():
    assert tuple(STITCHES) == NAMES
    assert [variants(name) for name in NAMES] == [2, 4, 2, 2, 2]


@pytest.mark.parametrize("axis", [0, 1])
def test_half_of_256_is_the_released_blend(axis):
    cool, warm = np.full((256, 256, 3), 19, np.uint8), np.full((256, 256, 3), 209, np.uint8)
    found = half(np.stack([cool, warm]), Axis(axis))
    line = found[:, 5, 1] if axis == 0 else found[5, :, 1]
    assert (found == (line[:, None, None] if axis == 0 else line[None, :, None])).all()
    assert (line[:119] == 209).all()  # warm first; the blend begins at 118 with weight 0
    assert (line[137:] == 19).all()  # and ends at 137 with weight 1
    assert line[118:138].tolist() == [209 - 10 * k for k in range(20)]  # nineteenths of 190


def test_what_is_mixed_is_cut_off_and_the_rest_stays():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 64, 256, 3)).astype(np.uint8)
    found = half(pictures, Axis(1))
    assert np.array_equal(found[:, :119], pictures[1][:, :119])
    assert np.array_equal(found[:, 137:], pictures[0][:, 137:])
    mixed = found[:, 119:137].astype(int)
    k = np.arange(1, 19)[None, :, None]
    exact = ((19 - k) * pictures[1][:, 119:137].astype(int) + k * pictures[0][:, 119:137].astype(int)) // 19
    assert np.array_equal(mixed, exact)


@pytest.mark.parametrize(("size", "soft"), [(32, 0), (16, 0), (64, 3), (224, 16), (4000, 310)])
def test_the_blend_is_as_large_a_share_of_other_sizes(size, soft):
    """20/256 of the size, both ends of which are pure: width less 2 pixels are mixed."""
    cool, warm = np.zeros((1, size, 3), np.uint8), np.full((1, size, 3), 250, np.uint8)
    line = half(np.stack([cool, warm]), Axis(1))[0, :, 0]
    mixed = np.count_nonzero((line > 0) & (line < 250))
    assert abs(mixed - soft) <= 3  # rounding to 8 bits swallows an end
    assert abs(np.count_nonzero(line > 125) - size / 2) <= 1
    assert (np.diff(line.astype(int)) <= 0).all()


def test_half_of_5_by_hand():
    cool, warm = np.zeros((5, 1, 3), np.uint8), np.full((5, 1, 3), 250, np.uint8)
    assert half(np.stack([cool, warm]), Axis(0))[:, 0, 0].tolist() == [250, 250, 0, 0, 0]


def test_both_cuts_come_about_as_often():
    pictures = flat(2, 8, 8)
    lying = sum(stitched(pictures, "half", 0, key)[0, 0, 0] == stitched(pictures, "half", 0, key)[0, 7, 0]
                for key in range(400))  # fmt: skip
    assert abs(lying - 200) < 50  # five standard deviations


def test_quarter_takes_each_picture_once_where_it_was():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 10, 14, 3)).astype(np.uint8)
    seen = set()
    for key in range(60):
        found = stitched(pictures, "quarter", 1, key)
        places = [(slice(0, 5), slice(0, 7)), (slice(0, 5), slice(7, 14)),
                  (slice(5, 10), slice(0, 7)), (slice(5, 10), slice(7, 14))]  # fmt: skip
        order = tuple(
            next(p for p in range(4) if np.array_equal(found[rows, columns], pictures[p][rows, columns]))
            for rows, columns in places
        )
        assert sorted(order) == [0, 1, 2, 3]
        seen.add(order)
    assert len(seen) > 12  # of 24


@pytest.mark.parametrize(("height", "width"), [(16, 16), (7, 5), (1, 1)])
def test_pixel_takes_half_of_each(height, width):
    found = stitched(flat(2, height, width), "pixel", 0, 3)
    assert (found == found[..., :1]).all()  # the channels of a pixel stay together
    assert np.count_nonzero(found[..., 0]) == height * width // 2


@pytest.mark.parametrize(("name", "cells"), [("grid8", 8), ("grid16", 16)])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 50), (9, 4)])
def test_grid_takes_half_of_the_cells(name, cells, height, width):
    found = stitched(flat(2, height, width), name, 0, 3)[..., 0] > 0
    rows, columns = np.arange(height) * min(cells, height) // height, np.arange(width) * min(cells, width) // width
    n = min(cells, height) * min(cells, width)
    cell = rows[:, None] * min(cells, width) + columns
    taken = [set(found[cell == c].tolist()) for c in range(n)]
    assert all(len(t) == 1 for t in taken)  # cells are whole
    assert sum(t == {True} for t in taken) == n // 2
    assert np.bincount(cell.ravel()).min() >= (height // cells or 1) * (width // cells or 1)


def test_cells_and_pixels_are_at_other_places_for_other_images():
    for name in ("pixel", "grid8", "grid16"):
        assert len({stitched(flat(2, 32, 32), name, 0, key).tobytes() for key in range(20)}) == 20
        assert stitched(flat(2, 32, 32), name, 0, 1).tobytes() != stitched(flat(2, 32, 32), name, 1, 1).tobytes()
