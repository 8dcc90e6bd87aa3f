"""Greedy choice: take the image that adds most to those chosen before, again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from cc_plugins.submodular.gradients import ALL, Rows

TIE = 1e-10  # of the largest gain; rounding differs between machines, the lower position must win on all of them
BATCH, MOST = 16, 128  # gains that a lazy choice asks for at once, at first and at most
BETA = 0.9  # approximate-lazy takes what adds at least so much of the most that any can add
EPSILON = 0.1  # stochastic misses the best images with this chance


class SetFunction(Protocol):
    """A set function as :func:`greedy` sees it."""

    def __len__(self) -> int:
        """How many images there are."""
        ...

    def gains(self, rows: Rows) -> np.ndarray:
        """(r,) float64: what each of these images would add to the chosen ones."""
        ...

    def take(self, chosen: int) -> None:
        """This image is chosen."""
        ...


class Gains:
    """What is known of every image's gain: its value, or that of a choice before, which bounds it from above.

    Attributes:
        bounds: (n,) float64; infinity before the first look, minus infinity for a chosen image.
        stale: (n,) bool, whether another image was chosen since.
        tie: gains that differ by no more are equal.
    """

    def __init__(self, function: SetFunction) -> None:
        self.function = function
        self.bounds = np.full(len(function), np.inf)
        self.stale = np.ones(len(function), bool)
        self.tie = 0.0

    def refresh(self, rows: Rows) -> None:
        """Ask for gains anew; those of chosen images stay minus infinity."""
        found = self.function.gains(rows)
        self.tie = self.tie or TIE * float(np.abs(found).max(initial=0))
        self.bounds[rows] = np.where(self.bounds[rows] > -np.inf, found, -np.inf)
        self.stale[rows] = False

    def largest(self, rows: np.ndarray) -> int:
        """Of these positions, ascending, the first with the largest gain."""
        values = self.bounds[rows]
        return int(rows[values >= values.max() - self.tie][0])

    def take(self, chosen: int) -> None:
        """An image is chosen: the gains of the others are known no more."""
        self.function.take(chosen)
        np.greater(self.bounds, -np.inf, out=self.stale)


def naive(known: Gains) -> int:
    """The largest of all gains, each asked for anew."""
    if known.stale.any():
        known.refresh(ALL)
    return known.largest(np.arange(len(known.bounds)))


def lazy(known: Gains) -> int:
    """The same, as long as no gain ever rises: whose bound is below a known gain is not asked for."""
    batch = BATCH
    while True:
        best = known.bounds[~known.stale].max(initial=-np.inf)
        behind = np.flatnonzero(known.stale & (known.bounds >= best - known.tie))
        if not len(behind):
            return known.largest(np.flatnonzero(~known.stale))
        known.refresh(_highest(known.bounds, behind, batch))
        batch = min(2 * batch, MOST)  # many are asked for in fewer, faster products


def approximate_lazy(known: Gains) -> int:
    """The first found, from the highest bound down, whose gain is at least BETA of the highest bound of all."""
    everywhere = np.arange(len(known.bounds))
    while True:
        top = known.largest(everywhere)
        if not known.stale[top]:
            return top
        bound = known.bounds[top]
        known.refresh(np.union1d(top, _highest(known.bounds, np.flatnonzero(known.stale))))
        if bound > 0 and known.bounds[top] >= BETA * bound:
            return top


def sampled(known: Gains, size: int, rng: np.random.Generator) -> int:
    """The largest gain of a random sample of the images that are not chosen yet."""
    open_ = np.flatnonzero(known.bounds > -np.inf)
    sample = np.sort(rng.choice(open_, min(size, len(open_)), replace=False))
    known.refresh(sample)
    return known.largest(sample)


def sample_size(n: int, budget: int, epsilon: float) -> int:
    """How many images hold one of the best ``budget`` of ``n`` with chance 1 - epsilon, at least 1."""
    return max(1, round(n / budget * math.log(1 / epsilon)))


EXHAUSTIVE: dict[str, Callable[[Gains], int]] = {"naive": naive, "lazy": lazy, "approximate-lazy": approximate_lazy}
STOCHASTIC = "stochastic"


def greedy(
    function: SetFunction,
    budget: int,
    how: str = "naive",
    *,
    rng: np.random.Generator | None = None,
    epsilon: float = EPSILON,
) -> np.ndarray:
    """Take the image of largest gain, ``budget`` times; among equal ones the lower position.

    Args:
        function: of n images; nothing is chosen yet.
        budget: 0 <= budget <= n.
        how: a name of :data:`EXHAUSTIVE`, or ``"stochastic"``.
        rng: what stochastic draws its samples from.
        epsilon: of stochastic, see :func:`sample_size`.

    Returns:
        (budget,) int64 positions in the order of choice.
    """
    chosen = np.empty(budget, np.int64)
    known, size = Gains(function), sample_size(len(function), max(1, budget), epsilon)
    draws = rng or np.random.default_rng(0)
    if budget and how != STOCHASTIC:
        known.refresh(ALL)
    for k in range(budget):
        chosen[k] = sampled(known, size, draws) if how == STOCHASTIC else EXHAUSTIVE[how](known)
        known.bounds[chosen[k]] = -np.inf
        if k + 1 < budget:
            known.take(int(chosen[k]))
    return chosen


def _highest(bounds: np.ndarray, rows: np.ndarray, batch: int = BATCH) -> np.ndarray:
    """A batch of these positions, those with the highest bounds."""
    if len(rows) <= batch:
        return rows
    return np.sort(rows[np.argpartition(-bounds[rows], batch)[:batch]])
