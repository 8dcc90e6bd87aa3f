"""timm networks, fitted to small images."""

from __future__ import annotations

from typing import Any

import timm
from timm.models.resnet import ResNet
from torch import nn

from cc_plugins.architectures.fitting import SMALL, fitted


def build(*, classes: int, image_size: int, model: str) -> nn.Module:
    """A timm network without pretrained weights.

    For images of at most 64 pixels:

    - ResNets get the CIFAR stem (He et al., 2016, section 4.2): a 3x3 first convolution with stride 1, no max-pooling.
    - In other convolutional networks the first convolution that strides over the image gets stride 1,
      unless it cuts the image into patches (stride as large as the kernel, as in ConvNeXt).
    - Transformers take the image size; their patches stay as they are.

    Args:
        classes: logits.
        image_size: height and width in pixels.
        model: the timm name; a pretrained tag in it chooses the configuration alone.

    Raises:
        Unfit: the network cannot take images of that size.
    """

    def make() -> nn.Module:
        network = _create(model, classes, image_size)
        if image_size <= SMALL:
            _small_stem(network)
        return network

    return fitted(model, classes, image_size, make)


def _create(model: str, classes: int, image_size: int) -> nn.Module:
    try:
        return timm.create_model(model, num_classes=classes, img_size=image_size)
    except TypeError:  # most networks take any size and know no such argument
        return timm.create_model(model, num_classes=classes)


def _small_stem(network: Any) -> None:
    first: Any
    resnet: Any = network if isinstance(network, ResNet) else None
    if resnet is not None:
        first = resnet.conv1 if isinstance(resnet.conv1, nn.Conv2d) else resnet.conv1[0]
        stem = nn.Conv2d(first.in_channels, first.out_channels, 3, stride=1, padding=1, bias=first.bias is not None)
        nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(resnet.conv1, nn.Conv2d):
            resnet.conv1 = stem
        else:
            resnet.conv1[0] = stem
        resnet.maxpool = nn.Identity()
        return
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    if first is not None and first.in_channels == 3 and first.stride[0] > 1 and first.kernel_size[0] > first.stride[0]:
        first.stride = (1, 1)
