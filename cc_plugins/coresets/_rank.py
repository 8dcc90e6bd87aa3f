"""Reading a score and ranking by it: what runs of the selection methods share."""

from __future__ import annotations

import numpy as np

from cc_plugins.submodular.shares import allocate
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


def largest_per_class(values: np.ndarray, labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Sorted positions of the largest values: of each class equally many of the ``count``, as :func:`allocate` says."""
    kept = [np.empty(0, np.int64)]
    for c, quota in enumerate(allocate(np.bincount(labels, minlength=classes), count)):
        members = np.flatnonzero(labels == c)
        kept.append(members[largest(values[members], quota)])
    return np.sort(np.concatenate(kept))
