"""Least confidence: how probable the finished network's best guess is, and the method that keeps the least probable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._final import Final
from cc_plugins.coresets._ranked import ranking
from cc_plugins.coresets._uncertain import COMPAT, Uncertain
from ccbench.plugin import Need, Param, ScoreSpec

if TYPE_CHECKING:
    import torch

    from ccbench.plugin import CompressedDataset, Task

SPECS = (
    ranking(
        "least-confidence",
        "cc_plugins.coresets.least_confidence:LeastConfidence",
        version="1",
        summary="keeps the images whose most probable class is least probable",
        params=(COMPAT,),
        needs=(
            Need("score", score="least-confidence", when={"compat": "none"}),
            Need("score", score="least-confidence[of=logit]", when={"compat": "deepcore"}),
        ),
    ),
    ScoreSpec(
        name="least-confidence",
        target="cc_plugins.coresets.least_confidence:LeastConfidenceScore",
        version="1",
        paper="Lewis and Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994",
        summary="the trained proxy's largest probability for the plain image",
        params=(
            Param(
                name="of",
                default="probability",
                choices=("probability", "logit"),
                doc="the largest probability, or the largest logit",
            ),
        ),
    ),
)


class LeastConfidence(Uncertain):
    """Keep the smallest largest probability; ``compat="deepcore"`` looks at the largest logit instead."""

    score = "least-confidence"
    sign = -1

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal scores in order of id."""
        return self.keep(task, self.score + ("[of=logit]" if self.compat == "deepcore" else ""))


class LeastConfidenceScore(Final):
    """The trained network's largest probability for the plain image, in [1/C, 1], or its largest logit."""

    def __init__(self, n: int, classes: int, *, of: str) -> None:
        super().__init__(n, classes)
        self.of = of

    def seen(self, logits: torch.Tensor) -> torch.Tensor:
        """The largest of each prediction."""
        return (logits.softmax(1) if self.of == "probability" else logits).amax(1)
