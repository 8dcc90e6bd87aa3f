"""Herding: images whose mean feature follows the mean of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import COMPAT, Choosing, choosing

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = choosing(
    "herding",
    "cc_plugins.coresets.herding:Herding",
    summary="keeps images whose mean feature is nearest to that of all",
    params=(COMPAT,),
    cost="one product with all features for each kept image; memory linear",
)


class Herding(Choosing):
    """Take the image nearest to (t + 1) mu less the sum of the t taken ones, so that their mean comes nearest to mu.

    Args:
        compat: ``"deepcore"`` takes the farthest.
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(self, *, compat: str, balanced: bool, proxy: str | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.farthest = compat == "deepcore"

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """In the order of herding; of equally near ones the lower id."""
        from cc_plugins.submodular.functions import Herd
        from cc_plugins.submodular.greedy import greedy

        return greedy(Herd(group.features, farthest=self.farthest), budget)
