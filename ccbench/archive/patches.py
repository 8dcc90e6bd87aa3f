"""Images of which patches are left out, and filled when they are decoded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ccbench.archive.checks import expect
from ccbench.coding.names import MOST_PIXELS
from ccbench.errors import UserError

FILLS = ("mean", "neighbours")


class PatchImages:
    """Images cut into square patches, of which each keeps equally many; the others take no bytes.

    What is left out is filled from the kept pixels of the same image whenever it is decoded: ``"mean"`` by their mean
    colour; ``"neighbours"`` pixel by pixel, by the nearest kept pixels to the left, to the right, above and below, each
    weighing the inverse of its distance, and by the mean colour where there is none.

    Args:
        patches: (n, k, P, P, 3) uint8 RGB, the kept patches of each image in reading order, k >= 1.
        masks: (n, R, C) bool, which patches are kept, k of each image; images are R * P x C * P pixels.
        fill: one of :data:`FILLS`.

    Raises:
        UserError: a wrong shape or dtype, masks that keep another number of patches, an unknown fill, or more than
            :data:`ccbench.coding.names.MOST_PIXELS` pixels of an image.
    """

    kind: ClassVar[str] = "patches"

    def __init__(self, patches: np.ndarray, masks: np.ndarray, fill: str) -> None:
        expect("patches", patches, 5, "(n, k, P, P, 3)")
        n, kept, side, other, channels = patches.shape
        if channels != 3 or side != other:
            raise UserError("patches must be (n, k, P, P, 3) RGB", found=f"shape {patches.shape}")
        if not isinstance(masks, np.ndarray) or masks.dtype != bool or masks.ndim != 3 or len(masks) != n:
            raise UserError(
                "masks must be (n, R, C) bool, one for each image",
                found=f"shape {np.shape(masks)}, dtype {getattr(masks, 'dtype', type(masks).__name__)}",
            )
        counts = masks.sum((1, 2))
        if (counts != kept).any():
            bad = int(np.flatnonzero(counts != kept)[0])
            raise UserError(
                f"each mask must keep the {kept} patches that there are", found=f"{counts[bad]} of image {bad}"
            )
        if fill not in FILLS:
            raise UserError(f"fill must be one of {', '.join(FILLS)}", found=repr(fill))
        self.patches, self.masks, self.fill = patches, masks, fill
        self.shape = masks.shape[1] * side, masks.shape[2] * side
        if self.shape[0] * self.shape[1] > MOST_PIXELS:
            raise UserError(f"an image has at most {MOST_PIXELS:,} pixels", found=f"{self.shape}")

    @classmethod
    def cut(cls, images: np.ndarray, masks: np.ndarray, fill: str) -> PatchImages:
        """What is kept of whole images.

        Args:
            images: (n, H, W, 3) uint8.
            masks: (n, R, C) bool; R and C cut the images into squares.
            fill: see the class.

        Raises:
            UserError: they do not, or the masks keep unequal numbers of patches.
        """
        n, rows, columns = masks.shape
        height, width = images.shape[1:3]
        side = height // rows
        if (height, width) != (rows * side, columns * side):
            raise UserError(
                f"images of {height} x {width} pixels are not {rows} x {columns} square patches", found=f"side {side}"
            )
        counts = masks.sum((1, 2))
        if (counts != counts[0]).any():
            raise UserError("each mask must keep equally many patches", found=f"{counts.min()} to {counts.max()}")
        squares = images.reshape(n, rows, side, columns, side, 3).swapaxes(2, 3)
        return cls(squares[masks].reshape(n, int(counts[0]), side, side, 3), masks, fill)

    def __len__(self) -> int:
        return len(self.patches)

    def __repr__(self) -> str:
        kept, side = self.patches.shape[1:3]
        return f"PatchImages({len(self)} images of {self.shape}, {kept} patches of {side} pixels of each)"

    @property
    def bits_per_pixel(self) -> Fraction:
        """24 times the share of patches that is kept: the masks are not counted."""
        return Fraction(24 * self.patches.shape[1], self.masks[0].size)

    def decode(self, index: Any) -> np.ndarray:
        """Images by position, filled.

        Args:
            index: (b,) whole numbers in 0..n-1.

        Returns:
            (b, H, W, 3) uint8; kept pixels are as they were.
        """
        index = np.asarray(index, np.int64)
        masks, patches, side = self.masks[index], self.patches[index], self.patches.shape[2]
        squares = np.zeros((*masks.shape, side, side, 3), np.uint8)
        squares[masks] = patches.reshape(-1, side, side, 3)
        images = squares.swapaxes(2, 3).reshape(len(index), *self.shape, 3)
        known = masks.repeat(side, 1).repeat(side, 2)
        mean = patches.reshape(len(index), -1, 3).mean(1)
        filled = np.broadcast_to(mean[:, None, None], images.shape)
        if self.fill == "neighbours":
            filled = _interpolated(images, known, filled)
        return np.where(known[..., None], images, np.rint(filled).astype(np.uint8))

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file; a mask takes a bit for each patch, rounded up to whole bytes."""
        packed = np.packbits(self.masks.reshape(len(self), -1), axis=1, bitorder="little")
        return {"grid": list(self.masks.shape[1:]), "fill": self.fill}, {"masks": packed, "patches": self.patches}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> PatchImages:
        """The inverse of :meth:`arrays`."""
        (rows, columns), packed = (int(v) for v in facts["grid"]), arrays["masks"]
        if min(rows, columns) < 1 or packed.dtype != np.uint8 or packed.shape[1:] != (-(-rows * columns // 8),):
            raise ValueError(f"masks of shape {packed.shape} for {rows} x {columns} patches")
        masks = np.unpackbits(packed, axis=1, count=rows * columns, bitorder="little")
        return cls(arrays["patches"], masks.astype(bool).reshape(-1, rows, columns), facts["fill"])


def _interpolated(images: np.ndarray, known: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """(b, H, W, 3) float64: the nearest known pixels in the four directions, each by the inverse of its distance."""
    total, weight = np.zeros(images.shape), np.zeros((*known.shape, 1))
    for axis in (1, 2):
        for flip in (False, True):
            pixels, seen = (np.flip(a, axis) if flip else a for a in (images, known))
            place = np.arange(seen.shape[axis]).reshape([-1 if k == axis else 1 for k in range(3)])
            last = np.maximum.accumulate(np.where(seen, place, -1), axis)
            near = np.take_along_axis(pixels, np.maximum(last, 0)[..., None], axis)
            share = np.where(last < 0, 0, 1 / np.maximum(place - last, 1))[..., None]
            total += np.flip(near * share, axis) if flip else near * share
            weight += np.flip(share, axis) if flip else share
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), otherwise)
