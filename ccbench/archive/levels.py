"""Images whose channel values are few evenly spaced levels, between bounds of their own for each image or patch."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ccbench.archive.checks import expect, smallest
from ccbench.archive.packing import pack, packed_size, unpack
from ccbench.coding.names import MOST_PIXELS
from ccbench.errors import UserError

Patch = tuple[int, int]
_AT_ONCE = 1 << 22  # pixels that are decoded at once


class LevelImages:
    """Images of b bits for each channel value, b of each image 1 to 8; held packed.

    Level l of 2**b between the bounds low and high is low + l * (high - low) / (2**b - 1), rounded, halves up; in
    whole numbers, so that every machine decodes the same.

    Args:
        levels: (n, H, W, 3) uint8, each below ``2**b`` of its image.
        bits: (n,) whole numbers 1 .. 8, or one for all images.
        bounds: (k, c, 2) uint8, low and high, low <= high; c is 3, one for each channel, or 1, the same for all.
        owners: (n, R, C) whole numbers below k: the bounds of each patch, R x C in an image; None: each patch has its
            own, in reading order.
        patch: (height, width) of a patch in pixels; those at the right and lower edge may be cut off. None: the image.

    Raises:
        UserError: a wrong shape or dtype, a level or an owner out of range, or more than
            :data:`ccbench.coding.names.MOST_PIXELS` pixels of an image.
    """

    kind: ClassVar[str] = "levels"

    def __init__(
        self,
        levels: np.ndarray,
        bits: np.ndarray | int,
        bounds: np.ndarray,
        owners: np.ndarray | None = None,
        patch: Patch | None = None,
    ) -> None:
        expect("levels", levels, 4, "(n, H, W, 3)")
        if levels.shape[3] != 3:
            raise UserError("levels must be (n, H, W, 3) RGB", found=f"shape {levels.shape}")
        self._set(levels.shape[:3], _of_each(bits, len(levels)), bounds, owners, patch)
        most = levels.reshape(len(levels), -1).max(1)
        if (bad := np.flatnonzero(most >> self.bits)).size:
            i = int(bad[0])
            raise UserError(
                f"levels of {self.bits[i]} bits must lie in 0..{(1 << self.bits[i]) - 1}", found=int(most[i])
            )
        self._streams = {b: pack(levels[self.bits == b], b) for b in self._depths()}

    @classmethod
    def nearest(
        cls,
        images: np.ndarray,
        bits: np.ndarray | int,
        bounds: np.ndarray,
        owners: np.ndarray | None = None,
        patch: Patch | None = None,
    ) -> LevelImages:
        """Images, each value at its nearest level.

        Args:
            images: (n, H, W, 3) uint8; may be memory-mapped.
            bits, bounds, owners, patch: see the class.

        Raises:
            UserError: they do not fit together.
        """
        expect("images", images, 4, "(n, H, W, 3)")
        if images.shape[3] != 3:
            raise UserError("images must be (n, H, W, 3) RGB", found=f"shape {images.shape}")
        made = cls.__new__(cls)
        made._set(images.shape[:3], _of_each(bits, len(images)), bounds, owners, patch)
        levels, step = np.empty(images.shape, np.uint8), made._step
        for start in range(0, len(images), step):
            index = np.arange(start, min(start + step, len(images)))
            low, high = np.moveaxis(made._of_pixels(index).astype(np.int32), -1, 0)
            most, span = made._most(index), np.maximum(high - low, 1)
            levels[index] = np.clip((2 * most * (images[index] - low) + span) // (2 * span), 0, most)
        made._streams = {b: pack(levels[made.bits == b], b) for b in made._depths()}
        return made

    def _set(
        self,
        size: tuple[int, ...],
        bits: np.ndarray,
        bounds: np.ndarray,
        owners: np.ndarray | None,
        patch: Patch | None,
    ) -> None:
        n, height, width = size
        if height * width > MOST_PIXELS:
            raise UserError(f"an image has at most {MOST_PIXELS:,} pixels", found=f"{height} x {width}")
        if bits.shape != (n,) or bits.dtype.kind not in "ui" or bits.min() < 1 or bits.max() > 8:
            raise UserError("bits must be (n,) whole numbers from 1 to 8", found=f"{bits.dtype} {bits.shape}")
        self.patch = (height, width) if patch is None else (int(patch[0]), int(patch[1]))
        if not (1 <= self.patch[0] <= height and 1 <= self.patch[1] <= width):
            raise UserError(f"a patch must fit into images of {height} x {width} pixels", found=f"{self.patch}")
        self.grid = -(-height // self.patch[0]), -(-width // self.patch[1])
        expect("bounds", bounds, 3, "(k, 1 or 3, 2)")
        if bounds.shape[1:] not in {(1, 2), (3, 2)} or (bounds[..., 0] > bounds[..., 1]).any():
            raise UserError("bounds must be (k, 1 or 3, 2), the lower one first", found=f"shape {bounds.shape}")
        patches = n * math.prod(self.grid)
        if owners is None:
            if len(bounds) != patches:
                raise UserError(f"without owners there are bounds for each of {patches} patches", found=len(bounds))
        elif owners.shape != (n, *self.grid) or owners.dtype.kind not in "ui":
            raise UserError(f"owners must be {(n, *self.grid)}, one for each patch", found=f"shape {owners.shape}")
        elif owners.min() < 0 or owners.max() >= len(bounds):
            raise UserError(f"owners must lie in 0..{len(bounds) - 1}", found=f"{owners.min()}..{owners.max()}")
        self._n, self.shape, self.bounds = n, (height, width), bounds
        self.bits = bits.astype(np.uint8)
        self.owners = None if owners is None else owners.astype(smallest(len(bounds) - 1))
        self._rank = np.empty(n, np.int64)  # of each image among those of as many bits
        for b in self._depths():
            self._rank[self.bits == b] = np.arange(np.count_nonzero(self.bits == b))

    def _depths(self) -> list[int]:
        return np.unique(self.bits).tolist()

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        mean = float(self.bits_per_pixel) / 3
        return f"LevelImages({len(self)} images of {self.shape}, {mean:.3g} bits for each channel value)"

    @property
    def bits_per_pixel(self) -> Fraction:
        """Three times the mean of ``bits``: the bounds are not counted."""
        return Fraction(3 * int(self.bits.sum(dtype=np.int64)), self._n)

    def levels(self, index: np.ndarray) -> np.ndarray:
        """(b, H, W, 3) uint8 of some images, by position."""
        out = np.empty((len(index), *self.shape, 3), np.uint8)
        each = out[:1].size
        for b, stream in self._streams.items():
            places = np.flatnonzero(self.bits[index] == b)
            places = places[np.argsort(self._rank[index[places]], kind="stable")]
            ranks = self._rank[index[places]]
            for run in np.split(np.arange(len(ranks)), np.flatnonzero(np.diff(ranks) != 1) + 1):
                if run.size:
                    found = unpack(stream, b, run.size * each, int(ranks[run[0]]) * each)
                    out[places[run]] = found.reshape(run.size, *out.shape[1:])
        return out

    def decode(self, index: Any) -> np.ndarray:
        """Images by position.

        Args:
            index: (b,) whole numbers in 0..n-1.

        Returns:
            (b, H, W, 3) uint8.
        """
        index = np.asarray(index, np.int64)
        out = np.empty((len(index), *self.shape, 3), np.uint8)
        for start in range(0, len(index), self._step):
            part = index[start : start + self._step]
            low, high = np.moveaxis(self._of_pixels(part).astype(np.int32), -1, 0)
            most = self._most(part)
            levels = self.levels(part).astype(np.int32)
            out[start : start + self._step] = low + (2 * levels * (high - low) + most) // (2 * most)
        return out

    @property
    def _step(self) -> int:
        """Images at once."""
        return max(1, _AT_ONCE // math.prod(self.shape))

    def _most(self, index: np.ndarray) -> np.ndarray:
        """(b, 1, 1, 1) the highest level of each image."""
        return ((1 << self.bits[index].astype(np.int32)) - 1)[:, None, None, None]

    def _of_pixels(self, index: np.ndarray) -> np.ndarray:
        """(b, H, W, c, 2) the bounds of each pixel."""
        cells = np.arange(self._n * math.prod(self.grid)).reshape(self._n, *self.grid)[index]
        bounds = self.bounds[cells if self.owners is None else self.owners[index]]  # (b, R, C, c, 2)
        height, width = self.shape
        return bounds.repeat(self.patch[0], 1)[:, :height].repeat(self.patch[1], 2)[:, :, :width]

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        depths = self._depths()
        facts = {
            "size": [self._n, *self.shape],
            "patch": list(self.patch),
            "bits": depths[0] if len(depths) == 1 else 0,
        }
        arrays = {"levels": np.concatenate([self._streams[b] for b in depths]), "bounds": self.bounds}
        if len(depths) > 1:
            arrays["bits"] = self.bits
        if self.owners is not None:
            arrays["owners"] = self.owners
        return facts, arrays

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, Any]) -> LevelImages:
        """The inverse of :meth:`arrays`; nothing is unpacked."""
        n, height, width = (int(v) for v in facts["size"])
        if min(n, height, width) < 1:
            raise ValueError(f"{n} images of {height} x {width}")
        packed, same = arrays["levels"], int(facts["bits"])
        if packed.dtype != np.uint8 or packed.ndim != 1 or packed.size * 8 < n:
            raise ValueError(f"{packed.shape} packed bytes for {n} images")
        rows, columns = (int(v) for v in facts["patch"])
        self = cls.__new__(cls)
        depths = np.full(n, same, np.uint8) if same else arrays["bits"]
        self._set((n, height, width), depths, arrays["bounds"], arrays.get("owners"), (rows, columns))
        counts = {b: int(np.count_nonzero(self.bits == b)) for b in self._depths()}
        sizes = {b: packed_size(count * height * width * 3, b) for b, count in counts.items()}
        if packed.size != sum(sizes.values()):
            raise ValueError(f"{packed.size} packed bytes where {sum(sizes.values())} are due")
        parts = np.split(packed, np.cumsum(list(sizes.values()))[:-1])
        self._streams = dict(zip(sizes, parts, strict=True))
        return self


def _of_each(bits: np.ndarray | int, n: int) -> np.ndarray:
    return np.full(n, bits) if np.ndim(bits) == 0 else np.asarray(bits)
