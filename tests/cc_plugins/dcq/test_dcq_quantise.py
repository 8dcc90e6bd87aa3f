import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import rgb2lab

from cc_plugins.dcq import quantise
from cc_plugins.dcq.nearest import nearest
from cc_plugins.dcq.temporary import temporary


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_every_pixel_has_the_nearest_entry(seed, q):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (5, 3, 4, 3)).astype(np.uint8)
    palettes = rng.integers(0, 256, (2, 2**q, 3)).astype(np.uint8)
    members = [np.array([0, 3]), np.array([1, 2, 4])]
    indices = quantise.quantise_dataset(images, members, palettes)
    assert indices.shape == (5, 3, 4)
    for palette, ids in zip(palettes, members, strict=True):
        for i in ids:
            distance = np.square(rgb2lab(images[i])[:, :, None] - rgb2lab(palette[None])).sum(-1)
            chosen = np.take_along_axis(distance, indices[i][..., None].astype(int), -1)[..., 0]
            assert (chosen <= distance.min(-1) + 0.02).all()


def test_known_by_hand_and_batches_do_not_matter(monkeypatch):
    black, white, red = [0, 0, 0], [255, 255, 255], [255, 0, 0]
    images = np.array(
        [[[black, [30, 30, 30]], [[250, 250, 250], white]], [[[200, 20, 20], white], [red, black]]], np.uint8
    )
    palettes = np.array([[black, white], [red, white]], np.uint8)
    members = [np.array([0]), np.array([1])]
    expected = [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]  # in LAB black is nearer to white, 100 away, than to red, 117
    assert quantise.quantise_dataset(images, members, palettes).tolist() == expected
    split = quantise.batches
    monkeypatch.setattr(quantise, "batches", lambda ids, pixels: split(ids, pixels, limit=1))
    assert quantise.quantise_dataset(images, members, palettes).tolist() == expected


def test_a_quantised_image_stays_as_it_is():
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (1, 16, 3)).astype(np.uint8)
    images = palette[0][rng.integers(0, 16, (3, 8, 8))]
    indices = quantise.quantise_dataset(images, [np.arange(3)], palette)
    assert np.array_equal(palette[0][indices], images)


@given(
    arrays(np.float64, (20, 3), elements=st.integers(-50, 50)),
    arrays(np.float64, (6, 3), elements=st.integers(-50, 50)),
)
def test_nearest_is_brute_force_and_equal_entries_give_the_first(points, entries):
    entries = np.concatenate([entries, entries[:3]])
    found = nearest(points, entries)
    distance = np.square(points[:, None] - entries).sum(-1)
    assert (found < 6).all()
    assert np.array_equal(distance[np.arange(20), found], distance.min(1))  # integers: exact


def test_large_arrays_lie_in_a_file():
    small, large = temporary((10, 10), np.uint8), temporary((65, 1 << 20), np.uint8)
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    large[64, -1] = 7
    assert large[64, -1] == 7
