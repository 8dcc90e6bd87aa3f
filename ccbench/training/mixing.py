"""CutMix and mixup: each image of a batch with another image of it, one box or one share for all.

CutMix: Yun et al., ICCV 2019; mixup: Zhang et al., ICLR 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Mixed:
    """How the images of a batch were mixed.

    Attributes:
        partners: (b,) int64, a permutation of the batch: whose part each image was given.
        kept: share of each image that is still its own, in [0, 1].
    """

    partners: torch.Tensor
    kept: float


def mix(
    images: torch.Tensor, kind: str, alpha: float, rng: np.random.Generator, generator: torch.Generator
) -> tuple[torch.Tensor, Mixed]:
    """Mix a batch.

    Args:
        images: (b, 3, H, W) uint8, or float32 in 0 .. 255; overwritten by ``"cutmix"``.
        kind: ``"cutmix"`` or ``"mixup"``.
        alpha: the share is drawn from Beta(alpha, alpha).
        rng: of the share and the box, on the host: drawing them makes nobody wait for the device.
        generator: of the partners, on the images' device.

    Returns:
        The images, float32 after ``"mixup"``, and how they were mixed.
    """
    share = float(rng.beta(alpha, alpha))
    partners = torch.randperm(len(images), generator=generator, device=images.device)
    if kind == "mixup":
        pixels = images.float()
        return torch.lerp(pixels[partners], pixels, share), Mixed(partners, share)
    height, width = images.shape[2:]
    top, bottom, left, right = cut_box(height, width, share, rng)
    images[:, :, top:bottom, left:right] = images[partners, :, top:bottom, left:right]
    return images, Mixed(partners, 1 - (bottom - top) * (right - left) / (height * width))


def cut_box(height: int, width: int, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """CutMix's box: sides of the image times sqrt(1 - share), round a uniform centre, clipped at the edges.

    Sides are rounded down to whole and then to even pixels, as the released codes of CutMix and RDED do.

    Returns:
        top, bottom, left, right, as a slice's ends.
    """
    cut = math.sqrt(1 - share)
    half_height, half_width = int(height * cut) // 2, int(width * cut) // 2
    y, x = int(rng.integers(height)), int(rng.integers(width))
    return max(y - half_height, 0), min(y + half_height, height), max(x - half_width, 0), min(x + half_width, width)
