"""Entropy: how uncertain the finished network is of an image, and the method that keeps the most uncertain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import Ranked, ranking
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

SPECS = (
    ranking(
        "entropy",
        "cc_plugins.coresets.entropy:Entropy",
        version="2",
        summary="keeps the images whose final prediction is least certain",
    ),
    ScoreSpec(
        name="entropy",
        target="cc_plugins.coresets.entropy:EntropyScore",
        version="1",
        paper="Coleman et al., Selection via Proxy, ICLR 2020",
        summary="entropy in nats of the trained proxy's prediction for the plain image",
    ),
)


class Entropy(Ranked):
    """Keep the highest entropy of the finished proxy."""

    score = "entropy"


class EntropyScore:
    """Entropy in nats, in [0, ln C], of the trained network's prediction for the plain image (DCQ, A.2.1)."""

    def __init__(self, n: int, classes: int) -> None:
        import numpy as np

        self._entropy = np.full(n, np.nan, np.float32)

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Training batches leave no mark: only the finished network counts."""

    def finish(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take the plain images' logits, all at once or batch by batch."""
        log_p = logits.detach().float().log_softmax(1)
        self._entropy[ids.cpu().numpy()] = -(log_p.exp() * log_p).sum(1).cpu().numpy()

    def result(self) -> np.ndarray:
        """(n,) float32."""
        return self._entropy.copy()
