"""The distinct colours of a cluster's kept pixels, with their counts, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cc_plugins.dcq.attention import keep_mask

BATCH_PIXELS = 1 << 22
CELL_BITS = 5  # a cell holds the colours that share the upper bits of each channel
LOW_BITS = 8 - CELL_BITS
COLORS = 1 << 24


def _tables() -> np.ndarray:
    v = np.arange(256)
    high, low = v >> LOW_BITS, v & ((1 << LOW_BITS) - 1)
    shifts = ((2, 2), (1, 1), (0, 0))
    return np.stack([(high << (CELL_BITS * h + 3 * LOW_BITS)) | (low << (LOW_BITS * s)) for h, s in shifts]).astype(
        np.int32
    )


_CODE = _tables()


def cell_codes(rgb: np.ndarray) -> np.ndarray:
    """One int32 in [0, 2**24) per colour: upper bits of R, G, B first, then the lower ones.

    Sorted codes are therefore grouped by cell (:func:`cells`), and near colours have near codes.

    Args:
        rgb: (..., 3) uint8.

    Returns:
        (...) int32.
    """
    codes = _CODE[0].take(rgb[..., 0])
    codes |= _CODE[1].take(rgb[..., 1])
    codes |= _CODE[2].take(rgb[..., 2])
    return codes


def cell_colors(codes: np.ndarray) -> np.ndarray:
    """The colours (..., 3) uint8 of codes (...)."""
    mask, low_mask = (1 << CELL_BITS) - 1, (1 << LOW_BITS) - 1
    return np.stack(
        [
            (((codes >> (CELL_BITS * i + 3 * LOW_BITS)) & mask) << LOW_BITS) | ((codes >> (LOW_BITS * i)) & low_mask)
            for i in (2, 1, 0)
        ],
        axis=-1,
    ).astype(np.uint8)


def cells(codes: np.ndarray) -> np.ndarray:
    """The cell (...) int32 in [0, 2**15) that each code lies in."""
    return codes >> (3 * LOW_BITS)


def batches(ids: np.ndarray, pixels: int, limit: int = BATCH_PIXELS) -> Iterator[np.ndarray]:
    """Slices of ``ids`` of about ``limit`` pixels, at least one image each."""
    size = max(1, limit // pixels)
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def distinct_colors(
    images: np.ndarray, ids: np.ndarray, attention: np.ndarray | None = None, keep_percent: float = 100.0
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct colours of the kept pixels of some images.

    One batch is sorted; more than one is counted into a table of 2**24 entries, whose
    cost per batch does not depend on what was seen before.

    Args:
        images: (N, H, W, 3) uint8, possibly memory-mapped.
        ids: (n,) which of them.
        attention: (N, H, W) not negative, or None for every pixel.
        keep_percent: of each image's pixels, those of highest attention.

    Returns:
        codes (m,) int32, ascending, and counts (m,) int64.
    """

    def kept(batch: np.ndarray) -> np.ndarray:
        codes = cell_codes(images[batch])
        return codes.reshape(-1) if attention is None else codes[keep_mask(attention[batch], keep_percent)]

    pixels = images.shape[1] * images.shape[2]
    parts = list(batches(ids, pixels))
    if len(parts) == 1:
        return np.unique(kept(parts[0]), return_counts=True)
    table = np.zeros(COLORS, np.int64)
    for part in parts:
        table += np.bincount(kept(part), minlength=COLORS)
    codes = np.flatnonzero(table)
    return codes.astype(np.int32), table[codes]
