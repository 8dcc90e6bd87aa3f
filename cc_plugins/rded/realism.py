"""Which crop of each image the teacher recognises best."""

from __future__ import annotations

import numpy as np
import torch

from ccbench.plugin import StageContext, Teacher, load_teacher, random_boxes, resized_crop
from ccbench.training.resample import Size

SCALE = (0.08, 1.0)  # share of the image's area, torchvision's default
CROPS = 256  # scored at once at most; fixed, so that no result depends on a machine's memory
PIXELS, FEW = 1 << 22, 1 << 19  # the same in pixels; a CPU's caches hold fewer, and are twice as fast then


def run(
    context: StageContext, mipc: int, crops: int, factor: int, draw: int, teacher: str | None
) -> dict[str, np.ndarray]:
    """Draw images and crops of every class, and keep the crop of each image with the lowest loss.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        mipc: images per class; a class of fewer gives all that it has.
        crops: of each image.
        factor: a crop is resized to ``(H // factor, W // factor)``.
        draw: names the random draw.
        teacher: architecture; None is the run's.

    Returns:
        For m images, class after class, the lowest loss of a class first (ties by position):
        ``images`` (m,) int64 positions in ``context.dataset``; ``boxes`` (m, 4) int64 rows of top, left, height,
        width; ``losses`` (m,) float64, nats.

    Raises:
        UserError: the teacher does not suit the data.
    """
    data, network = context.dataset, load_teacher(context, teacher)
    size = tuple(data.images.shape[1:3])
    images, boxes = [], []
    for label in range(len(data.classes)):
        generator = torch.Generator().manual_seed(context.seed(f"class {label}, draw {draw}"))
        members = np.flatnonzero(data.labels == label)
        chosen = np.sort(members[torch.randperm(len(members), generator=generator)[:mipc].numpy()])
        images.append(chosen)
        boxes.append(random_boxes(len(chosen) * crops, size, generator, SCALE, shape_of(size)).view(-1, crops, 4))
    positions, candidates = np.concatenate(images), torch.cat(boxes)
    losses = score(context, network, np.repeat(positions, crops), candidates.view(-1, 4), factor).view(-1, crops)
    best = losses.argmin(1)
    every = torch.arange(len(best))
    lowest = losses[every, best].numpy()
    order = np.lexsort((positions, lowest, data.labels[positions]))
    return {
        "images": positions[order],
        "boxes": candidates[every, best].numpy()[order],
        "losses": lowest[order],
    }


def shape_of(size: Size) -> tuple[float, float]:
    """Bounds of a box's width over height: the image's own, so that crops are not distorted."""
    return size[1] / size[0], size[1] / size[0]


def tile(size: Size, factor: int) -> Size:
    """Height and width of a crop."""
    return size[0] // factor, size[1] // factor


def score(
    context: StageContext, teacher: Teacher, positions: np.ndarray, boxes: torch.Tensor, factor: int
) -> torch.Tensor:
    """The teacher's cross entropy on each crop, put on a canvas of the image's size that is zero for the network.

    Args:
        context: its dataset, device and progress.
        teacher: always asked in float32: which format is faster here must not decide what is chosen.
        positions: (n,) which image each crop is of.
        boxes: (n, 4) int64 rows of top, left, height, width.
        factor: see :func:`run`.

    Returns:
        (n,) float64, nats.
    """
    data = context.dataset
    size = tuple(data.images.shape[1:3])
    losses = torch.empty(len(boxes), dtype=torch.float64)
    part = max(1, min(CROPS, (FEW if torch.device(context.device).type == "cpu" else PIXELS) // (size[0] * size[1])))
    for start in range(0, len(boxes), part):
        rows = slice(start, start + part)
        several, image = np.unique(positions[rows], return_inverse=True)  # an image travels once for all its crops
        pixels = torch.from_numpy(np.ascontiguousarray(data.images[several])).to(context.device).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.array(data.labels[positions[rows]])).to(context.device)
        images = pixels[torch.from_numpy(image).to(context.device)]
        crops = framed(resized_crop(images, boxes[rows], tile(size, factor)), size, teacher.normalise.mean)
        losses[rows] = cross_entropy(teacher(crops, precision="float32"), labels).cpu()
        context.progress(min(start + part, len(boxes)), len(boxes), "crops")
    return losses


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(b, C >= 2) float32 and (b,) int64 to (b,) float64, nats, exact also where the network is next to certain.

    log(1 + exp(m)), m being the other classes' logits against the true one's: a probability of 1 - 1e-30 is no zero.
    """
    true = labels.unsqueeze(1)
    logits = logits.double()
    others = (logits - logits.gather(1, true)).scatter(1, true, -torch.inf)
    return torch.nn.functional.softplus(others.logsumexp(1))


def framed(crops: torch.Tensor, size: Size, color: torch.Tensor) -> torch.Tensor:
    """Crops in the middle of larger canvases of one colour (3,); the odd row or column is at the bottom or right."""
    h, w = crops.shape[2:]
    if (h, w) == size:
        return crops
    canvas = color.to(crops.device).view(1, 1, 1, 3).repeat(len(crops), *size, 1).permute(0, 3, 1, 2)
    top, left = (size[0] - h) // 2, (size[1] - w) // 2
    canvas[:, :, top : top + h, left : left + w] = crops
    return canvas
