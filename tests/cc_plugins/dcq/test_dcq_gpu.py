"""A GPU's way of the same steps, on the tensors of a CPU: every number agrees with the CPU's way."""

import numpy as np
import pytest
import torch

from cc_plugins.dcq import DCQ, attention, colors, gpu, palettes, quantise
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench


def _images(n=30, side=16, seed=0):
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 200, (n, 1, 1, 3)) + rng.integers(0, 30, (n, side, 1, 3))
    return np.clip(base + rng.integers(-20, 20, (n, side, side, 3)), 0, 255).astype(np.uint8)


def _at(images):
    return lambda ids: torch.from_numpy(images[ids.numpy()]).permute(0, 3, 1, 2)


@pytest.mark.parametrize("percent", [0.01, 20, 50, 99.9])
def test_masks(percent):
    maps = np.random.default_rng(0).choice([0.0, 0.25, 0.5, 0.7, np.nan, -0.0], (9, 7, 5)).astype(np.float16)
    expected = attention.keep_mask(maps, percent)
    assert np.array_equal(gpu.keep_mask(torch.from_numpy(maps), percent), expected)


def test_codes():
    rgb = torch.randint(0, 256, (50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    codes = gpu.cell_codes(rgb)
    assert np.array_equal(codes, colors.cell_codes(rgb.numpy()))
    assert torch.equal(gpu.cell_colors(codes), rgb)


@pytest.mark.parametrize("entries", [2, 16, 64])
@pytest.mark.parametrize("few", [False, True])
def test_palettes(entries, few, monkeypatch):
    images = _images()
    images = images // 128 * 100 if few else images
    maps = np.random.default_rng(1).random((30, 16, 16)).astype(np.float16)
    ids = np.array([0, 3, 4, 9, 20, 29])
    monkeypatch.setattr(colors, "BATCH_PIXELS", 600)
    monkeypatch.setattr(gpu, "DISTANCES", 500)
    codes, counts = colors.distinct_colors(images, ids, maps, 60)
    table = gpu.count_colors(_at(images), ids, maps, 60, 256, "cpu")
    assert np.array_equal(table.nonzero()[:, 0], codes)
    assert np.array_equal(table[torch.from_numpy(codes).long()], counts)
    expected = palettes.kmeans_palette(codes, counts, entries, 5)
    np.testing.assert_allclose(gpu.kmeans_palette(table, entries, 5), expected, atol=0.02)


def test_assignment():
    images, clusters = _images(), np.arange(30) % 3
    members = [np.flatnonzero(clusters == c) for c in range(3)]
    table = np.random.default_rng(0).integers(0, 256, (3, 8, 3)).astype(np.uint8)
    expected = quantise.quantise_dataset(images, members, table)
    assert (gpu.quantise_dataset(_at(images), clusters, table, (16, 16), "cpu") == expected).mean() > 0.9999


def _compressed(monkeypatch, device="cpu"):
    data = ImageDataset("toy", "train", _images(), np.arange(30) % 2, ("a", "b"), "digest")
    maps = np.random.default_rng(1).random((30, 16, 16)).astype(np.float16)
    monkeypatch.setattr(Task, "stage", lambda *a, **k: {"attention": maps})
    task = Task(Workbench(data, None, None, None, device=device), data, Budget.from_bits(3), np.arange(30))
    return DCQ.build(features="histogram", clusters=3, refine_steps=15).compress(task)


def _agree(a, b):
    np.testing.assert_allclose(a.payload.palettes, b.payload.palettes, atol=2)
    assert a.meta["loss_after"] == pytest.approx(b.meta["loss_after"], rel=0.01)


def test_the_whole_method(monkeypatch):
    plain = _compressed(monkeypatch)
    monkeypatch.setattr("cc_plugins.dcq.method.on_cpu", lambda task: False)
    _agree(_compressed(monkeypatch), plain)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu(monkeypatch):
    first, second = (_compressed(monkeypatch, "cuda") for _ in range(2))
    assert np.array_equal(first.payload.indices, second.payload.indices)
    _agree(first, _compressed(monkeypatch))
