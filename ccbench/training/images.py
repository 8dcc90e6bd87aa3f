"""Training and test images as the loop sees them: decoded in batches on the device, in 0 .. 255."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from ccbench.archive import Channels, FloatImages, Whitening
from ccbench.training.resample import resize

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset
    from ccbench.data import ImageDataset

Decode = Callable[[torch.Tensor], torch.Tensor]
CHUNK = 1024
RESIZED = 128  # images resized at once
HELD = 1 << 30  # bytes of resized images that are kept rather than made again for every batch
# mean and deviation of ImageNet's training images as torchvision's networks use them, in 0 .. 255
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]) * 255, torch.tensor([0.229, 0.224, 0.225]) * 255)


@dataclass
class DeviceData:
    """Images and labels on a device.

    Attributes:
        decode: (b,) int64 ids -> (b, 3, H, W) uint8, channels_last, on ``device``; where there is a ``space``, float32
            in 0 .. 255 and beyond.
        labels: (n,) int64.
        classes: number of classes.
        soft_labels: (n, classes) float32 probabilities, or None.
        weights: (n,) float32 > 0, or None.
        space: that float pictures were made in, or None; training stays in it, whatever a recipe's ``normalise``.
    """

    decode: Decode
    labels: torch.Tensor
    classes: int
    device: torch.device
    soft_labels: torch.Tensor | None = None
    weights: torch.Tensor | None = None
    space: Channels | Whitening | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_dataset(cls, dataset: ImageDataset, device: str | torch.device = "cpu") -> DeviceData:
        """An uncompressed split; on a GPU it is copied there when at most half of the free memory holds it."""
        device = torch.device(device)
        return cls(
            decode=_raw_decoder(dataset.images, device),
            labels=_tensor(dataset.labels, device, torch.int64),
            classes=len(dataset.classes),
            device=device,
        )

    @classmethod
    def from_compressed(cls, compressed: CompressedDataset, device: str | torch.device = "cpu") -> DeviceData:
        """A compressed training set with its labels, soft labels and weights."""
        device = torch.device(device)
        soft, weights, payload = compressed.soft_labels, compressed.weights, compressed.payload
        floats = payload if isinstance(payload, FloatImages) else None
        return cls(
            decode=_float_decoder(floats, device) if floats else compressed.to_device(device),
            labels=_tensor(compressed.labels, device, torch.int64),
            classes=len(compressed.classes),
            device=device,
            soft_labels=None if soft is None else _tensor(soft, device, torch.float32),
            weights=None if weights is None else _tensor(weights, device, torch.float32),
            space=floats.space if floats else None,
        )

    def batches(self, size: int = CHUNK) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in order: (ids (b,) int64 on the device, images (b, 3, H, W) uint8)."""
        for start in range(0, len(self), size):
            ids = torch.arange(start, min(start + size, len(self)), device=self.device)
            yield ids, self.decode(ids)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images in pixels."""
        height, width = self.decode(torch.zeros(1, dtype=torch.int64, device=self.device)).shape[2:]
        return height, width

    def resized(self, size: tuple[int, int]) -> DeviceData:
        """The same images at another size, antialiased, uint8 ones in whole values; itself where they have that size.

        Made once where they take at most a gibibyte, otherwise batch by batch.
        """
        if self.size == tuple(size):
            return self

        def decode(ids: torch.Tensor) -> torch.Tensor:
            pixels = resize(self.decode(ids), size)
            if not self.space:
                pixels = pixels.round_().clamp_(0, 255).to(torch.uint8)
            return pixels.contiguous(memory_format=torch.channels_last)

        dtype = torch.float32 if self.space else torch.uint8
        if len(self) * size[0] * size[1] * 3 * dtype.itemsize <= HELD:
            held = torch.empty(len(self), *size, 3, dtype=dtype, device=self.device)
            for start in range(0, len(self), RESIZED):
                ids = torch.arange(start, min(start + RESIZED, len(self)), device=self.device)
                held[start : start + RESIZED] = decode(ids).permute(0, 2, 3, 1)
            return replace(self, decode=lambda ids: held[ids].permute(0, 3, 1, 2))
        return replace(self, decode=decode)

    @cached_property
    def normalise(self) -> Normalise:
        """Normalisation by this data's own mean and standard deviation, computed once."""
        total = torch.zeros(3, dtype=torch.float64)
        squares = torch.zeros(3, dtype=torch.float64)
        pixels = 0
        for _, images in self.batches():
            # float32 sums of one image are exact enough; float64 holds the sum of all
            values = images.float()
            total += values.sum((2, 3)).double().sum(0).cpu()
            squares += values.square().sum((2, 3)).double().sum(0).cpu()
            pixels += images.shape[0] * images.shape[2] * images.shape[3]
        mean = total / pixels
        std = (squares / pixels - mean.square()).clamp(min=0).sqrt().clamp(min=1.0)  # a flat channel must not blow up
        return Normalise(mean.float(), std.float(), self.device)

    def normalisation(self, kind: str) -> Normalise:
        """What a recipe's ``normalise`` names: ``"own"``, or ``"imagenet"`` whatever the data."""
        return self.normalise if kind == "own" else Normalise(*IMAGENET, self.device)

    def inputs(self, kind: str) -> Inputs:
        """How images become what a network takes: into the space of float pictures, otherwise as a recipe says."""
        if isinstance(self.space, Whitening):
            return Whiten(self.space, self.device)
        if self.space:
            mean, std = (torch.from_numpy(a * 255).float() for a in (self.space.mean, self.space.std))
            return Normalise(mean, std, self.device)
        return self.normalisation(kind)


class Normalise:
    """Images in 0 .. 255 to floats of mean 0 and standard deviation 1 per channel.

    Args:
        mean, std: (3,) float32 in 0 .. 255.
        device: where images come from.
    """

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, device: str | torch.device = "cpu") -> None:
        self.mean, self.std = mean, std
        self._scale = (1 / std).to(device)
        self._shift = (-mean / std).to(device)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) uint8, or float32 in 0 .. 255, to float32, channels_last."""
        pixels = images.permute(0, 2, 3, 1)
        b, height, width, _ = pixels.shape
        # whole rows at once: a CPU cannot vectorise over three channels
        scale, shift = self._scale.repeat(width), self._shift.repeat(width)
        rows = torch.addcmul(shift, pixels.reshape(b * height, width * 3).float(), scale)
        return rows.view(b, height, width, 3).permute(0, 3, 1, 2)

    def to(self, device: str | torch.device) -> Normalise:
        """The same on another device."""
        return Normalise(self.mean, self.std, device)


class Whiten:
    """Images in 0 .. 255 to whitened floats (ZCA), as :class:`Normalise` is called.

    Args:
        space: of the pictures that a network is trained on; its mean and matrix.
        device: where images come from.
    """

    def __init__(self, space: Whitening, device: str | torch.device = "cpu") -> None:
        self._space = space
        self._mean, self._matrix = (torch.from_numpy(a).to(device) for a in (space.mean, space.matrix))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) uint8, or float32 in 0 .. 255, to float32, channels_last."""
        white = (images.float() / 255.0).flatten(1).sub_(self._mean).matmul(self._matrix)
        return white.view(images.shape).contiguous(memory_format=torch.channels_last)

    def to(self, device: str | torch.device) -> Whiten:
        """The same on another device."""
        return Whiten(self._space, device)


Inputs = Normalise | Whiten


def _float_decoder(payload: FloatImages, device: torch.device) -> Decode:
    """Pixels in 0 .. 255 and beyond, held on the device where they take at most a gibibyte."""
    if 4 * payload.values.size > HELD:
        return lambda ids: payload.pixels(ids.cpu().numpy()).to(device)
    parts = [payload.pixels(slice(i, i + CHUNK)).permute(0, 2, 3, 1) for i in range(0, len(payload), CHUNK)]
    held = torch.cat(parts).contiguous().to(device)
    return lambda ids: held[ids].permute(0, 3, 1, 2)


def _tensor(array: np.ndarray, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.as_tensor(np.array(array)).to(device=device, dtype=dtype)


def _raw_decoder(images: np.ndarray, device: torch.device) -> Decode:
    if device.type == "cuda" and images.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
        held = torch.empty(images.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(images), CHUNK):
            held[start : start + CHUNK] = torch.from_numpy(np.array(images[start : start + CHUNK]))
        return lambda ids: held[ids].permute(0, 3, 1, 2)
    # a memory-mapped array is read page by page: a set larger than memory works
    return lambda ids: torch.from_numpy(images[ids.cpu().numpy()]).to(device).permute(0, 3, 1, 2)
