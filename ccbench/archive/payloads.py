"""What a compressed dataset may hold: raw images, images of few colours, encoded images, or patches of images."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ccbench.archive.checks import expect
from ccbench.archive.encoded import EncodedImages
from ccbench.archive.palette import PaletteImages
from ccbench.archive.patches import PatchImages
from ccbench.errors import UserError


@dataclass
class RawImages:
    """Images as they are, 24 bits per pixel.

    Attributes:
        images: (n, H, W, 3) uint8 RGB, n, H, W >= 1; may be memory-mapped.

    Raises:
        UserError: another shape or dtype.
    """

    kind: ClassVar[str] = "raw"
    images: np.ndarray

    def __post_init__(self) -> None:
        expect("images", self.images, 4, "(n, H, W, 3)")
        if self.images.shape[3] != 3:
            raise UserError("images must be (n, H, W, 3) RGB", found=f"shape {self.images.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"RawImages({len(self)} images of {self.shape})"

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def bits_per_pixel(self) -> Fraction:
        """24."""
        return Fraction(24)

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        return {}, {"images": self.images}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> RawImages:
        """The inverse of :meth:`arrays`."""
        return cls(arrays["images"])


Payload = RawImages | PaletteImages | EncodedImages | PatchImages
KINDS: dict[str, type[RawImages] | type[PaletteImages] | type[EncodedImages] | type[PatchImages]] = {
    c.kind: c for c in (RawImages, PaletteImages, EncodedImages, PatchImages)
}

__all__ = ["KINDS", "EncodedImages", "PaletteImages", "PatchImages", "Payload", "RawImages"]
