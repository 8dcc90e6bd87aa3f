"""Every decoder gives the pixels that the payload defines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from archive_samples import datasets, encoded, palette, pixels_of, raw
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.PngImagePlugin import PngImageFile

from ccbench.archive import CompressedDataset, PaletteImages, decode
from ccbench.archive.palette import lookup_table
from ccbench.archive.planar import PlanarDecoder
from ccbench.errors import UserError

CPU = torch.device("cpu")


def plain(payload) -> CompressedDataset:
    return CompressedDataset(payload, np.arange(len(payload)), np.zeros(len(payload), int), classes=["a"])


@settings(max_examples=60, deadline=None)
@given(datasets(), st.data())
def test_any_batch_of_any_payload(data, draw):
    index = draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=12))
    images = data.decode(index)
    assert images.dtype == torch.uint8
    assert images.shape == (len(index), 3, *data.shape)
    assert (images.permute(0, 2, 3, 1).numpy() == pixels_of(data.payload)[index]).all()


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (4, 6), (2, 2), (5, 3)])
def test_all_ways_of_decoding_a_palette_agree(bits, shared, size):
    payload = palette(11, *size, np.random.default_rng(bits), bits, shared)
    index = torch.tensor([3, 0, 10, 3])
    want = pixels_of(payload)[index.numpy()]
    ways = [decode.PaletteDecoder(payload, CPU)]
    if size[0] * size[1] % 8 == 0:
        ways += [PlanarDecoder(payload, two=False), PlanarDecoder(payload, two=True)]
    for way in ways:
        got = way(index)
        assert (got.permute(0, 2, 3, 1).numpy() == want).all(), way
        assert got.is_contiguous(memory_format=torch.channels_last)


def test_planar_in_several_pieces(monkeypatch):
    monkeypatch.setattr("ccbench.archive.planar._TOGETHER", 3 * 64)
    payload = palette(10, 8, 8, np.random.default_rng(0), 5)
    got = PlanarDecoder(payload, two=True)(torch.arange(10))
    assert (got.permute(0, 2, 3, 1).numpy() == pixels_of(payload)).all()


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_table_may_be_narrow(bits, monkeypatch):
    monkeypatch.setattr(decode, "_TABLE_BYTES", 0)
    monkeypatch.setattr(decode, "_TABLE_SHARE", 0)
    payload = palette(5, 4, 4, np.random.default_rng(bits), bits)
    decoder = decode.PaletteDecoder(payload, CPU)
    assert decoder._width == 1
    assert (decoder(torch.arange(5)).permute(0, 2, 3, 1).numpy() == pixels_of(payload)).all()


def test_one_image_by_hand():
    black, red, green, blue = [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]
    payload = PaletteImages(np.array([[[0, 1], [2, 3]]]), np.array([[black, red, green, blue]], np.uint8), None, 2)
    assert payload.packed.tolist() == [0b11_10_01_00]
    assert plain(payload).decode([0]).tolist() == [[[[0, 255], [0, 0]], [[0, 0], [255, 0]], [[0, 0], [0, 255]]]]


def test_lookup_table_by_hand():
    table = lookup_table(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), 2)
    assert table.tolist() == [[1, 2, 3, 1, 2, 3], [4, 5, 6, 1, 2, 3], [1, 2, 3, 4, 5, 6], [4, 5, 6, 4, 5, 6]]


@pytest.mark.parametrize("make", [raw, palette, encoded])
def test_kinds_of_index(make):
    data = plain(make(6, 4, 4, np.random.default_rng(0)))
    want = data.decode([4, 1])
    for index in (np.array([4, 1], np.uint8), torch.tensor([4, 1]), torch.tensor([4, 1], dtype=torch.int32), (4, 1)):
        assert (data.decode(index) == want).all()
    assert (data.decode(4) == want[:1]).all()
    assert data.decode([]).shape == (0, 3, 4, 4)


@pytest.mark.parametrize("index", [[6], [-1], [0.5], [True]])
def test_positions_outside_the_set(index):
    with pytest.raises(IndexError, match=r"0\.\.5"):
        plain(palette(6, 4, 4, np.random.default_rng(0))).decode(index)


def test_a_result_may_be_changed_without_changing_the_set():
    data = plain(raw(3, 4, 4, np.random.default_rng(0)))
    before = data.payload.images.copy()
    data.decode([0, 1]).zero_()
    assert (data.payload.images == before).all()


@pytest.mark.parametrize("codec", ["png", "jpeg", "webp"])
def test_large_encoded_images_decode_in_threads(codec):
    payload = encoded(3, 130, 130, np.random.default_rng(0), codec)
    got = plain(payload).decode([2, 0, 1])
    assert (got.permute(0, 2, 3, 1).numpy() == pixels_of(payload)[[2, 0, 1]]).all()


def test_a_picture_of_another_size_is_refused_before_its_pixels_are_unpacked(monkeypatch):
    payload = encoded(2, 4, 4, np.random.default_rng(0))
    payload.blobs = [payload.blobs[0], encoded(1, 4000, 5000, np.random.default_rng(0)).blobs[0]]
    unpacked = []
    load = PngImageFile.load
    monkeypatch.setattr(PngImageFile, "load", lambda self: unpacked.append(self.size) or load(self))
    assert payload.decode(0).shape == (4, 4, 3)
    with pytest.raises(UserError, match="another size") as caught:
        payload.decode(1)
    assert caught.value.found == "(4000, 5000), not (4, 4)"
    assert set(unpacked) == {(4, 4)}


def test_encoded_images_are_decoded_once_for_training(monkeypatch):
    payload = encoded(5, 4, 4, np.random.default_rng(0))
    data = plain(payload)
    decoder = data.to_device("cpu")
    payload.blobs = [b""] * 5  # nothing reads them again
    assert decoder(torch.arange(5)).shape == (5, 3, 4, 4)
    monkeypatch.setattr(decode, "KEEP_DECODED", 0)
    other = encoded(5, 4, 4, np.random.default_rng(1))
    assert isinstance(plain(other).to_device("cpu"), decode.HostDecoder)


def test_a_device_that_is_not_there():
    with pytest.raises(UserError, match="device"):
        plain(raw(1, 2, 2, np.random.default_rng(0))).decode([0], "nonsense")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")  # torch calls it a prototype
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("size", [(8, 8), (5, 3)])
def test_the_same_images_on_a_gpu(bits, size):
    data = plain(palette(11, *size, np.random.default_rng(bits), bits))
    index = torch.tensor([3, 0, 10], device="cuda")
    decoder = data.to_device("cuda")
    decoder(index)
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = decoder(index)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert (got.cpu() == data.decode([3, 0, 10])).all()
