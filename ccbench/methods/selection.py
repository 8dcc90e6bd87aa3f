"""A selection by another method, which a parameter names: where one begins with what another keeps."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ccbench.archive import RawImages
from ccbench.budget import Budget
from ccbench.errors import Skipped, UserError
from ccbench.methods import compress
from ccbench.methods.guard import undisturbed
from ccbench.offers.expressions import Expression, read_call

if TYPE_CHECKING:
    from ccbench.methods.task import Task


def selected(task: Task, method: str, images: int) -> np.ndarray:
    """What a method keeps of a task's images, as it would in a row of its own at the same budget and repetition.

    Args:
        task: see :meth:`ccbench.methods.task.Task.selection`.
        method: as a parameter holds it.
        images: how many, where its brackets say no budget.

    Returns:
        (n,) int64 positions in ``task.dataset``.

    Raises:
        UserError: it keeps other things than training images.
        Skipped: it declines, with its reason.
    """
    step, dataset = read_call("method", method, task.bench.plugins), task.dataset
    part = step.fixed(dataset.shape) or Budget(Fraction(images, len(dataset.labels)))
    axes = compress.axes(Expression((step,)), step, task.bench.root, part, task.repetition)
    own = replace(task, budget=part, axes=axes, asker=(step.spec, dict(step.params)), room=None)
    with undisturbed():  # what its imports do is not the asker's fault
        built = step.build()
    try:
        made = compress.made_by(step, built, own)
    except Skipped as reason:
        raise Skipped(f"{method}: {reason}") from None
    ids = made.ids
    if not isinstance(made.payload, RawImages) or ids.min(initial=0) < 0 or len(np.unique(ids)) < len(ids):
        raise UserError(
            f"{method} makes pictures of its own and selects no training images",
            mend="a method that keeps images, such as random or herding",
        )
    compress.check(method, made, part, dataset)
    return ids
