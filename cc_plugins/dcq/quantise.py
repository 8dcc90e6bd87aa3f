"""Every pixel to its nearest palette colour in LAB (DCQ, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cc_plugins.dcq.colors import batches, cell_codes, cell_colors
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.nearest import nearest
from cc_plugins.dcq.temporary import temporary


def quantise_dataset(
    images: np.ndarray,
    members: list[np.ndarray],
    palettes: np.ndarray,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The index of the nearest colour in its cluster's palette, for every pixel of every image, kept or not.

    A distinct colour of a cluster is converted and compared once; all later pixels of
    that colour are a look-up in a table of 2**24 entries (32 MiB).

    Args:
        images: (N, H, W, 3) uint8, possibly memory-mapped.
        members: the ids of each cluster's images; together every image once.
        palettes: (k, entries, 3) uint8 RGB, entries <= 256.
        progress: called with (images done, N).

    Returns:
        (N, H, W) uint8; beyond 64 MiB a memory-map of a temporary file that vanishes with it.
    """
    out = temporary(images.shape[:3], np.uint8)
    table = np.empty(1 << 24, np.int16)
    done = 0
    for ids, palette in zip(members, bytes_to_lab(palettes).numpy(), strict=True):
        table.fill(-1)
        for batch in batches(ids, images.shape[1] * images.shape[2]):
            codes = cell_codes(images[batch])
            index = table.take(codes)
            new = codes[index < 0]
            if new.size:
                new.sort()  # np.unique would hash, which is slower here
                new = new[np.append(True, new[1:] != new[:-1])]
                table[new] = nearest(bytes_to_lab(cell_colors(new)).numpy(), palette)
                index = table.take(codes)
            out[batch] = index
            done += len(batch)
            if progress is not None:
                progress(done, len(images))
    return out
