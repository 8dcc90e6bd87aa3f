"""What a compressed dataset may hold: raw images, images of few colours or levels, encoded ones, patches, or floats."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ccbench.archive.checks import expect
from ccbench.archive.encoded import EncodedImages
from ccbench.archive.floats import FloatImages
from ccbench.archive.levels import LevelImages
from ccbench.archive.palette import PaletteImages
from ccbench.archive.patches import PatchImages
from ccbench.archive.pending import Pending
from ccbench.errors import UserError


class RawImages:
    """Images as they are, 24 bits per pixel.

    Args:
        images: (n, H, W, 3) uint8 RGB, n, H, W >= 1; may be memory-mapped.

    Raises:
        UserError: another shape or dtype.
    """

    kind: ClassVar[str] = "raw"

    def __init__(self, images: np.ndarray | Pending) -> None:
        if not isinstance(images, Pending):
            expect("images", images, 4, "(n, H, W, 3)")
        if images.shape[3] != 3:
            raise UserError("images must be (n, H, W, 3) RGB", found=f"shape {images.shape}")
        self._images = images

    @property
    def images(self) -> np.ndarray:
        """(n, H, W, 3) uint8; where the file holds them coded, they are decoded here, once."""
        if isinstance(self._images, Pending):
            self._images = self._images.array()
        return self._images

    @property
    def pending(self) -> Pending | None:
        """The images, where they are still coded."""
        return self._images if isinstance(self._images, Pending) else None

    def some(self, images: np.ndarray, positions: np.ndarray) -> RawImages:
        """A few images alone."""
        return RawImages(images)

    def __len__(self) -> int:
        return self._images.shape[0]

    def __repr__(self) -> str:
        return f"RawImages({len(self)} images of {self.shape})"

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self._images.shape[1], self._images.shape[2]

    @property
    def bits_per_pixel(self) -> Fraction:
        """24."""
        return Fraction(24)

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        return {}, {"images": self.images}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, Any]) -> RawImages:
        """The inverse of :meth:`arrays`."""
        return cls(arrays["images"])


Payload = RawImages | PaletteImages | EncodedImages | PatchImages | LevelImages | FloatImages
KINDS: dict[str, type[Payload]] = {
    c.kind: c for c in (RawImages, PaletteImages, EncodedImages, PatchImages, LevelImages, FloatImages)
}

__all__ = [
    "KINDS",
    "EncodedImages",
    "FloatImages",
    "LevelImages",
    "PaletteImages",
    "PatchImages",
    "Payload",
    "RawImages",
]
