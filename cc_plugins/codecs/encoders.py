"""A picture as a lossy file: what each codec calls quality and effort."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Encoder:
    """One codec with its settings.

    Attributes:
        codec: ``"jpeg"``, ``"webp"``, ``"avif"`` or ``"jxl"``.
        single: whether each file is one image; then nothing is put into its head that another image's would not have.
        chroma: ``"444"`` or ``"420"``, of JPEG and AVIF.
        effort: of the others, in the codec's own units.
    """

    codec: str
    single: bool = False
    chroma: str = "444"
    effort: int = 0

    @property
    def qualities(self) -> tuple[int, int]:
        """The lowest and the highest; above 95 JPEG's files grow and its pictures do not improve."""
        return (1, 95) if self.codec == "jpeg" else (0, 100)

    @property
    def longest_side(self) -> int:
        """Of a picture, in pixels; AVIF's is what its decoder takes."""
        return {"jpeg": 65_500, "webp": 16_383, "avif": 32_768, "jxl": 1 << 18}[self.codec]

    def __call__(self, picture: np.ndarray, quality: int) -> bytes:
        """Encode one picture.

        Args:
            picture: (H, W, 3) uint8.
            quality: within :attr:`qualities`.
        """
        if self.codec == "jxl":
            return self._jxl(picture, quality)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, self.codec.upper(), quality=quality, **self._options())
        return file.getvalue()

    def _options(self) -> Mapping[str, Any]:
        sampled = f"4:{self.chroma[1]}:{self.chroma[2]}"
        if self.codec == "jpeg":
            return {"subsampling": sampled, "optimize": not self.single}
        if self.codec == "webp":
            return {"method": self.effort}
        # one thread: two would cut the picture into tiles by the number of cores
        return {"subsampling": sampled, "speed": 10 - self.effort, "max_threads": 1}

    def _jxl(self, picture: np.ndarray, quality: int) -> bytes:
        import imagecodecs

        return bytes(
            imagecodecs.jpegxl_encode(
                picture, distance=distance(quality), effort=self.effort, lossless=False, numthreads=1
            )
        )


def distance(quality: float) -> float:
    """JPEG XL's distance, in just noticeable differences, of a quality 0 .. 100, as its reference encoder has it."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25
