"""Orthogonal matching pursuit: a few weighted gradients that add up to a target (GradMatch)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from cc_plugins.submodular.cholesky import Cholesky
from cc_plugins.submodular.gradients import ALL, Gradients
from cc_plugins.submodular.greedy import TIE

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
