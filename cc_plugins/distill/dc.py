"""DC and DSA: pictures that a network would learn from as from their class. The offers only."""

from __future__ import annotations

from cc_plugins.distill._params import AUGMENT, STORES, matching
from ccbench.plugin import MethodSpec, Param

_LOOPS = "; auto: the authors', 1, 10, 20, 30, 40, 50 from as many images per class on"
_STEPS = "networks, each drawn anew and trained on the pictures between its outer updates of them"
_COST = (
    "outer x steps times a forward and a backward pass of batch images of every class, and inner passes of all pictures"
)
_TRAINED = (
    Param(name="outer", default=None, type=int, low=1, high=10_000, doc=f"updates of the pictures on each{_LOOPS}"),
    Param(
        name="inner",
        default=None,
        type=int,
        low=0,
        high=10_000,
        doc="epochs of training it on the pictures between two of them; auto: the authors', 1, 50, 25, 20, 15, 10",
    ),
    Param(name="lr_net", default=0.01, low=0, high=1e6, doc="learning rate of the networks"),
)

SPECS = (
    MethodSpec(
        name="dc",
        target="cc_plugins.distill._gradient:GradientMatching",
        version="1",
        summary="distils pictures whose gradients of a network's weights are those of their class",
        params=(*matching(steps=1000, steps_doc=_STEPS, lr=0.1, init="noise"), *_TRAINED),
        stores=STORES,
        image_bytes="cc_plugins.distill._params:image_bytes",
        cost=_COST,
        costly=True,
    ),
    MethodSpec(
        name="dsa",
        target="cc_plugins.distill._gradient:SiameseGradientMatching",
        version="1",
        summary="dc with differentiable siamese augmentation: pictures and images are seen through the same view",
        params=(*matching(steps=1000, steps_doc=_STEPS, lr=0.1, init="real"), *_TRAINED, AUGMENT),
        stores=STORES,
        image_bytes="cc_plugins.distill._params:image_bytes",
        cost=_COST,
        costly=True,
    ),
)
