"""A compressed file in plain PyTorch code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from archive_samples import CLASSES, dataset, encoded, palette, pixels_of, raw
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

import ccbench
from ccbench.archive import CompressedDataset, PaletteImages, load
from ccbench.errors import UserError


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset(palette(23, 8, 8, rng, 3), rng, weights=True)
    data.save(tmp_path / "a.ccb")
    return tmp_path / "a.ccb", data


def test_items(file):
    path, data = file
    images = load(path)
    assert len(images) == 23
    assert images.classes == CLASSES
    assert (images.weights == data.weights).all()
    for i in (0, 5, 22):
        image, label = images[i]
        assert (image.permute(1, 2, 0).numpy() == pixels_of(data.payload)[i]).all()
        assert label == data.labels[i]
        assert type(label) is int
    assert (images[-1][0] == images[22][0]).all()
    with pytest.raises(IndexError):
        images[23]
    assert len(list(iter(images))) == 23  # the old protocol of Python: it ends with IndexError


@pytest.mark.parametrize("make", [raw, encoded])
def test_items_of_other_payloads(tmp_path, make):
    rng = np.random.default_rng(0)
    data = dataset(make(5, 8, 6, rng), rng)
    data.save(tmp_path / "a.ccb")
    image, _ = load(tmp_path / "a.ccb")[3]
    assert (image.permute(1, 2, 0).numpy() == pixels_of(data.payload)[3]).all()


def test_soft_labels(tmp_path):
    rng = np.random.default_rng(0)
    data = dataset(raw(5, 4, 4, rng), rng, soft=True)
    data.save(tmp_path / "a.ccb")
    _, label = load(tmp_path / "a.ccb")[2]
    assert label.dtype == torch.float32
    assert label.tolist() == data.soft_labels[2].astype(np.float32).tolist()


def test_a_transform_gets_pil_images(file):
    path, data = file
    image, _ = load(path, transform=transforms.ToTensor())[4]
    assert torch.equal((image * 255).round().to(torch.uint8), data.decode([4])[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_every_image_once(file, workers):
    path, data = file
    loader = DataLoader(load(path), batch_size=5, num_workers=workers)
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert (images.permute(0, 2, 3, 1).numpy() == pixels_of(data.payload)).all()
    assert labels.tolist() == data.labels.tolist()


def test_pickling_sends_the_path_not_the_images(file):
    path, data = file
    sent = pickle.dumps(load(path))
    assert len(sent) < 500
    assert (pickle.loads(sent)[7][0] == load(path)[7][0]).all()
    data.meta = {"other": 1}
    data.save(path)
    with pytest.raises(UserError, match="has changed"):
        pickle.loads(sent)


def test_a_spawned_worker_can_load(file):
    path, data = file
    loader = DataLoader(load(path), batch_size=23, num_workers=1, multiprocessing_context="spawn")
    images, _ = next(iter(loader))
    assert (images.permute(0, 2, 3, 1).numpy() == pixels_of(data.payload)).all()


def test_ten_lines_of_pytorch_train_on_a_file(tmp_path):
    # class 0 is mostly dark, class 1 mostly bright: two colours are enough to learn it
    rng, n = np.random.default_rng(0), 256
    labels = rng.integers(0, 2, n)
    indices = (rng.random((n, 8, 8)) < 0.3 + 0.4 * labels[:, None, None]).astype(np.uint8)
    colours = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    made = CompressedDataset(
        PaletteImages(indices, colours, np.zeros(n, int), 1), np.arange(n), labels, classes=["0", "1"]
    )
    path = tmp_path / "small.ccb"
    made.save(path)
    torch.manual_seed(0)

    data = ccbench.load(path)
    loader = DataLoader(data, batch_size=32, shuffle=True)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(5):
        for images, targets in loader:
            loss = nn.functional.cross_entropy(network(images.float() / 255), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    guesses = network(made.decode(np.arange(n)).float() / 255).argmax(1)
    assert (guesses.numpy() == labels).mean() > 0.9
