"""timm networks, fitted to small images."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models.resnet import ResNet
from torch import nn

from ccbench.errors import UserError

SMALL = 64  # pixels; at most this large, a network keeps the resolution of its first layer


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
        model: the timm name.

    Raises:
        UserError: the network cannot take images of that size.
    """
    network = _create(model, classes, image_size)
    if image_size <= SMALL:
        _small_stem(network)
    try:
        with torch.no_grad():
            logits = network.eval()(torch.zeros(1, 3, image_size, image_size))
    except Exception as error:
        raise _unfit(model, image_size, error) from error
    if logits.shape != (1, classes):
        raise UserError(
            f"architecture {model} does not give one logit per class", found=f"output of shape {tuple(logits.shape)}"
        )
    return network.train()


def _create(model: str, classes: int, image_size: int) -> nn.Module:
    try:
        return timm.create_model(model, num_classes=classes, img_size=image_size)
    except TypeError:  # most networks take any size and know no such argument
        pass
    except (AssertionError, ValueError, ZeroDivisionError, RuntimeError) as error:
        raise _unfit(model, image_size, error) from error
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


def _unfit(model: str, image_size: int, error: Exception) -> UserError:
    return UserError(
        f"architecture {model} cannot take images of {image_size}x{image_size} pixels",
        found=f"{type(error).__name__}: {error}",
        mend="another --arch, such as resnet18, or another --image-size",
    )
