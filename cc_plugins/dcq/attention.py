"""Which pixels of an image count for its cluster's palette (DCQ, section 3.2.2)."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ccbench.plugin import UserError


def kept_pixels(height: int, width: int, keep_percent: float) -> int:
    """How many pixels of an image are kept: keep_percent % of them rounded up, so at least one."""
    return max(1, math.ceil(round(height * width * keep_percent / 100, 6)))


def keep_mask(attention: np.ndarray, keep_percent: float) -> np.ndarray:
    """The pixels of highest attention, exactly ``kept_pixels`` of each image.

    Equal attention is common (a class activation map is zero over whole regions), and
    taking the first pixels then would favour the top of the image. Ties are therefore
    broken by a fixed order that is scattered over the image and depends on its size only.

    Args:
        attention: (n, H, W) float16 or float32, NaN and negative values count as 0.
        keep_percent: in (0, 100].

    Returns:
        (n, H, W) bool.

    Raises:
        UserError: the attention is not (n, H, W).
    """
    if attention.ndim != 3:
        raise UserError("attention maps must have the shape (images, height, width)", found=attention.shape)
    n, height, width = attention.shape
    pixels = height * width
    kept = kept_pixels(height, width, keep_percent)
    if kept >= pixels:
        return np.ones(attention.shape, bool)
    # bit patterns of non-negative floats rise with their values: with the tie rank below them, keys are unique integers
    half = attention.dtype == np.float16
    flat = np.ascontiguousarray(attention if half else attention.astype(np.float32)).reshape(n, pixels)
    bits: np.ndarray = flat.view(np.uint16 if half else np.uint32)
    bits = np.where(bits > (0x7C00 if half else 0x7F800000), 0, bits)  # NaN, and whatever has the sign bit
    small = half and pixels * 0x8000 < 2**31
    keys: np.ndarray = bits.astype(np.int32 if small else np.int64)
    keys *= pixels
    keys += tie_rank(pixels).astype(keys.dtype)
    threshold = np.partition(keys, pixels - kept, axis=1)[:, pixels - kept, None]
    return (keys >= threshold).reshape(attention.shape)


@cache
def tie_rank(pixels: int) -> np.ndarray:
    """(pixels,) int64: the rank of each pixel among equals, the highest is kept first."""
    return np.random.default_rng(0).permutation(pixels)
