"""AUM: the area under an image's margin during training, and the method that keeps the images where it is smallest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._mean import Mean
from cc_plugins.coresets._ranked import Ranked, ranking
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import torch

SPECS = (
    ranking(
        "aum",
        "cc_plugins.coresets.aum:AUM",
        version="2",
        summary="keeps the images with the smallest area under the margin",
    ),
    ScoreSpec(
        name="aum",
        target="cc_plugins.coresets.aum:AUMScore",
        version="1",
        paper="Pleiss et al., Identifying Mislabeled Data using the Area Under the Margin Ranking, NeurIPS 2020",
        summary="mean over epochs of the true class's probability less the largest other",
    ),
)


class AUM(Ranked):
    """Keep the smallest AUM, the hardest images, as the baseline in the released CCS code does.

    DCQ's appendix says that a larger AUM is more important, but its published accuracies (21.35 % on CIFAR-10 at
    96 %) can only come from keeping the hardest.
    """

    score = "aum"
    sign = -1


class AUMScore(Mean):
    """Area under the margin, in [-1, 1]: mean over epochs of p_y - max over k != y of p_k.

    On probabilities, as DCQ's appendix A.2.1 and the released CCS code have it; the AUM paper uses logits.
    """

    def observed(self, epoch: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The margin of each image."""
        p, y = logits.float().softmax(1), labels[:, None]
        return p.gather(1, y)[:, 0] - p.scatter(1, y, -1.0).amax(1)
