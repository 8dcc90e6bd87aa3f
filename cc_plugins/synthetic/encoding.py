"""Pictures as JPEG or PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from cc_plugins.synthetic import CHROMA, CODECS
from ccbench.plugin import EncodedImages

FULL_CHROMA = 64  # pixels; below, colour at half the resolution loses what neighbours differ in


def encoded(picture: np.ndarray, codec: str, quality: int, chroma: str) -> bytes:
    """A picture as a file.

    Args:
        picture: (H, W, 3) uint8.
        codec: ``"jpeg"`` or ``"png"``.
        quality: of JPEG, 1 .. 100; 75 is Pillow's default.
        chroma: of JPEG, ``"444"`` is its colour at full resolution, ``"420"`` at half of it both ways, which is
            Pillow's default; ``"auto"`` is full where no side has more than 64 pixels, and half above.
    """
    if codec not in CODECS:
        raise ValueError(f"codec must be one of {CODECS}, not {codec!r}")
    if chroma not in CHROMA:
        raise ValueError(f"chroma must be one of {CHROMA}, not {chroma!r}")
    full = max(picture.shape[:2]) <= FULL_CHROMA if chroma == "auto" else chroma == "444"
    options = {"quality": quality, "subsampling": "4:4:4" if full else "4:2:0"} if codec == "jpeg" else {}
    file = io.BytesIO()
    Image.fromarray(picture).save(file, codec.upper(), **options)
    return file.getvalue()


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (h, w, 3) uint8 at another size (H, W), by Pillow's bicubic filter, antialiased."""
    if picture.shape[:2] == tuple(size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def encode(pictures: Iterable[np.ndarray], codec: str, quality: int, chroma: str) -> EncodedImages:
    """Pictures of one size as files, one at a time, so that they need not fit into memory unpacked.

    Args:
        pictures: n >= 1 times (H, W, 3) uint8, or an array (n, H, W, 3).
        codec, quality, chroma: see :func:`encoded`.
    """
    return EncodedImages([encoded(picture, codec, quality, chroma) for picture in pictures], codec)
