import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cc_plugins.dcq import refine as refining
from cc_plugins.dcq.edges import sobel_magnitude, texture_loss
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.refine import _Choice, _nearest, _nearest_at_once, _sums, _sums_at_once, assign, quantise, refine

ONES = torch.ones(3)


def test_sobel_of_a_step_is_four_times_its_height():
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2:] = 10
    magnitude = sobel_magnitude(image)[0, 0]
    np.testing.assert_allclose(magnitude[:, 1:3], 40, atol=1e-3)
    np.testing.assert_allclose(magnitude[:, [0, 3]], 1e-3, atol=1e-6)  # the root of epsilon


def test_sobel_agrees_with_scipy():
    image = np.random.default_rng(0).random((5, 7)) * 100
    x, y = (ndimage.sobel(image, axis=a, mode="nearest") for a in (0, 1))
    np.testing.assert_allclose(sobel_magnitude(torch.from_numpy(image)[None, None])[0, 0], np.hypot(x, y), atol=1e-4)


def test_loss_by_hand():
    original, found = torch.zeros(1, 3, 2, 2, dtype=torch.float64), torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    found[:, 1] = 3.0  # flat, three units of a away: no edge differs
    assert texture_loss(original, found, ONES, 2.0).item() == pytest.approx(2 * 9)
    found[:, 1] = 0
    found[0, 0, :, 1] = 5.0  # L has a step of 5 between the two columns: |G| = 20 everywhere
    assert texture_loss(original, found, torch.tensor([0.5, 7, 7]), 0.0).item() == pytest.approx(0.5 * 400, rel=1e-3)
    assert texture_loss(original, original, ONES, 1.0).item() == 0


def test_the_gradient_of_the_loss_is_right():
    lab = torch.rand(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    found = (lab + 5 * torch.rand(2, 3, 4, 4, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: texture_loss(lab, x, ONES.double(), 2.0), (found,))


def test_straight_through_gradient():
    palettes = torch.tensor(
        [[[0.0, 0, 0], [100, 0, 0]], [[50.0, 0, 0], [0, 90, 0]]], dtype=torch.float64, requires_grad=True
    )
    lab = torch.zeros(2, 3, 1, 3, dtype=torch.float64)
    lab[0, 0, 0] = torch.tensor([10.0, 80, 90])  # entries 0, 1, 1 of the first palette
    lab[1, 1, 0] = torch.tensor([85.0, 70, 88])  # entry 1 of the second, three times
    out = quantise(lab, palettes, torch.tensor([0, 1]))
    assert out[0, 0, 0].tolist() == [0, 100, 100]
    (out * torch.arange(1, 4)).sum().backward()  # pixel j counts j + 1
    assert palettes.grad[:, :, 0].tolist() == [[1, 5], [0, 6]]
    clusters, index = torch.tensor([1, 0]), torch.tensor([[[0, 1], [1, 1]], [[1, 1], [0, 1]]])
    start = palettes.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: _Choice.apply(p, clusters, index), (start,))


def test_a_gpus_way_gives_the_same(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    lab, palettes = torch.rand(5, 3, 6, 4, generator=generator) * 90, torch.rand(5, 16, 3, generator=generator) * 90
    palettes[:, 9] = palettes[:, 4]  # the first of equal entries
    assert torch.equal(_nearest_at_once(lab, palettes), _nearest(lab, palettes))
    monkeypatch.setitem(refining._CHUNK, "cuda", 2 * 24 * 16 * 2)  # two images at a time
    clusters, index = torch.tensor([0, 2, 1, 2, 0]), _nearest(lab, palettes)
    torch.testing.assert_close(
        _sums_at_once(lab, clusters, index, 3, 16), _sums(lab, clusters, index, 3, 16), rtol=1e-12, atol=1e-12
    )


def test_assign_is_brute_force():
    generator = torch.Generator().manual_seed(0)
    lab, palettes = torch.rand(3, 3, 5, 4, generator=generator) * 90, torch.rand(3, 16, 3, generator=generator) * 90
    distance = (lab.permute(0, 2, 3, 1)[:, :, :, None] - palettes[:, None, None]).square().sum(-1)
    assert torch.equal(assign(lab, palettes), distance.argmin(-1))
    twice = torch.cat([palettes[:, :2], palettes[:, :2]], dim=1)
    assert assign(lab, twice).max() == 1  # the first of equal entries


def _two_colours(n=12):
    rng = np.random.default_rng(0)
    colors = np.array([[[40, 60, 150], [210, 180, 90]], [[20, 120, 30], [230, 230, 230]]], np.uint8)
    clusters = np.arange(n) % 2
    pattern = rng.integers(0, 2, (n, 2, 2)).repeat(4, axis=1).repeat(4, axis=2)
    return colors, colors[clusters[:, None, None], pattern], [np.flatnonzero(clusters == c) for c in range(2)]


def _refine(images, members, palettes, **kw):
    options = {"steps": 150, "lr": 0.5, "weights": (1.0, 1.0, 1.0), "color_weight": 4.0} | kw
    return refine(
        lambda ids: torch.from_numpy(images[ids.numpy()]).permute(0, 3, 1, 2),
        members,
        palettes,
        size=images.shape[1:3],
        rng=np.random.default_rng(1),
        **options,
    )


def test_a_shifted_palette_comes_back():
    colors, images, members = _two_colours()
    start = bytes_to_lab(colors).numpy() + np.array([5.0, -6.0, 4.0], np.float32)
    result = _refine(images, members, start)
    assert (result.after < 0.02 * result.before).all()
    assert abs(result.palettes.astype(int) - colors).max() <= 3


def test_a_perfect_palette_stays():
    colors, images, members = _two_colours()
    result = _refine(images, members, bytes_to_lab(colors).numpy(), steps=20)
    assert np.array_equal(result.palettes, colors)
    assert result.after.max() < 1e-6


def test_no_steps_is_rounding_only():
    colors, images, members = _two_colours()
    result = _refine(images, members, bytes_to_lab(colors).numpy() + 0.01, steps=0)
    assert np.array_equal(result.palettes, colors)
    assert np.array_equal(result.before, result.after)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 5.0, 50.0]), st.floats(0, 10), st.floats(0, 10))
def test_never_worse_and_always_displayable(seed, lr, edge, color):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (6, 5, 3, 3)).astype(np.uint8)
    palettes = bytes_to_lab(rng.integers(0, 256, (2, 4, 3)).astype(np.uint8)).numpy()
    result = _refine(
        images, [np.array([0]), np.arange(1, 6)], palettes, steps=8, lr=lr, weights=(edge,) * 3, color_weight=color
    )
    assert (result.after <= result.before).all()
    assert result.palettes.shape == (2, 4, 3)
    assert result.palettes.dtype == np.uint8
    again = _refine(
        images, [np.array([0]), np.arange(1, 6)], palettes, steps=8, lr=lr, weights=(edge,) * 3, color_weight=color
    )
    assert np.array_equal(again.palettes, result.palettes)


def test_threads_do_not_change_the_result():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    palettes = bytes_to_lab(rng.integers(0, 256, (2, 4, 3)).astype(np.uint8)).numpy()
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(_refine(images, [np.arange(15), np.arange(15, 40)], palettes, steps=10))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(found[0].palettes, found[1].palettes)
    assert np.array_equal(found[0].after, found[1].after)


@pytest.mark.parametrize("block", [1, 2 * 4096, 5 * 4096])
def test_blocks_of_clusters_do_not_change_the_result(block):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 16, 16, 3)).astype(np.uint8)
    palettes = bytes_to_lab(rng.integers(0, 256, (7, 4, 3)).astype(np.uint8)).numpy()
    members = np.split(np.arange(60), [1, 3, 10, 20, 40, 55])
    heard = []
    whole = _refine(images, members, palettes, steps=25, block_pixels=1 << 30)
    parts = _refine(
        images,
        members,
        palettes,
        steps=25,
        block_pixels=block,
        progress=lambda done, total: heard.append((done, total)),
    )
    np.testing.assert_allclose(parts.palettes, whole.palettes, atol=1)
    np.testing.assert_allclose(parts.before, whole.before, rtol=1e-6)
    np.testing.assert_allclose(parts.after, whole.after, rtol=1e-4)
    blocks = -(-7 // max(1, block // 4096))
    assert heard == [(step, 25 * blocks) for step in range(1, 25 * blocks + 1)]


def test_memory_does_not_grow_with_the_clusters(monkeypatch):
    seen = []
    monkeypatch.setattr(
        refining, "texture_loss", lambda lab, *rest: seen.append(lab[:, 0].numel()) or texture_loss(lab, *rest)
    )
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    palettes = np.zeros((40, 2, 3), np.float32)
    _refine(images, list(np.arange(40)[:, None]), palettes, steps=2, block_pixels=1 << 13)
    assert max(seen) == 1 << 13
