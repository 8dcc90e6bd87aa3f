"""Reading a score, ranking by it, and equal shares of classes: what runs of the selection methods share."""

from __future__ import annotations

import numpy as np

from ccbench.plugin import Task, UserError


def read_score(task: Task, score: str, proxy: str | None) -> np.ndarray:
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


def allocate(sizes: np.ndarray, total: int) -> np.ndarray:
    """How many images each class or stratum gives, (k,) int64, ``total`` in all: as equal as their sizes allow.

    From the smallest to the largest, each gives min(its size, what is left to give // those that are left):
    one that is too small for its share hands the rest on to the larger ones (CCS, Algorithm 1). As the sizes
    ascend, nothing is left over at the end. What rounding leaves goes to the largest, and of equal ones to the last.

    Args:
        sizes: (k,) int64, zeros allowed.
        total: 0 .. sum of sizes.
    """
    given = np.zeros_like(sizes)
    left = total
    for done, place in enumerate(np.argsort(sizes, kind="stable")):
        given[place] = min(sizes[place], left // (len(sizes) - done))
        left -= given[place]
    return given


def largest_per_class(values: np.ndarray, labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Sorted positions of the largest values: of each class equally many of the ``count``, as :func:`allocate` says."""
    kept = [np.empty(0, np.int64)]
    for c, quota in enumerate(allocate(np.bincount(labels, minlength=classes), count)):
        members = np.flatnonzero(labels == c)
        kept.append(members[largest(values[members], quota)])
    return np.sort(np.concatenate(kept))
