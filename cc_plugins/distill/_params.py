"""Parameters that methods of distillation have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccbench.plugin import DataShape, Param

STORES = (
    "for each image of the budget three values of 32, 16 or 8 bits a pixel (store=float32, float16 or uint8), the mean "
    "and deviation that they were normalised by, and their labels; the formula counts them as whole images (IPC)"
)
BYTES = {"float32": 4, "float16": 2, "uint8": 1}  # of a value
STORE = Param(
    name="store",
    default="float32",
    choices=tuple(BYTES),
    doc="how pictures are kept: as they were trained, rounded to half of the bits, or clipped to colours",
)
NETWORK = Param(
    name="network",
    default="convnet",  # the name under which convnet-d3 stands in rows
    choices="architecture",
    doc="network that pictures are matched on, drawn anew again and again; without batch normalisation",
)


def image_bytes(params: Mapping[str, Any], shape: DataShape) -> int:
    """Bytes of a stored picture: three values a pixel."""
    return shape.image_bytes * BYTES[params["store"]]


def matching(*, steps: int, steps_doc: str, lr: float, init: str, batch: int = 256) -> tuple[Param, ...]:
    """The parameters of :class:`cc_plugins.distill._matching.Matching`, with a method's own defaults.

    Args:
        steps, steps_doc: how long, and what a step is.
        lr: of the pictures.
        init: ``"real"`` or ``"noise"``.
        batch: real images of each class.
    """
    return (
        Param(name="steps", default=steps, low=1, high=10_000_000, doc=steps_doc),
        Param(name="lr", default=lr, low=0, high=1e6, doc="learning rate of the pictures"),
        Param(name="batch", default=batch, low=1, high=1_000_000, doc="real images of each class in a step"),
        beginning(init),
        STORE,
        NETWORK,
    )


def beginning(init: str) -> Param:
    """The parameter of what pictures begin as.

    Args:
        init: ``"real"`` or ``"noise"``.
    """
    return Param(
        name="init",
        default=init,
        choices="method",
        words=("real", "noise"),
        doc="pictures begin as random training images of each class, as noise, or as the images that a method selects: "
        "herding, or ids[file=...] as others did",
    )


AUGMENT = Param(
    name="augment",
    default="color_crop_cutout_flip_scale_rotate",
    doc="differentiable siamese augmentation: transforms joined by _, of which each class sees one in a step; or none",
)
