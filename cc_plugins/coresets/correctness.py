"""Correctness: how often training predicts an image's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._mean import Mean
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import torch

SPEC = ScoreSpec(
    name="correctness",
    target="cc_plugins.coresets.correctness:Correctness",
    version="1",
    paper="Swayamdipta et al., Dataset Cartography, EMNLP 2020",
    summary="fraction of epochs in which the prediction is right",
)


class Correctness(Mean):
    """Fraction of observations, in [0, 1], in which the most probable class is the true one."""

    def observed(self, epoch: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """1 where the prediction is right, otherwise 0."""
        return (logits.argmax(1) == labels).float()
