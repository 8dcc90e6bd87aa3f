"""Batches and normalisation against plain numpy."""

import numpy as np
import pytest
import torch
from PIL import Image

from ccbench.archive import CompressedDataset
from ccbench.training import images as images_module
from ccbench.training.images import CHUNK, DeviceData


def test_normalisation_is_the_datas_own(train):
    data = DeviceData.from_dataset(train)
    mean, std = train.images.reshape(-1, 3).mean(0), train.images.reshape(-1, 3).std(0)
    np.testing.assert_allclose(data.normalise.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(data.normalise.std, std, rtol=1e-5)
    batch = data.normalise(data.decode(torch.tensor([3, 1])))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (train.images[[3, 1]] - mean) / std
    np.testing.assert_allclose(batch.permute(0, 2, 3, 1), expected, atol=1e-5)


def test_a_flat_channel_stays_finite(train):
    images = train.images.copy()
    images[..., 2] = 9
    flat = CompressedDataset.subset(
        type(train).from_arrays(images, train.labels, train.classes, name="flat"), np.arange(20)
    )
    data = DeviceData.from_compressed(flat)
    assert data.normalise(data.decode(torch.arange(20))).isfinite().all()


def test_a_compressed_set_is_seen_alone(train):
    ids = np.array([5, 9, 40, 41])
    weights = np.array([1, 2, 3, 4], np.float32)
    data = DeviceData.from_compressed(CompressedDataset.subset(train, ids, weights=weights))
    np.testing.assert_allclose(data.normalise.mean, train.images[ids].reshape(-1, 3).mean(0), rtol=1e-5)
    assert data.labels.tolist() == train.labels[ids].tolist()
    assert data.weights.tolist() == [1, 2, 3, 4]
    assert data.soft_labels is None


def test_batches_cover_everything_in_order(train, tmp_path):
    file = tmp_path / "images.npy"
    np.save(file, np.concatenate([train.images] * 7))
    mapped = np.load(file, mmap_mode="r")
    many = type(train).from_arrays(mapped, np.tile(train.labels, 7), train.classes, name="mapped")
    data = DeviceData.from_dataset(many)
    ids, images = zip(*data.batches(), strict=True)
    assert len(ids) == -(-len(many) // CHUNK)
    assert torch.cat(ids).tolist() == list(range(len(many)))
    np.testing.assert_array_equal(torch.cat(images).permute(0, 2, 3, 1), mapped)


def test_imagenets_normalisation_whatever_the_data(train):
    data = DeviceData.from_dataset(train)
    assert data.normalisation("own") is data.normalise
    batch = data.decode(torch.tensor([3, 1]))
    expected = (train.images[[3, 1]] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = data.normalisation("imagenet")(batch)
    np.testing.assert_allclose(found.permute(0, 2, 3, 1), expected, atol=1e-5)
    np.testing.assert_allclose(data.normalisation("imagenet").to("cpu")(batch.float()), found, atol=1e-6)


@pytest.mark.parametrize("held", [True, False])
def test_another_size_is_pillows(train, monkeypatch, held):
    if not held:
        monkeypatch.setattr(images_module, "HELD", 0)
    data = DeviceData.from_dataset(train)
    assert data.resized((16, 16)) is data
    small = data.resized((6, 9))
    assert (small.size, data.size, len(small)) == ((6, 9), (16, 16), len(data))
    batch = small.decode(torch.tensor([150, 3]))
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for i, image in zip((150, 3), batch, strict=True):
        theirs = np.asarray(Image.fromarray(train.images[i]).resize((9, 6), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(image.permute(1, 2, 0).numpy().astype(int), theirs.astype(int), atol=1)
    every = torch.cat([part for _, part in small.batches()]).permute(0, 2, 3, 1).reshape(-1, 3).double()
    np.testing.assert_allclose(small.normalise.mean, every.mean(0), rtol=1e-5)  # of what is seen, not of what is stored
    assert small.labels is data.labels
