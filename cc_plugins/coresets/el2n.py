"""EL2N: the length of the early prediction error, and the method that keeps the images where it is largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._mean import Mean
from cc_plugins.coresets._ranked import Ranked, ranking
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import torch

SPECS = (
    ranking(
        "el2n",
        "cc_plugins.coresets.el2n:EL2N",
        version="2",
        summary="keeps the images with the largest early prediction error",
    ),
    ScoreSpec(
        name="el2n",
        target="cc_plugins.coresets.el2n:EL2NScore",
        version="1",
        paper="Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet, NeurIPS 2021",
        summary="mean over the first 10 epochs of the length of the probability error",
    ),
)


class EL2N(Ranked):
    """Keep the largest early error."""

    score = "el2n"


class EL2NScore(Mean):
    """Error length, in [0, sqrt(2)]: mean over the first 10 epochs of ||p - onehot(y)|| (DCQ, A.2.1)."""

    EPOCHS = 10

    def observed(self, epoch: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
        """The length of the error; later epochs than the tenth add nothing."""
        if epoch >= self.EPOCHS:
            return None
        p = logits.float().softmax(1)
        return p.scatter_add(1, labels[:, None], p.new_full((len(p), 1), -1.0)).norm(dim=1)
