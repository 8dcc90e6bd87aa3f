"""Several crops side by side in one picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ccbench.training.resample import Size

NOISE = 1 / 64  # a resampled flat colour may come out a rounding error below its value


def mosaic(crops: torch.Tensor, factor: int, size: Size) -> torch.Tensor:
    """A picture of ``factor`` x ``factor`` tiles, row by row.

    Where the size is no multiple of ``factor``, the first rows and columns of tiles are one pixel larger than a crop,
    by repeating pixels.

    Args:
        crops: (factor**2, 3, H // factor, W // factor) float32 in 0 .. 255.
        factor: tiles along each side.
        size: (H, W).

    Returns:
        (H, W, 3) uint8; values are cut off to whole numbers, not rounded.
    """
    tiles = [
        _fit(crop, _length(size[0], factor, k // factor), _length(size[1], factor, k % factor))
        for k, crop in enumerate(crops)
    ]
    rows = [torch.cat(tiles[start : start + factor], 2) for start in range(0, factor**2, factor)]
    return (torch.cat(rows, 1) + NOISE).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def _length(size: int, factor: int, i: int) -> int:
    return size // factor + (i < size % factor)


def _fit(crop: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return F.interpolate(crop.unsqueeze(0), (height, width), mode="nearest")[0]
