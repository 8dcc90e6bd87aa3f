"""A small residual network that trains fast on a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ccbench.errors import UserError


class QuickNet(nn.Module):
    """Three stages at 1/2, 1/4 and 1/8 of the image's resolution, w, 2w and 4w channels wide.

    The first layer folds each 2x2 square of pixels into channels, so that nothing
    runs at full resolution: on CPUs that is where small networks spend their time.
    Every later stage is a strided convolution and a residual one. All are 3x3,
    each with batch normalisation and ReLU; a linear layer follows the global mean.

    Args:
        classes: logits.
        image_size: height and width in pixels, at least 8.
        width: w.

    Attributes:
        stages: the three stages, for features and attention.
    """

    def __init__(self, *, classes: int, image_size: int, width: int = 16) -> None:
        super().__init__()
        if image_size < 8:
            raise UserError(f"quicknet cannot take images of {image_size}x{image_size} pixels", mend="images of at least 8 pixels")
        self.stages = nn.ModuleList(
            (
                nn.Sequential(_Fold(), _layer(12, width)),
                nn.Sequential(_layer(width, 2 * width, stride=2), _Residual(2 * width)),
                nn.Sequential(_layer(2 * width, 4 * width, stride=2), _Residual(4 * width)),
            )
        )
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, 3, H, W) float, normalised, to logits (b, classes)."""
        for stage in self.stages:
            images = stage(images)
        return self.classifier(images.mean((2, 3)))


class _Fold(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width = images.shape[2:]
        if height % 2 or width % 2:
            images = F.pad(images, (0, width % 2, 0, height % 2))
        return F.pixel_unshuffle(images, 2)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = _layer(width, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.layer(features)


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
