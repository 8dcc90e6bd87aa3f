"""Colours and assignment on a GPU, where looking at every pixel is cheaper than sorting colours out first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from cc_plugins.dcq.attention import kept_pixels, tie_rank
from cc_plugins.dcq.colors import CELL_BITS, COLORS, LOW_BITS, batches
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.palettes import ITERATIONS, TOLERANCE, cell_levels, ordered, start
from cc_plugins.dcq.refine import Images, assign
from cc_plugins.dcq.temporary import temporary

DISTANCES = 1 << 26  # held at a time


def keep_mask(attention: Tensor, keep_percent: float) -> Tensor:
    """The mask of :func:`cc_plugins.dcq.attention.keep_mask`, (n, H, W) bool of attention (n, H, W) float16."""
    pixels = attention[0].numel()
    kept = kept_pixels(attention.shape[1], attention.shape[2], keep_percent)
    bits = attention.reshape(len(attention), pixels).view(torch.int16).long()
    bits = torch.where((bits < 0) | (bits > 0x7C00), 0, bits)  # whatever has the sign bit, and NaN
    keys = bits * pixels + torch.from_numpy(tie_rank(pixels)).to(bits.device)
    threshold = keys.kthvalue(pixels - kept + 1, dim=1, keepdim=True).values
    return (keys >= threshold).view(attention.shape)


def cell_codes(rgb: Tensor) -> Tensor:
    """The codes of :func:`cc_plugins.dcq.colors.cell_codes`, (...) int32 of colours (..., 3) uint8."""
    wide = rgb.int()
    high, low = wide >> LOW_BITS, wide & ((1 << LOW_BITS) - 1)
    codes = torch.zeros_like(wide[..., 0])
    for part, bits in ((high, CELL_BITS), (low, LOW_BITS)):
        for channel in part.unbind(-1):
            codes = (codes << bits) | channel
    return codes


def cell_colors(codes: Tensor) -> Tensor:
    """The colours (..., 3) uint8 of codes (...)."""
    channels = []
    for i in (2, 1, 0):
        high = (codes >> (CELL_BITS * i + 3 * LOW_BITS)) & ((1 << CELL_BITS) - 1)
        channels.append(((high << LOW_BITS) | ((codes >> (LOW_BITS * i)) & ((1 << LOW_BITS) - 1))).to(torch.uint8))
    return torch.stack(channels, dim=-1)


def count_colors(
    images: Images, ids: np.ndarray, attention: np.ndarray | None, keep_percent: float, pixels: int, device: str
) -> Tensor:
    """How often each colour occurs among the kept pixels of some images.

    Args:
        images: gives images by their ids, on the device.
        ids: (n,) which of them.
        attention: (N, H, W) float16 not negative, or None for every pixel.
        keep_percent: of each image's pixels, those of highest attention.
        pixels: of an image.
        device: where.

    Returns:
        (2**24,) int64, by code.
    """
    table = torch.zeros(COLORS, dtype=torch.int64, device=device)
    for part in batches(ids, pixels):
        codes = cell_codes(images(torch.from_numpy(part).to(device)).permute(0, 2, 3, 1))
        if attention is not None:
            codes = codes[keep_mask(torch.from_numpy(attention[part]).to(device), keep_percent)]
        table += torch.bincount(codes.reshape(-1), minlength=COLORS)
    return table


def kmeans_palette(table: Tensor, entries: int, seed: int) -> np.ndarray:
    """The palette that :func:`cc_plugins.dcq.palettes.kmeans_palette` finds, (entries, 3) float32 LAB.

    Args:
        table: (2**24,) int64 how often each colour occurs.
        entries: palette entries, 2**q.
        seed: in [0, 2**32).
    """
    rows = table.view(-1, 1 << 3 * LOW_BITS)  # a row is a cell
    used = rows.any(dim=1).nonzero()[:, 0]
    rows = rows[used]
    lab = bytes_to_lab(cell_colors((used[:, None] << 3 * LOW_BITS) + torch.arange(rows.shape[1], device=table.device)))
    colors, counts = lab[rows > 0], rows[rows > 0].double()
    if len(colors) <= entries:
        return ordered(colors.cpu().numpy(), entries)
    sums = torch.stack([(rows * channel.double()).sum(dim=1) for channel in lab.unbind(-1)], dim=1)
    weights = rows.sum(dim=1).double()
    levels = cell_levels(*(t.cpu().numpy() for t in (used << 3 * LOW_BITS, weights, sums)))
    first = start(levels, lambda: (colors.cpu().numpy(), counts.cpu().numpy()), entries, seed)
    return ordered(_lloyd(colors.double(), counts, torch.from_numpy(first).to(table.device)).cpu().numpy(), entries)


def _lloyd(colors: Tensor, counts: Tensor, centres: Tensor) -> Tensor:
    """Lloyd's iterations over colours (m, 3) with weights (m,), all float64."""
    weighted = torch.cat([colors * counts[:, None], counts[:, None]], dim=1)
    numbers = torch.arange(len(centres), device=colors.device)[:, None]
    step = max(1, DISTANCES // len(centres))
    for _ in range(ITERATIONS):
        total = torch.zeros(len(centres), 4, dtype=torch.float64, device=colors.device)
        norms = centres.square().sum(dim=1)
        for points, values in zip(colors.split(step), weighted.split(step), strict=True):
            own = torch.addmm(norms, points, centres.T, alpha=-2).argmin(dim=1)
            total += (own == numbers).double() @ values  # an addition by index has no fixed order on a GPU
        moved = torch.where(total[:, 3:] > 0, total[:, :3] / total[:, 3:].clamp(min=1), centres)
        shift, centres = (moved - centres).abs().max(), moved
        if bool(shift < TOLERANCE):
            break
    return centres


def quantise_dataset(
    images: Images,
    clusters: np.ndarray,
    palettes: np.ndarray,
    size: tuple[int, int],
    device: str,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """What :func:`cc_plugins.dcq.quantise.quantise_dataset` gives, pixel by pixel in float32.

    Args:
        images: gives images by their ids, on the device.
        clusters: (N,) int64 the cluster of each image.
        palettes: (k, entries, 3) uint8 RGB, entries <= 256.
        size: (H, W) of the images.
        device: where.
        progress: called with (images done, N).

    Returns:
        (N, H, W) uint8; beyond 64 MiB a memory-map of a temporary file that vanishes with it.
    """
    out = temporary((len(clusters), *size), np.uint8)
    lab = bytes_to_lab(torch.from_numpy(palettes).to(device))
    owners = torch.from_numpy(clusters).to(device)
    for part in batches(np.arange(len(clusters)), size[0] * size[1]):
        ids = torch.from_numpy(part).to(device)
        pixels = bytes_to_lab(images(ids).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        out[part[0] : part[-1] + 1] = assign(pixels, lab[owners[ids]]).to(torch.uint8).cpu().numpy()
        if progress is not None:
            progress(int(part[-1]) + 1, len(clusters))
    return out
