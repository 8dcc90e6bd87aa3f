"""A small residual network that trains fast on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from ccbench.plugin import Unfit


class QuickNet(nn.Module):
    """Three stages at 1/2, 1/4 and 1/8 of the image's resolution, w, 1.5w and 3w channels wide.

    Nothing runs at full resolution: on CPUs that is where small networks spend
    their time. The first layer has stride 2; every later stage is a max-pooling, a
    convolution and a residual one. All are 3x3, each with batch normalisation and
    ReLU; a linear layer follows the global mean.

    Args:
        classes: logits.
        image_size: height and width in pixels, at least 8.
        width: w, even.

    Attributes:
        stages: the three stages, for features and attention.
    """

    def __init__(self, *, classes: int, image_size: int, width: int) -> None:
        super().__init__()
        if image_size < 8:
            raise Unfit(
                f"quicknet cannot take images of {image_size}x{image_size} pixels", mend="images of at least 8 pixels"
            )
        first, second, third = width, 3 * width // 2, 3 * width
        self.stages = nn.ModuleList(
            (
                _layer(3, first, stride=2),
                nn.Sequential(nn.MaxPool2d(2), _layer(first, second), _Residual(second)),
                nn.Sequential(nn.MaxPool2d(2), _layer(second, third), _Residual(third)),
            )
        )
        self.classifier = nn.Linear(third, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, 3, H, W) float, normalised, to logits (b, classes)."""
        for stage in self.stages:
            images = stage(images)
        return self.classifier(images.mean((2, 3)))


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
