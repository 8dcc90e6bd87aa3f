"""What trained networks say of recovered pictures, and what storing it for every epoch would take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ccbench.plugin import FloatImages, RawImages, Teacher

BATCH = 128  # fixed, so that a file does not depend on the memory of the machine that made it
BOX, FLIP, PARTNER, MIX = 4 * 4, 1, 8, 8 + 4 * 8  # bytes: of a view, and of a batch's mixing


@torch.no_grad()
def soft_labels(
    teachers: Sequence[Teacher], payload: RawImages | FloatImages, temperature: float, device: str
) -> np.ndarray:
    """The networks' predictions for pictures as the file holds them.

    Args:
        teachers: whose logits are averaged.
        payload: n pictures.
        temperature: logits are divided by it, above 0.
        device: of the networks.

    Returns:
        (n, C) float16 probabilities.
    """
    rows = []
    for start in range(0, len(payload), BATCH):
        part = slice(start, start + BATCH)
        if isinstance(payload, FloatImages):
            pixels = payload.pixels(part)
        else:
            pixels = torch.from_numpy(np.array(payload.images[part])).permute(0, 3, 1, 2)
        logits = torch.stack([teacher(pixels.to(device)).double() for teacher in teachers]).mean(0)
        rows.append((logits / temperature).softmax(1).half().cpu().numpy())
    return np.concatenate(rows)


def fkd_bytes(pictures: int, classes: int, *, epochs: int, batch: int) -> int:
    """What the labels of fast knowledge distillation (FKD) take: one set of them for every epoch of a training.

    Args:
        pictures: how many.
        classes: 16 bits each.
        epochs: of the training.
        batch: pictures that are mixed together.

    Returns:
        Bytes: for each picture and epoch its logits, box, flip and partner in mixing, for each batch a share and a box.
    """
    batches = -(-pictures // batch)
    return epochs * (pictures * (2 * classes + BOX + FLIP + PARTNER) + batches * MIX)
