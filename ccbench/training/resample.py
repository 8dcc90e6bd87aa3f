"""Random resized crops of whole batches: every image its own box, antialiased bilinear, on the device that holds them.

The numbers are those of ``torchvision.transforms.v2.functional.resized_crop(antialias=True)`` on float images.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F

Size = tuple[int, int]
TRIES = 10


def resized_crop(images: torch.Tensor, boxes: torch.Tensor, size: Size) -> torch.Tensor:
    """Cut one box out of each image and scale it to ``size``.

    No value on the device decides how this is done, so that a GPU is never waited for.

    Args:
        images: (b, 3, H, W) uint8 or float in 0 .. 255, any memory format (channels_last is fastest).
        boxes: (b, 4) int64 rows of top, left, height, width within the images, on any device.
        size: (h, w).

    Returns:
        (b, 3, h, w) float32 in 0 .. 255, channels_last; a box that is the whole image gives :func:`resize`.
        Equal to torchvision's within rounding (float32 coordinates: about 1e-2 of 255 at 224 pixels; on a GPU
        that is allowed TF32, 0.1 where an image larger than ``size`` is scaled).
    """
    b, _, height, width = images.shape
    h, w = size
    if boxes.shape != (b, 4):
        raise ValueError(f"boxes must be ({b}, 4), not {tuple(boxes.shape)}")
    if boxes.device.type == "cpu" and bool((boxes == torch.tensor([0, 0, height, width])).all()):
        return resize(images, size)
    boxes = boxes.to(images.device)
    if h >= height and w >= width:  # then no box is scaled down: two taps in each direction
        out = _two_taps(images, boxes, size)
    elif images.device.type == "cpu":
        out = _one_by_one(images, boxes, size)
    else:
        out = _matrices(images, boxes, size)
    return out.contiguous(memory_format=torch.channels_last)


def resize(images: torch.Tensor, size: Size) -> torch.Tensor:
    """Scale whole images, antialiased bilinear.

    Args:
        images: (b, 3, H, W) uint8 or float in 0 .. 255.
        size: (h, w).

    Returns:
        (b, 3, h, w) float32 in 0 .. 255, channels_last; the same values where the size is the same.
    """
    b, _, height, width = images.shape
    if images.device.type != "cpu" and (size[0] < height or size[1] < width):
        # torch's own kernel runs out of shared memory where an image shrinks much
        boxes = _box((0, 0, height, width), images.device).expand(b, 4)
        images = _matrices(images, boxes, size)
    elif size != (height, width):
        images = _interpolate(images, size)
    return images.float().contiguous(memory_format=torch.channels_last)


def random_boxes(
    b: int,
    size: Size,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> torch.Tensor:
    """Boxes distributed as those of torchvision's RandomResizedCrop: ten tries, then the middle of the image.

    Args:
        b: how many.
        size: (H, W) of the images.
        generator: where its device is, the boxes are.
        scale: bounds of a box's area as a share of the image's, uniform.
        ratio: bounds of width over height, uniform in the logarithm.

    Returns:
        (b, 4) int64 rows of top, left, height, width.
    """
    if not 0 < scale[0] <= scale[1] or not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"scale and ratio must be increasing and positive, not {scale} and {ratio}")
    height, width = size
    draw = torch.rand(4, b, TRIES, generator=generator, device=generator.device, dtype=torch.float64)
    area = (scale[0] + (scale[1] - scale[0]) * draw[0]) * (height * width)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + (high - low) * draw[1]).exp()
    w, h = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    top, left = (draw[2] * (height - h + 1)).floor(), (draw[3] * (width - w + 1)).floor()
    tries = torch.stack((top, left, h, w), 2).long()
    first = fits.long().argmax(1)  # the first one that fits
    chosen = tries[torch.arange(b, device=tries.device), first]
    middle = _box(_middle(size, ratio), tries.device)
    return torch.where(fits.any(1, keepdim=True), chosen, middle)


@cache
def _box(box: tuple[int, int, int, int], device: torch.device) -> torch.Tensor:
    """(4,) int64, put on a device once: each time makes the host wait for it."""
    return torch.tensor(box, device=device)


def _middle(size: Size, ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    """The largest box in the middle whose shape is within the bounds."""
    height, width = size
    h, w = height, width
    if width / height < ratio[0]:
        h = min(height, round(width / ratio[0]))
    elif width / height > ratio[1]:
        w = min(width, round(height * ratio[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def _two_taps(images: torch.Tensor, boxes: torch.Tensor, size: Size) -> torch.Tensor:
    """Plain bilinear between the two nearest pixels of the box: antialiasing changes nothing upwards."""
    b, _, height, width = images.shape
    top, left, tall, wide = boxes.unsqueeze(2).unbind(1)
    rows, columns = _coordinates(top, tall, size[0], height), _coordinates(left, wide, size[1], width)
    grid = torch.stack((columns.unsqueeze(1).expand(b, *size), rows.unsqueeze(2).expand(b, *size)), 3)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def _coordinates(start: torch.Tensor, length: torch.Tensor, count: int, whole: int) -> torch.Tensor:
    """Where (b, count) output pixels' centres lie in the image, held inside of the box; -1 .. 1 is the whole image."""
    centres = (torch.arange(count, device=start.device) + 0.5) * (length / count)
    inside = torch.minimum(centres.clamp(min=0.5), length - 0.5)
    return (inside + start) * (2 / whole) - 1


def _one_by_one(images: torch.Tensor, boxes: torch.Tensor, size: Size) -> torch.Tensor:
    """On a CPU a loop over boxes beats dense matrices, whose zeros cost as much as their weights."""
    out = torch.empty((len(images), 3, *size), dtype=torch.float32, memory_format=torch.channels_last)
    for i, (top, left, tall, wide) in enumerate(boxes.tolist()):
        out[i] = _interpolate(images[i : i + 1, :, top : top + tall, left : left + wide], size)[0]
    return out


def _interpolate(images: torch.Tensor, size: Size) -> torch.Tensor:
    down = size[0] < images.shape[2] or size[1] < images.shape[3]  # upwards antialiasing is only slower
    # on a CPU torch's antialiased kernel gives wrong columns of width 1 in the other memory format
    images = images.float().contiguous(memory_format=torch.channels_last)
    return F.interpolate(images, size, mode="bilinear", antialias=down)


def _matrices(images: torch.Tensor, boxes: torch.Tensor, size: Size) -> torch.Tensor:
    """Two matrix products per image: weights of columns, then weights of rows."""
    b, _, height, width = images.shape
    h, w = size
    rows = _weights(boxes[:, 0], boxes[:, 2], h, height)
    columns = _weights(boxes[:, 1], boxes[:, 3], w, width)
    with torch.autocast(images.device.type, enabled=False):  # half precision has too few digits for 0 .. 255
        pixels = images.float().contiguous().view(b, 3 * height, width)
        across = torch.bmm(columns, pixels.transpose(1, 2))  # (b, w, 3H)
        both = torch.bmm(across.view(b, w * 3, height), rows.transpose(1, 2))  # (b, w3, h)
    return both.view(b, w, 3, h).permute(0, 2, 3, 1)


def _weights(start: torch.Tensor, length: torch.Tensor, count: int, whole: int) -> torch.Tensor:
    """(b, count, whole) float32: a triangle around each output pixel's centre, cut off at the box, rows add up to 1."""
    step = (length / count).view(-1, 1, 1)
    centres = (torch.arange(count, device=start.device).view(1, -1, 1) + 0.5) * step
    pixel = torch.arange(whole, device=start.device).view(1, 1, -1) - start.view(-1, 1, 1)
    weights = (1 - (pixel + 0.5 - centres).abs() / step.clamp(min=1)).clamp(min=0)
    weights = weights * ((pixel >= 0) & (pixel < length.view(-1, 1, 1)))
    return weights / weights.sum(2, keepdim=True)
