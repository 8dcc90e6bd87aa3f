"""Learning rates, in closed form."""

from __future__ import annotations

import math

from ccbench.training.recipe import Recipe


def learning_rate(recipe: Recipe, iteration: int, iterations: int) -> float:
    """The rate of one update.

    Linear warmup over ``warmup * iterations`` updates, then cosine annealing
    (Loshchilov and Hutter, 2017, eq. 5 without restarts) that reaches ``lr_min``
    after the last update, as torch's CosineAnnealingLR does with T_max = iterations.

    Args:
        recipe: its ``lr``, ``lr_min``, ``warmup`` and ``schedule``.
        iteration: 0 .. iterations - 1.
        iterations: of the whole training.
    """
    warm = round(recipe.warmup * iterations)
    if iteration < warm:
        return recipe.lr * (iteration + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return recipe.lr
    done = (iteration - warm) / max(iterations - warm, 1)
    return recipe.lr_min + (recipe.lr - recipe.lr_min) * (1 + math.cos(math.pi * done)) / 2
