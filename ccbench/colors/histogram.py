"""How often each channel has each value."""

from __future__ import annotations

import numpy as np

_TOGETHER = 1 << 20  # pixels counted at once: bounds the extra memory at some 8 MiB
# three 16-bit words hold two pixels, RG BR GB (low byte first): the channels of each word's low and high byte
_WORDS = ((0, 1), (2, 0), (1, 2))


def channel_histogram(images: np.ndarray) -> np.ndarray:
    """Counts of the 256 values of each channel over all pixels.

    Two bytes are counted as one of 65,536 words, which halves the work, and the words are added up at the end.

    Args:
        images: (..., 3) uint8 RGB, any number of pixels; may be memory-mapped.

    Returns:
        (3, 256) int64.
    """
    pixels = images.reshape(-1, 3)
    pairs = np.zeros((3, 65536), np.int64)
    even = len(pixels) // 2 * 2
    for start in range(0, even, _TOGETHER):
        part = np.ascontiguousarray(pixels[start : min(start + _TOGETHER, even)])
        words = part.reshape(-1).view("<u2").reshape(-1, 3)
        for word in range(3):
            pairs[word] += np.bincount(words[:, word], minlength=65536)
    out = np.zeros((3, 256), np.int64)
    for (low, high), counts in zip(_WORDS, pairs.reshape(3, 256, 256), strict=True):
        out[low] += counts.sum(0)
        out[high] += counts.sum(1)
    for pixel in pixels[even:]:
        out[np.arange(3), pixel] += 1
    return out
