import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cc_plugins.dcq.attention import keep_mask, kept_pixels
from ccbench.errors import UserError


def test_the_highest_are_kept():
    attention = np.array([[[0.1, 0.9, 0.3], [0.8, 0.2, 0.7]]], np.float16)
    assert keep_mask(attention, 50).tolist() == [[[False, True, False], [True, False, True]]]
    assert keep_mask(attention, 17).sum() == 2  # 1.02 pixels, rounded up
    assert keep_mask(attention, 100).all()


def test_counts():
    assert [kept_pixels(32, 32, p) for p in (100, 50, 20, 0.01)] == [1024, 512, 205, 1]
    assert kept_pixels(10, 10, 7) == 7  # 10 * 10 * 7 / 100 is a hair above 7 in floating point on some orders


@given(
    arrays(np.float16, (3, 4, 5), elements=st.floats(0, 1, width=16) | st.sampled_from([0.0, 0.5])),
    st.floats(0.01, 100),
    st.booleans(),
)
def test_exactly_the_top_pixels_whatever_the_ties(attention, percent, single):
    attention = attention.astype(np.float32) if single else attention
    mask = keep_mask(attention, percent)
    assert (mask.sum((1, 2)) == kept_pixels(4, 5, percent)).all()
    for image, kept in zip(attention, mask, strict=True):
        if not kept.all():
            assert image[kept].min() >= image[~kept].max()


def test_ties_are_spread_over_the_image_and_fixed():
    mask = keep_mask(np.zeros((2, 32, 32), np.float16), 50)
    assert np.array_equal(mask[0], mask[1])
    assert 200 < mask[0, :16].sum() < 312
    assert 200 < mask[0, :, :16].sum() < 312


def test_nan_comes_last_and_zero_has_no_sign():
    attention = np.array([[[np.nan, 0.1, 0.2, -0.0]]], np.float32)
    assert keep_mask(attention, 50).tolist() == [[[False, True, True, False]]]


def test_wide_images_do_not_overflow():
    attention = np.random.default_rng(0).random((1, 300, 400)).astype(np.float16)
    mask = keep_mask(attention, 10)
    assert mask.sum() == 12_000
    assert attention[mask].min() >= attention[~mask].max()


def test_a_wrong_shape_is_the_users_fault():
    with pytest.raises(UserError, match="height, width"):
        keep_mask(np.zeros((4, 4), np.float16), 50)
