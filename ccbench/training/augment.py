"""Random crops and flips of whole batches, on the device that holds them."""

from __future__ import annotations

import torch


def crop_and_flip(
    images: torch.Tensor, generator: torch.Generator, *, padding: int, mode: str = "zeros", flip: bool = True
) -> torch.Tensor:
    """Pad, crop back to the old size at a random place and mirror half of the images, each image on its own.

    Args:
        images: (b, 3, H, W) uint8, channels_last.
        generator: on the same device.
        padding: pixels at each side; offsets are uniform in 0 .. 2 * padding.
        mode: ``"zeros"`` pads with black, ``"reflect"`` mirrors without repeating the edge (padding < H and W).
        flip: mirror left to right with probability 1/2.

    Returns:
        (b, 3, H, W) uint8, channels_last.
    """
    if padding == 0 and not flip:
        return images
    b, _, height, width = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(b, height)
    columns = torch.arange(width, device=device).expand(b, width)
    if padding:
        shift = torch.randint(0, 2 * padding + 1, (2, b, 1), generator=generator, device=device)
        rows, columns = rows + shift[0], columns + shift[1]
    if flip:
        mirrored = torch.rand(b, 1, generator=generator, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    pixels = images.permute(0, 2, 3, 1)
    if padding and mode == "zeros":
        padded = pixels.new_zeros(b, height + 2 * padding, width + 2 * padding, 3)
        padded[:, padding:-padding, padding:-padding] = pixels
        pixels = padded
    elif padding:
        rows, columns = _reflect(rows - padding, height), _reflect(columns - padding, width)
    # whole rows first, then bytes within rows: several times as fast on a CPU as indexing pixels
    tall, wide = pixels.shape[1:3]
    first = torch.arange(b, device=device).unsqueeze(1) * tall
    chosen = pixels.reshape(b * tall, wide * 3).index_select(0, (first + rows).flatten()).view(b, height, wide * 3)
    within = (columns.unsqueeze(2) * 3 + torch.arange(3, device=device)).view(b, 1, width * 3)
    out = chosen.gather(2, within.expand(b, height, width * 3))
    return out.view(b, height, width, 3).permute(0, 3, 1, 2)


def _reflect(index: torch.Tensor, size: int) -> torch.Tensor:
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)
