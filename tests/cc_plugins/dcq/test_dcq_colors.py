import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from cc_plugins.dcq import colors
from cc_plugins.dcq.attention import keep_mask


@given(arrays(np.uint8, (2, 5, 3)))
def test_packing_is_one_to_one(rgb):
    codes = colors.cell_codes(rgb)
    assert codes.dtype == np.int32
    assert np.array_equal(colors.cell_colors(codes), rgb)
    high = rgb.astype(int) >> 3
    assert np.array_equal(colors.cells(codes), (high[..., 0] << 10) | (high[..., 1] << 5) | high[..., 2])


def test_every_code_is_used_once():
    assert np.array_equal(colors.cell_codes(colors.cell_colors(np.arange(0, 1 << 24, 997))), np.arange(0, 1 << 24, 997))


def _brute(images, ids, mask):
    seen: dict = {}
    for i in ids:
        for color in images[i][mask[i]].tolist():
            seen[tuple(color)] = seen.get(tuple(color), 0) + 1
    return seen


def _found(codes, counts):
    return {tuple(c): n for c, n in zip(colors.cell_colors(codes).tolist(), counts.tolist(), strict=True)}


def test_distinct_colours_of_kept_pixels(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 3, (6, 4, 4, 3)).astype(np.uint8) * 100
    attention = rng.random((6, 4, 4)).astype(np.float16)
    ids = np.array([0, 2, 3, 5])
    mask = keep_mask(attention, 30)
    codes, counts = colors.distinct_colors(images, ids, attention, 30)
    assert _found(codes, counts) == _brute(images, ids, mask)
    assert (np.diff(codes) > 0).all()
    everything = colors.distinct_colors(images, ids)
    assert _found(*everything) == _brute(images, ids, np.ones_like(mask))
    split = colors.batches
    monkeypatch.setattr(
        colors, "batches", lambda ids, pixels: split(ids, pixels, limit=32)
    )  # the table instead of the sort
    again = colors.distinct_colors(images, ids, attention, 30)
    assert np.array_equal(again[0], codes)
    assert np.array_equal(again[1], counts)


@given(arrays(np.uint8, (5, 2, 2, 3)))
def test_the_order_of_images_does_not_matter(images):
    a = colors.distinct_colors(images, np.arange(5))
    b = colors.distinct_colors(images[::-1], np.arange(5))
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])
    assert a[1].sum() == 20


def test_batches_cover_everything_with_at_least_one_image():
    ids = np.arange(10)
    assert [len(b) for b in colors.batches(ids, 100, limit=300)] == [3, 3, 3, 1]
    assert len(list(colors.batches(ids, 1000, limit=300))) == 10
