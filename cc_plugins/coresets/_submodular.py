"""What methods have in common that maximise a submodular function of last-layer gradients."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import COMPAT, Choosing
from ccbench.plugin import Param

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.greedy import SetFunction

GREEDY = Param(
    name="greedy",
    default="auto",
    choices=("auto", "naive", "lazy", "stochastic", "approximate-lazy"),
    doc="how the next image is found: naive asks for every gain, lazy finds the same with fewer, stochastic asks a "
    "random sample, approximate-lazy is content with 0.9 of the largest; auto: lazy, or naive where gains may rise",
)
PARAMS = (GREEDY, COMPAT)
DEEPCORE_EPSILON = 0.9


class Submodular(Choosing):
    """Choose greedily by a set function.

    Args:
        greedy: how, see :mod:`cc_plugins.submodular.greedy`.
        compat: ``"deepcore"`` takes its small samples where greedy is stochastic (epsilon 0.9).
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(self, *, greedy: str, compat: str, balanced: bool, proxy: str | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.greedy = "lazy" if greedy == "auto" else greedy
        self.compat = compat

    @abstractmethod
    def function(self, group: Group) -> SetFunction:
        """What is maximised."""

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Greedily; equal gains in order of id."""
        from cc_plugins.submodular.greedy import EPSILON, greedy

        epsilon = DEEPCORE_EPSILON if self.compat == "deepcore" else EPSILON
        return greedy(self.function(group), budget, self.greedy, rng=group.rng, epsilon=epsilon)
