"""Orthogonal matching pursuit: a few weighted gradients that add up to a target (GradMatch)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from cc_plugins.submodular.cholesky import Cholesky
from cc_plugins.submodular.gradients import ALL, Gradients
from cc_plugins.submodular.greedy import TIE

HELD = 1 << 28  # bytes of inner products
LEAST = 1e-6  # of the largest weight; a weight of 0 has no place in a file


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
    along, squares, factor = gradients.along(target), gradients.squares(), Cholesky()
    chosen = np.empty(budget, np.int64)
    fitted = _Fitted(gradients, budget)  # but those that the ones before explain
    residual, tie = along.copy(), TIE * np.abs(along).max()
    open_ = np.ones(len(along), bool)
    for k in range(budget):
        best = residual[open_].max()
        chosen[k] = place = int(np.flatnonzero(open_ & (residual >= best - tie))[0])
        open_[place] = False
        if factor.append(fitted.look(place), squares[place] + lam):
            fitted.take(place)
        if k + 1 < budget and len(fitted.places):
            fit = factor.solve(along[fitted.places])
            if k == 0 and not ridge_first and squares[place] > 0:
                fit = along[fitted.places] / squares[fitted.places]
            residual = along - fitted.along(fit)
    return chosen


class _Fitted:
    """The gradients that a residual is fitted by.

    Their inner products with all are held where that takes at most :data:`HELD` bytes: a fit then costs one number for
    each image and each fitted one, and otherwise C x D of them for each image.
    """

    def __init__(self, gradients: Gradients, budget: int) -> None:
        self.gradients, self.places = gradients, np.empty(0, np.int64)
        held = 8 * budget * len(gradients) <= HELD
        self._rows = np.empty((budget, len(gradients))) if held else None

    def look(self, place: int) -> np.ndarray:
        """(k,) float64: the inner products of one gradient with those fitted so far."""
        if self._rows is None:
            return self.gradients.inner(self.places, np.array([place]))[:, 0]
        row = self._rows[len(self.places)]
        row[:] = self.gradients.inner(ALL, np.array([place]))[:, 0]
        return row[self.places]

    def take(self, place: int) -> None:
        """The one that was looked at last is fitted from now on."""
        self.places = np.append(self.places, place)

    def along(self, fit: np.ndarray) -> np.ndarray:
        """(n,) float64: the inner product of every gradient with the fitted ones, each times its weight (k,)."""
        if self._rows is None:
            return self.gradients.along(self.gradients.combined(self.places, fit))
        return fit @ self._rows[: len(self.places)]


def weights(
    gradients: Gradients, target: np.ndarray, chosen: np.ndarray, lam: float, *, released: bool = False
) -> np.ndarray:
    """(k,) float64: the weights, none negative, by which the chosen gradients come nearest to the target.

    Args:
        gradients, target, lam: as for :func:`match`.
        chosen: (k,) positions.
        released: solve the normal equations as nearly as weights allow, and give a single image the weight 1.
    """
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


def positive(weights: np.ndarray) -> np.ndarray:
    """(k,) the same weights, one that is 0 a millionth of the largest; all 1 where all are 0."""
    largest = weights.max()
    return np.maximum(weights, LEAST * largest) if largest > 0 else np.ones(len(weights))


def mean_gradient(gradients: Gradients) -> np.ndarray:
    """(C, D + 1) float64."""
    n = len(gradients)
    return gradients.combined(ALL, np.full(n, 1 / n))
