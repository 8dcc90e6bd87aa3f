"""Contextual diversity: images that the network takes for different mixtures of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import Choosing, choosing

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = choosing(
    "contextual-diversity",
    "cc_plugins.coresets.contextual_diversity:ContextualDiversity",
    summary="keeps images whose predictions diverge from each other's, from a random first one on",
    random=True,
    cost="divergences from each kept image; memory linear",
)


class Divergences:
    """Symmetric Kullback-Leibler divergences of predictions: the mean of both directions, in nats.

    Args:
        logits: (n, C) floats.
    """

    def __init__(self, logits: np.ndarray) -> None:
        import numpy as np
        from scipy.special import log_softmax

        self.logs = log_softmax(np.asarray(logits, np.float64), axis=1)
        self.probabilities = np.exp(self.logs)
        self.own = np.einsum("nc,nc->n", self.probabilities, self.logs)

    def to(self, place: int) -> np.ndarray:
        """(n,) float64, between one image and every image."""
        crossed = self.probabilities @ self.logs[place] + self.logs @ self.probabilities[place]
        return (self.own + self.own[place] - crossed) / 2


class ContextualDiversity(Choosing):
    """Take a random image, then the one whose prediction diverges most from all that are taken."""

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """The greedy centres; of equally far ones the lower id."""
        from cc_plugins.submodular.farthest import farthest_first

        divergences = Divergences(group.logits)
        return farthest_first(divergences.to, int(group.rng.integers(len(group.members))), budget)
