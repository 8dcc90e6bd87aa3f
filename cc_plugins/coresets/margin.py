"""Margin: how near the finished network's two best guesses are, and the method that keeps the nearest calls."""

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
        "margin",
        "cc_plugins.coresets.margin:Margin",
        version="1",
        summary="keeps the images whose two most probable classes are nearest to each other",
        params=(COMPAT,),
    ),
    ScoreSpec(
        name="margin",
        target="cc_plugins.coresets.margin:MarginScore",
        version="1",
        paper="Scheffer, Decomain and Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001",
        summary="the trained proxy's largest probability for the plain image less its second largest",
    ),
)


class Margin(Uncertain):
    """Keep the smallest margin, the images between two classes."""

    score = "margin"
    sign = -1


class MarginScore(Final):
    """Margin, in [0, 1]: the trained network's largest probability for the plain image less its second largest.

    Whatever the label: AUM is the margin of the labelled class, over the whole training.
    """

    def seen(self, logits: torch.Tensor) -> torch.Tensor:
        """The margin of each prediction."""
        first, second = logits.softmax(1).topk(2, dim=1).values.unbind(1)
        return first - second
