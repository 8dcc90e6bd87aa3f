"""Decoding batches on the device that wants them.

A decoder holds its payload on one device: packed indices and lookup tables, or
raw images. Calling it with positions on that device gives the images there; on a
GPU nothing is copied to or from the host on the way.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ccbench.archive.packing import group
from ccbench.archive.palette import lookup_table
from ccbench.archive.payloads import (
    EncodedImages,
    FloatImages,
    LevelImages,
    PaletteImages,
    PatchImages,
    Payload,
    RawImages,
)
from ccbench.archive.planar import PlanarDecoder
from ccbench.errors import UserError
from ccbench.machine import cores

Decoder = Callable[[torch.Tensor], torch.Tensor]
"""(b,) int64 positions in 0..n-1 on the decoder's device -> (b, 3, H, W) uint8 there, channels_last."""

KEEP_DECODED = 2 << 30  # bytes of raw pixels up to which encoded images are decoded once rather than per batch
_TABLE_BYTES = 1 << 20  # a lookup table may take this much, so that it stays in a core's cache ...
_PAIRS_BYTES = 4 << 20  # the same for pairs of pixels as single machine words, which gather faster
_TABLE_SHARE = 0.5  # ... or this share of the packed bytes, where images have palettes of their own
_PATCHED = 1 << 22  # pixels of patches that are filled at once: the fill holds some 100 bytes for each
_THREADS_FROM = 128 * 128  # pixels from which decoding an image takes long enough to be worth a thread


def make_decoder(payload: Payload, device: torch.device, *, keep: bool = True) -> Decoder:
    """A decoder of any payload.

    Args:
        payload: what to decode.
        device: where the images are wanted.
        keep: decode what the device cannot decode once, now, where its pixels fit into :data:`KEEP_DECODED`.
    """
    if isinstance(payload, PaletteImages):
        return _palette_decoder(payload, device)
    if isinstance(payload, RawImages):
        return RawDecoder(payload.images, device)
    if isinstance(payload, EncodedImages):
        payload.look(0)
    if keep and len(payload) * payload.shape[0] * payload.shape[1] * 3 <= KEEP_DECODED:
        return RawDecoder(decode_on_host(payload, range(len(payload))), device)
    if keep and isinstance(payload, EncodedImages) and payload.per_file > 1:  # any batch would decode as many mosaics
        return RawDecoder(_unpacked(payload), device)
    return HostDecoder(payload, device)


def _palette_decoder(payload: PaletteImages, device: torch.device) -> Decoder:
    """The fastest of the three for this payload; they give the same images."""
    plain = device.type != "cpu" or sys.byteorder != "little" or payload.shape[0] * payload.shape[1] % 8 != 0
    if plain or pixels_per_lookup(payload, group(payload.bits)[0]) * payload.bits == 8:  # a word is a byte
        return PaletteDecoder(payload, device)
    pairs = len(payload.palettes) * (1 << 2 * payload.bits) * 8
    return PlanarDecoder(payload, two=pairs <= max(_PAIRS_BYTES, _TABLE_SHARE * payload.packed.size))


class DeviceRows:
    """(n, m) uint8 rows that live on one device: on the CPU where they are, otherwise copied there once."""

    def __init__(self, array: np.ndarray, device: torch.device) -> None:
        self._host = array if device.type == "cpu" else None
        self._there = torch.empty(0) if device.type == "cpu" else upload(array, device)

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        """(b, m) uint8, newly made."""
        if self._host is not None:  # numpy reads memory-mapped and read-only arrays without a copy
            return torch.from_numpy(np.take(self._host, index.numpy(), axis=0))
        return self._there.index_select(0, index)


class RawDecoder:
    """Gathers rows of raw pixels."""

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        self.shape = images.shape[1:]
        self._rows = DeviceRows(images.reshape(len(images), -1), device)

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        """Positions (b,) -> (b, 3, H, W) uint8."""
        return self._rows(index).view(-1, *self.shape).permute(0, 3, 1, 2)


class PaletteDecoder:
    """A shift, a mask and a gather.

    The gather takes several pixels at once: a table holds, for each palette and
    each word of g indices, the 3g bytes of their colours. For 2 bits a word is a
    byte of four pixels, so no shift is left to do. g is the largest that keeps
    the table small; g = 1 is the palette itself.
    """

    def __init__(self, payload: PaletteImages, device: torch.device) -> None:
        height, width = self.shape = payload.shape
        self._bits, self._pixels = payload.bits, height * width
        run, self._run_bytes = group(payload.bits)
        self._aligned = self._pixels % run == 0  # does each image begin with a whole byte and a whole run?
        self._width = pixels_per_lookup(payload, run) if self._aligned else 1
        table = lookup_table(payload.palettes, self._width)
        # torch gathers whole rows fastest as a few wide elements
        wide = next(t for t in (torch.int64, torch.int32, torch.int16, torch.uint8) if table.shape[1] % t.itemsize == 0)
        self._table = torch.from_numpy(table).view(wide).to(device)
        entries = 1 << payload.bits * self._width
        self._type = torch.int32 if len(payload.palettes) * entries < 1 << 31 else torch.int64
        owner = np.arange(len(payload)) if payload.clusters is None else payload.clusters
        self._base = torch.from_numpy(owner * entries).to(device, self._type)
        self._mask = entries - 1
        if self._aligned:
            self._rows = DeviceRows(payload.packed.reshape(len(payload), -1), device)
            step = payload.bits * self._width
            self._shifts = torch.arange(0, run * payload.bits, step, device=device, dtype=torch.int64)
        else:
            self._stream = DeviceRows(payload.packed.reshape(-1, 1), device)
            self._last = payload.packed.size - 1
            self._within = torch.arange(self._pixels, device=device, dtype=torch.int64)

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        """Positions (b,) -> (b, 3, H, W) uint8."""
        words = self._words(index) if self._aligned else self._unaligned(index)
        words = words.view(len(index), self._pixels // self._width) + self._base.index_select(0, index)[:, None]
        colours = self._table.index_select(0, words.view(-1)).view(torch.uint8)
        return colours.view(-1, *self.shape, 3).permute(0, 3, 1, 2)

    def _words(self, index: torch.Tensor) -> torch.Tensor:
        """Table words of images that begin with a whole byte."""
        rows = self._rows(index)
        if len(self._shifts) == 1:
            return rows.to(self._type)
        if self._run_bytes == 1:
            words = rows[..., None].to(self._type)
        else:  # up to 7 bytes make one integer
            size = 4 if self._run_bytes == 3 else 8
            padded = rows.new_zeros(len(rows), rows.shape[1] // self._run_bytes, size)
            padded[..., : self._run_bytes] = rows.view(len(rows), padded.shape[1], self._run_bytes)
            words = padded.view(torch.int32 if size == 4 else torch.int64)
        return ((words >> self._shifts.to(words.dtype)) & self._mask).to(self._type)

    def _unaligned(self, index: torch.Tensor) -> torch.Tensor:
        """Indices of images that begin anywhere in the stream: two bytes hold any pixel."""
        bit = (index[:, None] * self._pixels + self._within) * self._bits
        byte = (bit >> 3).view(-1)
        low = self._stream(byte).view(-1).to(torch.int32)
        high = self._stream((byte + 1).clamp_(max=self._last)).view(-1).to(torch.int32)
        return (((high << 8) | low) >> (bit & 7).view(-1).to(torch.int32) & self._mask).to(self._type)


class HostDecoder:
    """Decodes each image when it is asked for, on the host."""

    def __init__(self, payload: EncodedImages | PatchImages | LevelImages | FloatImages, device: torch.device) -> None:
        self._payload, self._device = payload, device

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        """Positions (b,) -> (b, 3, H, W) uint8."""
        pixels = torch.from_numpy(decode_on_host(self._payload, index.cpu().tolist()))
        return pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)


def decode_on_host(
    payload: EncodedImages | PatchImages | LevelImages | FloatImages, index: list[int] | range
) -> np.ndarray:
    """(b, H, W, 3) uint8."""
    if isinstance(payload, EncodedImages):
        return decode_blobs(payload, index)
    out = np.empty((len(index), *payload.shape, 3), np.uint8)
    step = max(1, _PATCHED // math.prod(payload.shape))
    for start in range(0, len(index), step):
        out[start : start + step] = payload.decode(index[start : start + step])
    return out


def decode_blobs(payload: EncodedImages, index: list[int] | range) -> np.ndarray:
    """(b, H, W, 3) uint8; each file that holds some of them is decoded once."""
    out = np.empty((len(index), *payload.shape, 3), np.uint8)
    _fill(out, payload, index)
    return out


def _fill(out: np.ndarray, payload: EncodedImages, index: list[int] | range) -> None:
    """Put images, by position, into ``out``."""
    places: dict[int, list[int]] = {}
    for place, i in enumerate(index):
        places.setdefault(i // payload.per_file, []).append(place)

    def one(file: int) -> None:
        images = payload.file(file)
        for place in places[file]:
            out[place] = payload.enlarged(images[index[place] % payload.per_file])

    if payload.per_file * payload.shape[0] * payload.shape[1] < _THREADS_FROM or len(places) < 2:
        for file in places:
            one(file)
    else:
        with ThreadPoolExecutor(min(len(places), cores())) as pool:
            list(pool.map(one, places))


def _unpacked(payload: EncodedImages) -> np.ndarray:
    """All images of mosaics that are too many for the memory, in a file without a name that the system takes back."""
    shape = (len(payload), *payload.shape, 3)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, and a dead process later
                os.posix_fallocate(file.fileno(), 0, math.prod(shape))
            out = np.memmap(file, np.uint8, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
    except OSError as error:
        raise UserError(
            f"no room to decode {math.prod(shape):,} bytes of images in {tempfile.gettempdir()}",
            found=error.strerror or error,
            mend="set TMPDIR to a folder on a larger disk",
        ) from None
    step = payload.per_file * cores()
    for start in range(0, len(payload), step):
        part = range(start, min(start + step, len(payload)))
        _fill(out[part.start : part.stop], payload, part)
    return out


def pixels_per_lookup(payload: PaletteImages, run: int) -> int:
    """How many pixels one lookup yields: a power of two that divides ``run``, its table small enough."""
    allowed = max(_TABLE_BYTES, _TABLE_SHARE * payload.packed.size)
    best, width = 1, 2
    while run % width == 0 and len(payload.palettes) * (1 << payload.bits * width) * 3 * width <= allowed:
        best, width = width, width * 2
    return best


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """A copy on another device, a piece at a time so that the host never holds a second whole one."""
    there = torch.empty(array.shape, dtype=torch.uint8, device=device)
    step = max(1, (64 << 20) // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        there[start : start + step].copy_(torch.from_numpy(np.array(array[start : start + step])))
    return there
