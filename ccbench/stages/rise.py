"""RISE: saliency by random masks (Petsiuk, Das and Saenko, BMVC 2018)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

CELLS = 4  # mask cells along the short side; the paper's 7 are for 224 pixels
KEEP = 0.5  # probability that a cell is visible


def draw_masks(count: int, size: tuple[int, int], seed: int) -> torch.Tensor:
    """Smooth random masks (Petsiuk et al., section 3.2).

    Binary grids of CELLS x CELLS, upsampled bilinearly to one cell more than the image,
    cropped at a random shift of up to one cell.

    Args:
        count: masks.
        size: (H, W) in pixels.
        seed: of grids and shifts.

    Returns:
        (count, H, W) float32 in [0, 1].
    """
    height, width = size
    generator = torch.Generator().manual_seed(seed)
    cell = (-(-height // CELLS), -(-width // CELLS))
    grids = (torch.rand(count, 1, CELLS, CELLS, generator=generator) < KEEP).float()
    large = F.interpolate(
        grids, size=((CELLS + 1) * cell[0], (CELLS + 1) * cell[1]), mode="bilinear", align_corners=False
    )
    top = torch.randint(0, cell[0], (count,), generator=generator).tolist()
    left = torch.randint(0, cell[1], (count,), generator=generator).tolist()
    cut = [m[0, y : y + height, x : x + width] for m, y, x in zip(large, top, left, strict=True)]
    return torch.stack(cut).clamp(0, 1)  # interpolation rounds past 1


def rise(
    network: torch.nn.Module, size: tuple[int, int], *, masks: int, seed: int, device: str | torch.device
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A function (images (b, 3, H, W) normalised, labels (b,)) -> saliency (b, H, W) float32 of the labelled class.

    Equation 6 of the paper: the mean of the masks, weighted by the probability of the class under each. What a
    mask hides becomes the data's mean colour. All images share the masks.

    Args:
        network: in eval mode.
        size: (H, W) in pixels.
        masks: how many; time grows with them.
        seed: of the masks.
        device: where the network is.
    """
    drawn = draw_masks(masks, size, seed).to(device)

    @torch.no_grad()
    def saliency(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(len(images), *size, device=images.device)
        for mask in drawn:
            probability = network(images * mask).float().softmax(1).gather(1, labels[:, None])
            total += probability[:, :, None] * mask
        return total / (masks * KEEP)

    return saliency
