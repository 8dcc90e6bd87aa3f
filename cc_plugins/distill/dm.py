"""DM: pictures whose mean features follow those of their class. The offer only."""

from __future__ import annotations

from cc_plugins.distill._params import AUGMENT, STORES, matching
from ccbench.plugin import MethodSpec

SPEC = MethodSpec(
    name="dm",
    target="cc_plugins.distill._distribution:DistributionMatching",
    version="1",
    summary="distils pictures whose mean features on random networks are those of their class",
    params=(*matching(steps=20_000, steps_doc="random networks, one update on each", lr=1.0, init="real"), AUGMENT),
    stores=STORES,
    image_bytes="cc_plugins.distill._params:image_bytes",
    cost="in each step a forward pass of batch images of every class; no network is trained",
    costly=True,
)
