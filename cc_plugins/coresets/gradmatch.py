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
LEAST = 1e-6  # of the largest weight; a weight of 0 has no place in a file


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
        gradients = self._gradients(group)
        return match(gradients, _mean(gradients), budget, self.lam, ridge_first=self.compat != "deepcore")

    def _gradients(self, group: Group) -> Gradients:
        return group.gradients(batch=DEEPCORE_BATCH if self.compat == "deepcore" else 0)

    def weigh(self, group: Group, chosen: np.ndarray) -> np.ndarray:
        """The weights above 0; one that would be 0 is a millionth of the largest."""
        import numpy as np

        gradients = self._gradients(group)
        found = weights(gradients, _mean(gradients), chosen, self.lam, released=self.compat == "deepcore")
        largest = found.max()
        return np.maximum(found, LEAST * largest) if largest > 0 else np.ones(len(chosen))


def match(gradients: Gradients, target: np.ndarray, budget: int, lam: float, *, ridge_first: bool = True) -> np.ndarray:
    """Orthogonal matching pursuit: take the gradient along which the residual is longest, and fit all taken ones anew.

    Args:
        gradients: of n images.
        target: (C, D + 1), what they are to add up to.
        budget: 1 <= budget <= n.
        lam: of the ridge.
        ridge_first: whether the fit of one gradient has it too.

    Returns:
        (budget,) int64 positions in the order of choice.
    """
    import numpy as np

    from cc_plugins.submodular.cholesky import Cholesky
    from cc_plugins.submodular.greedy import TIE

    along, squares, factor = gradients.along(target), gradients.squares(), Cholesky()
    chosen = np.empty(budget, np.int64)
    fitted = np.empty(0, np.int64)  # but those that the ones before explain
    residual, tie = along.copy(), TIE * np.abs(along).max()
    open_ = np.ones(len(along), bool)
    for k in range(budget):
        best = residual[open_].max()
        chosen[k] = place = int(np.flatnonzero(open_ & (residual >= best - tie))[0])
        open_[place] = False
        if factor.append(gradients.inner(fitted, np.array([place]))[:, 0], squares[place] + lam):
            fitted = np.append(fitted, place)
        if k + 1 < budget and len(fitted):
            fit = factor.solve(along[fitted])
            if k == 0 and not ridge_first and squares[place] > 0:
                fit = along[fitted] / squares[fitted]
            residual = along - gradients.along(gradients.combined(fitted, fit))
    return chosen


def weights(
    gradients: Gradients, target: np.ndarray, chosen: np.ndarray, lam: float, *, released: bool = False
) -> np.ndarray:
    """(k,) float64: the weights, none negative, by which the chosen gradients come nearest to the target.

    Args:
        gradients, target, lam: as for :func:`match`.
        chosen: (k,) positions.
        released: solve the normal equations as nearly as weights allow, and give a single image the weight 1.
    """
    import numpy as np
    from scipy.optimize import nnls

    from cc_plugins.submodular.cholesky import Cholesky

    along, gram = gradients.along(target)[chosen], gradients.inner(chosen, chosen) + lam * np.eye(len(chosen))
    if released:
        return np.ones(1) if len(chosen) == 1 else nnls(gram, along)[0]
    factor, own = Cholesky(), np.empty(0, np.int64)
    for k in range(len(chosen)):
        if factor.append(gram[own, k], gram[k, k]):
            own = np.append(own, k)
    found = np.zeros(len(chosen))
    if len(own):
        found[own] = nnls(factor.lower.T, factor.half(along[own, None])[:, 0])[0]
    return found


def _mean(gradients: Gradients) -> np.ndarray:
    import numpy as np

    n = len(gradients)
    return gradients.combined(slice(None), np.full(n, 1 / n))
