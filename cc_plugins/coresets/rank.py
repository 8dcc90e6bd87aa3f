"""What the selection methods share: reading a score, ranking by it, and shares per class."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccbench import UserError


def read_score(task: Any, score: str, proxy: str | None) -> np.ndarray:
    """A score of the task's images, (n,) float64, in the order of ``task.dataset``.

    Raises:
        UserError: the images are synthetic, or the proxy's training was too short to see each of them.
    """
    ids = np.asarray(task.ids)
    if len(ids) and ids.min() < 0:
        raise UserError(
            f"the score {score} belongs to training images, and the step before made synthetic ones",
            mend="put the selection first in the pipeline",
        )
    values = np.asarray(task.stage("score", score=score, proxy=proxy)["score"], np.float64)[ids]
    missing = int(np.count_nonzero(~np.isfinite(values)))
    if missing:
        raise UserError(
            f"the proxy's training gave no finite {score} for {missing} of {len(values)} images",
            mend="train the proxy for at least one whole epoch, at a learning rate it survives",
        )
    return values


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """Sorted positions of the ``count`` largest values; among equal ones the lower position goes first."""
    return np.sort(np.argsort(-values, kind="stable")[:count])


def class_quotas(labels: np.ndarray, classes: int, total: int) -> np.ndarray:
    """How many images each class gets, (classes,) int64: shares in proportion to class size by largest remainder.

    Every class with images gets at least one where ``total`` allows it. Ties go to the lower class number.

    Args:
        labels: (n,) int64 in 0 .. classes-1.
        classes: number of classes, those without images included.
        total: 0 .. n.
    """
    sizes = np.bincount(labels, minlength=classes)
    quotas = sizes * total // max(len(labels), 1)  # whole numbers throughout: no rounding to differ between machines
    remainder = sizes * total - quotas * len(labels)
    quotas[np.argsort(-remainder, kind="stable")[: total - quotas.sum()]] += 1
    if total >= np.count_nonzero(sizes):
        for c in np.flatnonzero((quotas == 0) & (sizes > 0)):
            quotas[quotas.argmax()] -= 1
            quotas[c] = 1
    return quotas


def largest_per_class(values: np.ndarray, labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Sorted positions of the largest values, each class with its share of ``count``."""
    kept = [np.empty(0, np.int64)]
    for c, quota in enumerate(class_quotas(labels, classes, count)):
        members = np.flatnonzero(labels == c)
        kept.append(members[largest(values[members], quota)])
    return np.sort(np.concatenate(kept))
