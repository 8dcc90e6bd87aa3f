"""Whether a network takes images of a size, found by giving it one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ccbench.plugin import Unfit, UserError

SMALL = 64  # pixels; at most this large, a network keeps the resolution of its first layer
_MISFIT = (AssertionError, ValueError, IndexError, ZeroDivisionError, RuntimeError)  # what networks raise at a bad size


def fitted(name: str, classes: int, image_size: int, make: Callable[[], nn.Module]) -> nn.Module:
    """A network in training mode that has been seen to give (1, classes) logits for one image.

    Args:
        name: for errors.
        classes: logits.
        image_size: height and width in pixels.
        make: builds the network.

    Raises:
        Unfit: the network cannot take images of that size.
        UserError: it gives something else than one logit per class.
    """
    try:
        network = make().eval()  # batch normalisation of one image of 1x1 pixels fails in training mode
        with torch.no_grad():
            logits = network(torch.zeros(1, 3, image_size, image_size))
    except _MISFIT as error:
        if "allocate" in str(error):  # torch runs out of memory with a RuntimeError
            raise
        raise Unfit(
            f"architecture {name} cannot take images of {image_size}x{image_size} pixels",
            found=f"{type(error).__name__}: {error}",
            mend="another --arch, such as resnet18, or another --image-size",
        ) from error
    if logits.shape != (1, classes):
        raise UserError(
            f"architecture {name} does not give one logit per class", found=f"output of shape {tuple(logits.shape)}"
        )
    return network.train()


def whole_patches(name: str, image_size: int, patch: int) -> None:
    """Refuse a size at which patches would leave a border of the image unseen.

    Raises:
        Unfit: the size is no multiple of the patch.
    """
    if image_size % patch:
        near = max(patch, round(image_size / patch) * patch)
        raise Unfit(
            f"architecture {name} cuts images into {patch}x{patch} pixels and cannot take "
            f"{image_size}x{image_size} pixels",
            mend=f"--image-size {near}, or another --arch, such as resnet18",
        )
