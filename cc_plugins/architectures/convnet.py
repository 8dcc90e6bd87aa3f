"""The ConvNet on which dataset distillation is measured."""

from __future__ import annotations

import torch
from torch import nn

from ccbench.plugin import Unfit


class ConvNet(nn.Module):
    """Blocks of 3x3 convolution, normalisation, ReLU and 2x2 average pooling; one linear layer.

    Args:
        classes: logits.
        image_size: height and width in pixels, at least ``2**depth``.
        width: channels of every block.
        depth: blocks; each halves the resolution.
        norm: ``"instance"`` (DC, DSA, MTT) or ``"batch"`` (RDED, whose teachers' statistics are then of the data).

    Attributes:
        stages: the blocks, for features and attention.
    """

    def __init__(self, *, classes: int, image_size: int, width: int, depth: int, norm: str) -> None:
        super().__init__()
        side = image_size >> depth
        if side < 1:
            raise Unfit(
                f"a ConvNet of {depth} blocks cannot take images of {image_size}x{image_size} pixels",
                mend=f"images of at least {2**depth} pixels, or another --arch",
            )
        self.stages = nn.ModuleList(_block(3 if i == 0 else width, width, norm) for i in range(depth))
        self.classifier = nn.Linear(width * side * side, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (b, 3, H, W) float, normalised, to logits (b, classes)."""
        for stage in self.stages:
            images = stage(images)
        return self.classifier(images.flatten(1))


def _block(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        # instance normalisation with an affine map, as the literature writes it
        nn.GroupNorm(outputs, outputs) if norm == "instance" else nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.AvgPool2d(2),
    )
