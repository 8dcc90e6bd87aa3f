"""The loss of texture-preserved palette optimisation: Eq. 6 of DCQ and a colour difference."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6  # under the root of Eq. 6, whose slope is infinite at zero


def sobel_magnitude(images: Tensor) -> Tensor:
    """G(I) of Eq. 6: the root of the squared responses to the two 3 x 3 Sobel kernels, summed.

    The border is repeated, so that a constant image has no edge and the size stays.

    Args:
        images: (..., H, W) float.

    Returns:
        (..., H, W), at least sqrt(1e-6).
    """
    height, width = images.shape[-2:]
    padded = torch.nn.functional.pad(images.reshape(-1, 1, height, width), (1, 1, 1, 1), mode="replicate")
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]  # smoothed along columns
    across = padded[..., :, :-2] + 2 * padded[..., :, 1:-1] + padded[..., :, 2:]
    x = down[..., 2:] - down[..., :-2]
    y = across[..., 2:, :] - across[..., :-2, :]
    return (x.square() + y.square() + EPSILON).sqrt().reshape(images.shape)


def texture_loss(original: Tensor, quantised: Tensor, weights: Tensor, color_weight: float) -> Tensor:
    """Per image: Eq. 6, sum_i w_i MSE(G(original_i), G(quantised_i)), plus color_weight times the colour difference.

    The colour difference is the mean over pixels of the squared LAB distance.

    Args:
        original: (b, 3, H, W) LAB.
        quantised: (b, 3, H, W) LAB.
        weights: (3,) w_i of L, a and b.
        color_weight: >= 0.

    Returns:
        (b,) >= 0.
    """
    edges = (sobel_magnitude(original) - sobel_magnitude(quantised)).square().mean(dim=(2, 3))
    color = (original - quantised).square().sum(dim=1).mean(dim=(1, 2))
    return (edges * weights).sum(dim=1) + color_weight * color
