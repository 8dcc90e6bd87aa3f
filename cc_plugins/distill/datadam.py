"""DataDAM: pictures that networks look at as at their class. The offer only."""

from __future__ import annotations

from cc_plugins.distill._params import AUGMENT, STORES, matching
from ccbench.plugin import MethodSpec, Param

SPEC = MethodSpec(
    name="datadam",
    target="cc_plugins.distill._attention:AttentionMatching",
    version="1",
    summary="distils pictures that random networks pay attention to as to images of their class",
    params=(
        *matching(steps=20_000, steps_doc="random networks, one update on each", lr=1.0, init="real", batch=64),
        AUGMENT,
        Param(name="power", default=1.0, low=0.1, high=100, doc="of activations in an attention map"),
        Param(
            name="balance", default=0.01, low=0, high=1e6, doc="weight of the mean features beside the attention maps"
        ),
    ),
    stores=STORES,
    image_bytes="cc_plugins.distill._params:image_bytes",
    cost="in each step a forward pass of batch images of every class; no network is trained",
    costly=True,
)
