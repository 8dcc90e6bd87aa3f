"""Median cut and octree as Pillow has them, without dithering."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PIL import Image

from ccbench.plugin import PerImage


class _Pillow(PerImage):
    threads = True  # Pillow lets go of the interpreter while it quantises
    method: ClassVar[Image.Quantize]

    def quantise(self, image: np.ndarray, colours: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Pillow's own assignment and palette, cut behind the last entry that a pixel uses."""
        result = Image.fromarray(image).quantize(colours, method=self.method, dither=Image.Dither.NONE)
        index = np.asarray(result)
        palette = np.array(result.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return index, palette[: int(index.max()) + 1]


class MedianCut(_Pillow):
    """Split the box with the most pixels at its median until there are 2^q boxes (Heckbert 1982)."""

    method = Image.Quantize.MEDIANCUT


class Octree(_Pillow):
    """Merge the cells of an octree down to 2^q colours (after Gervautz and Purgathofer 1988).

    Pillow's fast octree starts from cells of a fixed size, so it can use fewer than 2^q colours.
    """

    method = Image.Quantize.FASTOCTREE
