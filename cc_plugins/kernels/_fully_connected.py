"""The kernels of an infinitely wide, fully connected network with ReLU, exactly."""

from __future__ import annotations

import math

import torch

WEIGHTS, BIASES = 2.0, 0.01  # variances: deviations of sqrt(2) and 0.1, as in KIP's released code
_SAME = 1e-13  # below 1: what rounding leaves of the cosine between an image and itself


def kernel(x: torch.Tensor, z: torch.Tensor, *, depth: int, function: str) -> torch.Tensor:
    """Neural tangent kernel, or that of the Gaussian process that the network is before training.

    Weights are scaled by the root of their number (NTK parameterization), their variance is 2, that of biases 0.01.

    Args:
        x: (n, d) float64.
        z: (m, d) float64.
        depth: hidden layers, >= 1.
        function: ``"ntk"`` or ``"nngp"``.

    Returns:
        (n, m) float64; gradients pass it, of an image with itself too.
    """
    own = [_dense((a * a).sum(1) / a.shape[1]) for a in (x, z)]  # of each image with itself
    process = _dense(x @ z.T / x.shape[1])
    tangent = process
    for _ in range(depth):
        scale = (own[0][:, None] * own[1]).sqrt()
        angle = _angle(process / scale)
        derivative = (math.pi - angle) / (2 * math.pi)
        process = _dense(scale * (angle.sin() / (2 * math.pi) + derivative * angle.cos()))
        tangent = process + WEIGHTS * derivative * tangent
        own = [_dense(each / 2) for each in own]
    return tangent if function == "ntk" else process


def predict(
    ridge: float, pictures: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor, *, depth: int, function: str
) -> torch.Tensor:
    """Kernel ridge regression.

    Args:
        ridge: as a share of the mean of the kernel's diagonal over the pictures.
        pictures: (n, d) float64, what is learned from.
        targets: (m, d) float64, what is predicted.
        labels: (n, C) float64 of the pictures.
        depth, function: of the kernel.

    Returns:
        (m, C) float64.
    """
    among = kernel(pictures, pictures, depth=depth, function=function)
    eye = torch.eye(len(pictures), dtype=among.dtype, device=among.device)
    solved = torch.linalg.solve(among + ridge * among.diagonal().mean() * eye, labels)
    return kernel(targets, pictures, depth=depth, function=function) @ solved


def _dense(values: torch.Tensor) -> torch.Tensor:
    """What a layer of weights and biases makes of a kernel."""
    return WEIGHTS * values + BIASES


def _angle(cosine: torch.Tensor) -> torch.Tensor:
    """Of a cosine; 0 and without a gradient, as in the limit, for an image and itself, where arccos has none."""
    same = cosine > 1 - _SAME
    return torch.where(same, 0.0, cosine.masked_fill(same, 0.0).clamp(min=-1 + _SAME).arccos())
