"""Pictures as JPEG or PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from cc_plugins.synthetic import CODECS
from ccbench.archive import EncodedImages


def encoded(picture: np.ndarray, codec: str = "jpeg", quality: int = 75) -> bytes:
    """A picture as a file.

    Args:
        picture: (H, W, 3) uint8.
        codec: ``"jpeg"`` (chroma at half the resolution both ways, as Pillow does by default) or ``"png"``.
        quality: of JPEG, 1 .. 100; 75 is Pillow's default.
    """
    if codec not in CODECS:
        raise ValueError(f"codec must be one of {CODECS}, not {codec!r}")
    options = {"quality": quality, "subsampling": "4:2:0"} if codec == "jpeg" else {}
    file = io.BytesIO()
    Image.fromarray(picture).save(file, codec.upper(), **options)
    return file.getvalue()


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (h, w, 3) uint8 at another size (H, W), by Pillow's bicubic filter, antialiased."""
    if picture.shape[:2] == tuple(size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def encode(pictures: Iterable[np.ndarray], codec: str = "jpeg", quality: int = 75) -> EncodedImages:
    """Pictures of one size as files, one at a time, so that they need not fit into memory unpacked.

    Args:
        pictures: n >= 1 times (H, W, 3) uint8, or an array (n, H, W, 3).
        codec, quality: see :func:`encoded`.
    """
    return EncodedImages([encoded(picture, codec, quality) for picture in pictures], codec)
