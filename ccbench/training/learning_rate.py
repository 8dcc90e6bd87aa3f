"""Learning rates and looks at the test set, in closed form."""

from __future__ import annotations

import math

from ccbench.training.recipe import Recipe


def learning_rate(recipe: Recipe, iteration: int, iterations: int) -> float:
    """The rate of one update.

    Linear warmup over ``warmup`` of the training, then cosine annealing
    (Loshchilov and Hutter, 2017, eq. 5 without restarts) that reaches ``lr_min``
    ``cosine_length`` trainings after the first update, as torch's CosineAnnealingLR
    does with T_max = cosine_length * iterations. Where the recipe steps by epochs,
    the same with epochs in place of iterations. Under ``"drop"`` the rate is a tenth from half of them on.

    Args:
        recipe: its ``lr``, ``lr_min``, ``warmup``, ``schedule``, ``schedule_step`` and ``cosine_length``.
        iteration: 0 .. iterations - 1.
        iterations: of the whole training.

    Examples:
        >>> recipe = Recipe(architecture="quicknet", batch=64, lr=0.5, warmup=0.2, iterations=10)
        >>> [round(learning_rate(recipe, i, 10), 3) for i in range(10)]
        [0.167, 0.333, 0.5, 0.481, 0.427, 0.346, 0.25, 0.154, 0.073, 0.019]
    """
    step: int = iteration
    steps: float = iterations
    if recipe.schedule_step == "epoch":
        step, steps = recipe.epoch(iteration, iterations), recipe.epochs or 1
    warm = round(recipe.warmup * steps)
    if step < warm:
        return recipe.lr * (step + 1) / (warm + 1)
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.schedule == "drop":
        return recipe.lr / 10 if step >= steps / 2 else recipe.lr
    done = (step - warm) / max(steps - warm, 1) / recipe.cosine_length
    return recipe.lr_min + (recipe.lr - recipe.lr_min) * (1 + math.cos(math.pi * done)) / 2


def look_now(recipe: Recipe, done: int, iterations: int) -> bool:
    """Whether the test set is looked at after ``done`` of so many updates.

    That is after each ``evaluate_every`` updates, or after each ``evaluate_every_epochs`` whole epochs,
    and only once more than ``evaluate_from`` of the training is done.

    Examples:
        >>> recipe = Recipe(architecture="x", batch=64, lr=0.5, iterations=10, evaluate_every=2, evaluate_from=0.5)
        >>> [done for done in range(1, 11) if look_now(recipe, done, 10)]
        [6, 8, 10]
    """
    if done <= recipe.evaluate_from * iterations * (1 + 1e-12):  # the share itself may be rounded down
        return False
    if recipe.evaluate_every:
        return done % recipe.evaluate_every == 0
    if recipe.evaluate_every_epochs:
        epoch = recipe.epoch(done, iterations)
        return epoch > recipe.epoch(done - 1, iterations) and epoch % recipe.evaluate_every_epochs == 0
    return False
