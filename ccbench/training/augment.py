"""Random views of whole batches, on the device that holds them."""

from __future__ import annotations

import torch

from ccbench.training.colors import blur, jitter
from ccbench.training.recipe import Recipe
from ccbench.training.resample import random_boxes, resized_crop

RATIO = (3 / 4, 4 / 3)  # width to height of a random resized crop (Szegedy et al., 2015), torchvision's default


def augment(images: torch.Tensor, recipe: Recipe, generator: torch.Generator, size: tuple[int, int]) -> torch.Tensor:
    """One random view of every image, as the recipe says.

    Args:
        images: (b, 3, H, W) uint8, channels_last.
        recipe: its crops, flips, patches, colours and blur, in this order.
        generator: on the same device.
        size: (h, w) of a random resized crop; it and the change of size are one resampling.

    Returns:
        (b, 3, H, W) uint8, or (b, 3, h, w) float32 in 0 .. 255 after a random resized crop, other colours or blur.
    """
    views = _cropped(images, recipe, generator, size)
    if recipe.color_jitter:
        views = jitter(views, recipe.color_jitter, generator)
    if recipe.blur:
        views = blur(views, recipe.blur, generator)
    return views.contiguous(memory_format=torch.channels_last) if recipe.color_jitter or recipe.blur else views


def _cropped(images: torch.Tensor, recipe: Recipe, generator: torch.Generator, size: tuple[int, int]) -> torch.Tensor:
    images = crop_and_flip(
        images,
        generator,
        padding=recipe.crop_padding,
        mode=recipe.padding_mode,
        flip=recipe.flip,
        patches=recipe.shuffle_patches,
    )
    if not recipe.crop_scale:
        return images
    # mirrored before the crop: boxes lie symmetrically, so the views are those of a flip behind it
    height, width = images.shape[2:]
    boxes = random_boxes(len(images), (height, width), generator, scale=(recipe.crop_scale, 1.0), ratio=RATIO)
    return resized_crop(images, boxes, size)


def crop_and_flip(
    images: torch.Tensor,
    generator: torch.Generator,
    *,
    padding: int,
    mode: str = "zeros",
    flip: bool = True,
    patches: int = 1,
) -> torch.Tensor:
    """Shuffle patches, pad, crop back to the old size at a random place and mirror half, each image on its own.

    Args:
        images: (b, 3, H, W) uint8, channels_last.
        generator: on the same device.
        padding: pixels at each side; offsets are uniform in 0 .. 2 * padding.
        mode: ``"zeros"`` pads with black, ``"reflect"`` mirrors without repeating the edge (padding < H and W).
        flip: mirror left to right with probability 1/2.
        patches: cut into so many columns and rows, and shuffle both.

    Returns:
        (b, 3, H, W) uint8, channels_last.
    """
    if padding == 0 and not flip and patches == 1:
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
    border = padding if mode == "zeros" else 0
    if border:
        padded = pixels.new_zeros(b, height + 2 * padding, width + 2 * padding, 3)
        padded[:, padding:-padding, padding:-padding] = pixels
        pixels = padded
    elif padding:
        rows, columns = _reflect(rows - padding, height), _reflect(columns - padding, width)
    if patches > 1:
        rows = _through(patch_order(b, height, patches, generator), rows, border)
        columns = _through(patch_order(b, width, patches, generator), columns, border)
    # whole rows first, then bytes within rows: several times as fast on a CPU as indexing pixels
    tall, wide = pixels.shape[1:3]
    first = torch.arange(b, device=device).unsqueeze(1) * tall
    chosen = pixels.reshape(b * tall, wide * 3).index_select(0, (first + rows).flatten()).view(b, height, wide * 3)
    within = (columns.unsqueeze(2) * 3 + torch.arange(3, device=device)).view(b, 1, width * 3)
    out = chosen.gather(2, within.expand(b, height, width * 3))
    return out.view(b, height, width, 3).permute(0, 3, 1, 2)


def patch_order(b: int, length: int, patches: int, generator: torch.Generator) -> torch.Tensor:
    """For each of b images the old places of its rows (or columns) after their patches were shuffled.

    A patch is length // patches long, the last one takes the rest; each order of patches is equally likely.

    Returns:
        (b, length) int64 on the generator's device, each row a permutation of 0 .. length - 1.
    """
    device = generator.device
    place = torch.arange(length, device=device)
    patch = (place // max(length // patches, 1)).clamp(max=patches - 1)
    rank = torch.rand(b, patches, generator=generator, device=device).argsort(1)  # of each patch among the shuffled
    return (rank[:, patch] * length + place).argsort(1)


def _through(order: torch.Tensor, index: torch.Tensor, border: int) -> torch.Tensor:
    """Where an index into the shuffled image, padded by a border, lies in the image that was not shuffled."""
    last = order.shape[1] - 1
    inside = index - border
    places = order.gather(1, inside.clamp(0, last)) + border
    return torch.where((inside < 0) | (inside > last), index, places)


def _reflect(index: torch.Tensor, size: int) -> torch.Tensor:
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)
