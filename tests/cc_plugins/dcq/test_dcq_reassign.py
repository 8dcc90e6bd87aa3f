"""Images go to the palette that fits them best."""

import numpy as np
import pytest
import torch

from cc_plugins.dcq import DCQ, reassign
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.reassign import best_palettes, errors_of_cells
from tests.cc_plugins.dcq.test_dcq_method import _images, _task


def at(images):
    return lambda ids: torch.from_numpy(images[ids.numpy()]).permute(0, 3, 1, 2)


def lab(colours):
    return bytes_to_lab(np.array(colours, np.uint8)).numpy()


def test_by_hand():
    palettes = lab([[[255, 0, 0], [0, 0, 0]], [[0, 0, 255], [255, 255, 255]]])
    red, blue, white, black = (
        np.full((4, 5, 3), c, np.uint8) for c in ((250, 0, 0), (0, 0, 250), (250,) * 3, (0, 0, 0))
    )
    images = np.stack([blue, red, black, white, red])
    assert best_palettes(at(images), 5, palettes, "cpu").tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("block", [1, 3, 32])
def test_all_pairs_of_images_and_palettes_written_out(block, monkeypatch):
    monkeypatch.setattr(reassign, "BLOCK", block)
    monkeypatch.setattr(reassign, "BATCH_PIXELS", 200)
    rng = np.random.default_rng(0)
    images = (rng.integers(0, 64, (23, 6, 7, 3)) * 4 + 2).astype(np.uint8)  # every colour is its cell's middle
    palettes = lab(rng.integers(0, 256, (7, 4, 3)))
    pixels = lab(images).reshape(23, -1, 1, 1, 3)
    errors = np.square(pixels - palettes[None, None]).sum(-1).min(-1).mean(1)
    assert best_palettes(at(images), 23, palettes, "cpu").tolist() == errors.argmin(1).tolist()


def test_errors_of_cells_by_hand():
    table = errors_of_cells(torch.from_numpy(lab([[[2, 2, 2], [254, 254, 254]]])))
    assert table.shape == (1 << 18, 1)
    assert table[0, 0] == 0 == table[-1, 0]
    cell = (63 << 12) | (0 << 6) | 10  # red, with a little blue
    expected = np.square(lab([254, 2, 42]) - lab([[2, 2, 2], [254, 254, 254]])).sum(-1).min()
    assert table[cell, 0] == pytest.approx(expected, rel=1e-5)


def test_images_in_wrong_clusters_find_their_palette():
    reds = [[250, 10, 10], [200, 60, 40], [120, 20, 10], [250, 200, 190]]
    blues = [[10, 10, 250], [40, 60, 200], [10, 20, 120], [190, 200, 250]]
    rng, kinds = np.random.default_rng(0), np.arange(60) % 2
    images = np.array([reds, blues], np.uint8)[kinds[:, None, None], rng.integers(0, 4, (60, 8, 8))]
    options = {"clusters": 2, "attention": "none", "features": "random", "refine": False}
    plain, moved = (DCQ.build(**options, reassign=n).compress(_task(images, kinds)) for n in (0, 9))
    decoded = [made.decode(range(60)).permute(0, 2, 3, 1).numpy() for made in (plain, moved)]
    assert not np.array_equal(decoded[0], images)
    np.testing.assert_array_equal(decoded[1], images)  # each kind has a palette of its own now
    assert "moved" not in plain.meta
    assert moved.meta["moved"][-1] == 0
    assert len(set(zip(kinds, moved.payload.clusters, strict=True))) == 2


def test_one_palette_leaves_nothing_to_choose():
    images, labels = _images()
    made = DCQ.build(clusters=1, attention="none", refine=False, reassign=3).compress(_task(images, labels))
    assert made.meta["moved"] == []


def test_a_palette_that_nobody_takes_goes():
    images, labels = _images(12)
    images[:] = images[0]
    made = DCQ.build(clusters=4, features="random", attention="none", refine=False, reassign=2).compress(
        _task(images, labels)
    )
    assert len(made.payload.palettes) == 1
