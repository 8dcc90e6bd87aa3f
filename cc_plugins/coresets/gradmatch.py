"""GradMatch: a few weighted gradients that add up to the mean of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import COMPAT, DEEPCORE_BATCH, Choosing, choosing
from ccbench.plugin import Param

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.gradients import Gradients

SPEC = choosing(
    "gradmatch",
    "cc_plugins.coresets.gradmatch:GradMatch",
    summary="keeps images whose weighted gradients add up to the mean gradient, by orthogonal matching pursuit",
    params=(
        Param(name="lam", default=1.0, low=0, high=1e12, doc="how much large weights cost: lam times their squares"),
        COMPAT,
    ),
    weighted=True,
    cost="one product with all features for each kept image, and a least-squares problem of those a class keeps: "
    "memory linear in images and quadratic in those a class keeps",
)


class GradMatch(Choosing):
    """Orthogonal matching pursuit of the mean gradient, then the best weights that are not negative.

    Args:
        lam: of the ridge that keeps weights small.
        compat: ``"deepcore"`` takes gradients of the mean loss of batches, no ridge for the first choice, its weights.
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(self, *, lam: float, compat: str, balanced: bool, proxy: str | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.lam = lam
        self.compat = compat

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """What the residual points to most, again and again; among equal ones the lower id."""
        from cc_plugins.submodular.matching import match, mean_gradient

        gradients = self._gradients(group)
        return match(gradients, mean_gradient(gradients), budget, self.lam, ridge_first=self.compat != "deepcore")

    def _gradients(self, group: Group) -> Gradients:
        return group.gradients(batch=DEEPCORE_BATCH if self.compat == "deepcore" else 0)

    def weigh(self, group: Group, chosen: np.ndarray) -> np.ndarray:
        """The weights above 0; one that would be 0 is a millionth of the largest."""
        from cc_plugins.submodular.matching import mean_gradient, positive, weights

        gradients = self._gradients(group)
        target, released = mean_gradient(gradients), self.compat == "deepcore"
        return positive(weights(gradients, target, chosen, self.lam, released=released))
