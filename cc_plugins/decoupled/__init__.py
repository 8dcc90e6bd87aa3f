"""Decoupled distillation, pictures recovered from trained networks: the offers only."""

from __future__ import annotations

from dataclasses import replace

from cc_plugins.distill._params import STORE, beginning
from ccbench.plugin import MethodSpec, Need, Param, hookimpl

STORES = (
    "for each image of the budget three values of 8, 16 or 32 bits a pixel (store=uint8, float16 or float32), its "
    "label, and with soft_labels=stored 16 bits for each class and picture; the formula counts them as whole images "
    "(IPC)"
)
_COST = "steps forward and backward passes of each squeezed batch, for every picture of a class"
_LABELS = (
    Param(
        name="soft_labels",
        default="none",
        choices=("none", "stored"),
        doc="stored: the squeezed networks' predictions in the file, 16 bits per class and picture",
    ),
    Param(name="temperature", default=20.0, low=0.01, high=1000, doc="of the stored soft labels"),
)


def _shared(*, steps: int | None, lr: float | None, r_bn: float | None, auto: str) -> tuple[Param, ...]:
    """The parameters of :class:`cc_plugins.decoupled.recover.Recovery`, with a method's own defaults."""
    return (
        Param(name="steps", default=steps, type=int, low=1, high=10_000_000, doc=f"updates of each batch{auto}"),
        Param(name="lr", default=lr, type=float, low=0, high=1e6, doc=f"learning rate of the pictures (Adam){auto}"),
        Param(name="batch", default=100, low=1, high=100_000, doc="pictures at once, each of another class"),
        Param(name="r_bn", default=r_bn, type=float, low=0, high=1e6, doc=f"weight of the statistics{auto}"),
        Param(name="first", default=10.0, low=0, high=1e6, doc="weight of the first layer's statistics among them"),
        Param(
            name="jitter",
            default=None,
            type=int,
            low=0,
            high=1024,
            doc="pixels by which pictures are rolled at most in each step; auto: 4 up to 64 pixels, 32 above",
        ),
        Param(
            name="crop",
            default=None,
            type=bool,
            doc="random resized crops and flips, one for a batch and step; auto: above 64 pixels",
        ),
        beginning("noise"),
        replace(STORE, default="uint8"),
        *_LABELS,
    )


SRE2L = MethodSpec(
    name="sre2l",
    target="cc_plugins.decoupled.recover:SRe2L",
    version="1",
    summary="recovers pictures from a trained network, so that they meet its batch-norm statistics",
    params=(
        *_shared(steps=None, lr=None, r_bn=None, auto="; auto: the authors', by the images' size"),
        Param(
            name="teacher",
            default=None,
            type=str,
            choices="architecture",
            doc="squeezed network, with batch normalisation; auto: the run's teacher",
        ),
    ),
    needs=("teacher",),
    stores=STORES,
    image_bytes="cc_plugins.distill._params:image_bytes",
    cost=_COST,
)

_NETWORKS = ("resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "convnet[norm=batch]")  # as they stand in rows

G_VBSM = MethodSpec(
    name="g-vbsm",
    target="cc_plugins.decoupled.recover:GVBSM",
    version="1",
    summary="sre2l from several trained networks, another one in each step, which label the pictures together",
    params=(
        *_shared(steps=4000, lr=0.05, r_bn=0.01, auto=""),
        Param(
            name="networks",
            default=len(_NETWORKS),
            choices=tuple(range(1, len(_NETWORKS) + 1)),
            doc="how many squeezed networks: the first of network1, network2, ...",
        ),
        *(
            Param(name=f"network{i}", default=name, choices="architecture", doc="squeezed, with batch normalisation")
            for i, name in enumerate(_NETWORKS, 1)
        ),
    ),
    needs=tuple(
        Need("teacher", teacher=f"{{network{i}}}", when={"networks": tuple(range(i, len(_NETWORKS) + 1))})
        for i in range(1, len(_NETWORKS) + 1)
    ),
    stores=STORES,
    image_bytes="cc_plugins.distill._params:image_bytes",
    cost=f"{_COST}; each squeezed network is trained by the protocol's teacher recipe",
    costly=True,
)


@hookimpl
def ccbench_methods() -> list[MethodSpec]:
    """SRe2L and G-VBSM."""
    return [SRE2L, G_VBSM]
