"""The nearest palette entry of each colour."""

from __future__ import annotations

import numpy as np

_CHUNK = 1 << 16  # distances held at a time: they stay in the cache


def nearest(colors: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The index of the nearest entry by squared Euclidean distance, in float64; the first among equal entries.

    Args:
        colors: (m, 3) float.
        palette: (k, 3) float, 1 <= k <= 256.

    Returns:
        (m,) uint8.
    """
    palette = np.asarray(palette, np.float64)
    # equal entries keep their first index, whatever a matrix product does to their last bits
    first = np.sort(np.unique(palette, axis=0, return_index=True)[1])
    palette = palette[first]
    first = first.astype(np.uint8)
    double, norms = -2 * palette.T, np.square(palette).sum(axis=1)
    out = np.empty(len(colors), np.uint8)
    step = max(1, _CHUNK // len(palette))
    for start in range(0, len(colors), step):
        scores = colors[start : start + step].astype(np.float64) @ double
        scores += norms
        out[start : start + step] = first[scores.argmin(axis=1)]
    return out
