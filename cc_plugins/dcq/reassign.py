"""Images go to the palette that fits them best (not in the paper)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.refine import Images

BITS = 6  # of each channel: colours that share them count as their cell's middle
BLOCK = 32  # palettes compared at a time: their table has 32 MiB
BATCH_PIXELS = 1 << 16
_ROWS = 1 << 22  # distances held at a time


def best_palettes(
    at: Images,
    n: int,
    palettes: np.ndarray,
    device: str,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The palette with the smallest mean squared error in LAB for each image, over all of its pixels.

    Args:
        at: ids (b,) to (b, 3, H, W) uint8.
        n: how many images there are.
        palettes: (k, entries, 3) float32 LAB.
        device: where to compute.
        progress: called with (looks done, looks).

    Returns:
        (n,) int64 in 0 .. k-1; the first of equal ones.
    """
    best = torch.full((n,), torch.inf, device=device)
    chosen = torch.zeros(n, dtype=torch.int64, device=device)
    blocks = range(0, len(palettes), BLOCK)
    for start in blocks:
        table = errors_of_cells(torch.from_numpy(palettes[start : start + BLOCK]).to(device))
        for ids in _batches(at, n, device):
            errors = table[_cells(at(ids))].mean(1)  # (b, pixels, palettes) to (b, palettes)
            least, which = errors.min(1)
            nearer = least < best[ids]
            best[ids] = torch.where(nearer, least, best[ids])
            chosen[ids] = torch.where(nearer, which + start, chosen[ids])
        if progress is not None:
            progress(min(start + BLOCK, len(palettes)), len(palettes))
    return chosen.cpu().numpy()


def errors_of_cells(palettes: Tensor) -> Tensor:
    """(2 ** 18, k) float32: from a cell's middle to the nearest entry of each palette, squared, in LAB.

    Args:
        palettes: (k, entries, 3) float32 LAB.
    """
    side = torch.arange(1 << BITS, device=palettes.device) * (1 << 8 - BITS) + (1 << 7 - BITS)
    middles = bytes_to_lab(torch.cartesian_prod(side, side, side).to(torch.uint8))
    table = torch.empty(len(middles), len(palettes), device=palettes.device)
    step = max(1, _ROWS // palettes.shape[1])
    for k, palette in enumerate(palettes):
        for start in range(0, len(middles), step):
            part = middles[start : start + step]
            table[start : start + step, k] = (part[:, None] - palette).square_().sum(2).amin(1)
    return table


def _cells(images: Tensor) -> Tensor:
    """(b, H * W) int64 of (b, 3, H, W) uint8."""
    r, g, b = (images.flatten(2) >> 8 - BITS).long().unbind(1)
    return (r << 2 * BITS) | (g << BITS) | b


def _batches(at: Images, n: int, device: str) -> list[Tensor]:
    first = at(torch.zeros(1, dtype=torch.int64, device=device))
    size = max(1, BATCH_PIXELS // (first.shape[2] * first.shape[3]))
    return list(torch.arange(n, device=device).split(size))
