"""The papers' transformers, whose patches and windows follow the image size."""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

from cc_plugins.architectures.fitting import SMALL, fitted, whole_patches


def vit(*, classes: int, image_size: int, model: str) -> nn.Module:
    """A vision transformer: patches of 16 pixels, of 8 up to 64 pixels, of 4 up to 32.

    So an image of 32 or of 64 pixels is 64 tokens, one of 224 pixels 196.

    Args:
        classes: logits.
        image_size: height and width in pixels, a multiple of the patch.
        model: the timm name.

    Raises:
        Unfit: patches of that size do not cover the image.
    """
    patch = 4 if image_size <= SMALL // 2 else 8 if image_size <= SMALL else 16
    return _of_patches(model, classes, image_size, patch)


def swin(*, classes: int, image_size: int, model: str) -> nn.Module:
    """A Swin transformer: patches of 4 pixels and the windows of its name; for images of at most 64 pixels
    patches of 2 and windows of 8.

    32 pixels then give stages of 16, 8, 4 and 2 tokens a side; patches of 4 would leave a single token to the
    last. A stage smaller than a window is one window; where windows do not fill a stage, timm pads it.

    Args:
        classes: logits.
        image_size: height and width in pixels, a multiple of the patch.
        model: the timm name.

    Raises:
        Unfit: patches of that size do not cover the image.
    """
    patch = 2 if image_size <= SMALL else 4
    window = {"window_size": 8} if image_size <= SMALL else {}
    return _of_patches(model, classes, image_size, patch, **window)


def _of_patches(model: str, classes: int, image_size: int, patch: int, **options: Any) -> nn.Module:
    whole_patches(model, image_size, patch)
    return fitted(
        model,
        classes,
        image_size,
        lambda: timm.create_model(model, num_classes=classes, img_size=image_size, patch_size=patch, **options),
    )
