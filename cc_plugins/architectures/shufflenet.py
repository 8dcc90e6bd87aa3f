"""ShuffleNet V2, which timm does not have."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision import models

from cc_plugins.architectures.fitting import SMALL, fitted


def build(*, classes: int, image_size: int, width: str) -> nn.Module:
    """torchvision's ShuffleNet V2 without pretrained weights.

    For images of at most 64 pixels the first convolution has stride 1 and the max-pooling is left out, as in
    ResNets' CIFAR stem: 32 pixels reach the last stage as 4x4.

    Args:
        classes: logits.
        image_size: height and width in pixels.
        width: ``"0.5"``, ``"1.0"``, ``"1.5"`` or ``"2.0"``: channels in units of the 1.0x network.

    Raises:
        Unfit: the network cannot take images of that size.
    """

    def make() -> nn.Module:
        network: Any = getattr(models, f"shufflenet_v2_x{width.replace('.', '_')}")(num_classes=classes)
        if image_size <= SMALL:
            network.conv1[0].stride = (1, 1)
            network.maxpool = nn.Identity()
        # in timm's words, for whoever looks for feature maps
        network.feature_info = [{"module": name} for name in ("stage2", "stage3", "stage4")]
        return network

    return fitted(f"shufflenet_v2 {width}x", classes, image_size, make)
