"""Entropy: how uncertain the finished network is of an image, and the method that keeps the most uncertain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._final import Final
from cc_plugins.coresets._ranked import ranking
from cc_plugins.coresets._uncertain import COMPAT, Uncertain
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import torch

SPECS = (
    ranking(
        "entropy",
        "cc_plugins.coresets.entropy:Entropy",
        version="2",
        summary="keeps the images whose final prediction is least certain",
        params=(COMPAT,),
    ),
    ScoreSpec(
        name="entropy",
        target="cc_plugins.coresets.entropy:EntropyScore",
        version="1",
        paper="Coleman et al., Selection via Proxy, ICLR 2020",
        summary="entropy in nats of the trained proxy's prediction for the plain image",
    ),
)


class Entropy(Uncertain):
    """Keep the highest entropy of the finished proxy."""

    score = "entropy"


class EntropyScore(Final):
    """Entropy in nats, in [0, ln C], of the trained network's prediction for the plain image (DCQ, A.2.1)."""

    def seen(self, logits: torch.Tensor) -> torch.Tensor:
        """The entropy of each prediction."""
        log_p = logits.log_softmax(1)
        return -(log_p.exp() * log_p).sum(1)
