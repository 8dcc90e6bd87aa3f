"""Reading encoded files: their size before anything is allocated, and their pixels."""

from __future__ import annotations

import importlib.util
import io
from typing import Any

import numpy as np
from PIL import Image, features

CODECS = ("png", "jpeg", "webp", "avif", "jxl")
_AVIF = "AVIF needs Pillow 11.3 or newer; install it with: pip install --upgrade pillow"
_JXL = "JPEG XL needs the package imagecodecs; install it with: pip install 'ccbench[jxl]'"


def missing_codec(codec: str) -> str | None:
    """What this machine lacks for a codec and the command that installs it, or None."""
    if codec == "avif":
        return None if features.check("avif") else _AVIF
    if codec == "jxl":
        return None if importlib.util.find_spec("imagecodecs") else _JXL
    return None


def read_size(blob: bytes, codec: str) -> tuple[int, int]:
    """(height, width) in pixels, from the head of the file.

    Raises:
        Exception: of any kind, where these bytes are no such file.
    """
    if codec == "jxl":
        return _jxl_size(blob)
    with _pillow(blob, codec) as image:
        return image.height, image.width


def read_pixels(blob: bytes, codec: str, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8.

    Args:
        size: that the image must have; another one is refused before memory is taken for it.

    Raises:
        SizeError: it has another size.
        Exception: of any other kind, where these bytes are damaged or the codec is not installed.
    """
    if codec == "jxl":
        _expect(_jxl_size(blob), size)
        pixels = np.empty((*size, 3), np.uint8)
        _imagecodecs().jpegxl_decode(blob, out=pixels)
        return pixels
    with _pillow(blob, codec) as image:
        _expect((image.height, image.width), size)
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


class SizeError(ValueError):
    """An image has another size than it should; the text says which."""


def _expect(found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != tuple(size):
        raise SizeError(f"{found}, not {tuple(size)}")


def _imagecodecs() -> Any:
    try:
        import imagecodecs
    except ImportError as error:
        raise ImportError(_JXL) from error
    return imagecodecs


def _pillow(blob: bytes, codec: str) -> Image.Image:
    if codec == "avif" and not features.check("avif"):
        raise ImportError(_AVIF)
    return Image.open(io.BytesIO(blob), formats=[codec.upper()])


_JXL_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n"
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def _jxl_size(blob: bytes) -> tuple[int, int]:
    """The size header of a codestream, bare or in its box (ISO/IEC 18181-1); no package reads it without the pixels."""
    start = blob.index(b"jxlc") + 4 if blob.startswith(_JXL_BOXES) else 0
    if blob[start : start + 2] != b"\xff\x0a":
        raise ValueError("no JPEG XL codestream")
    bits = int.from_bytes(blob[start + 2 : start + 12], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height, ratio = side(), take(3)
    if ratio:
        over, under = _JXL_RATIOS[ratio]
        return height, height * over // under
    return height, side()
