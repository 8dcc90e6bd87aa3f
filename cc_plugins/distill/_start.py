"""What pictures begin as."""

from __future__ import annotations

import numpy as np
import torch

from cc_plugins.distill._real import RealImages
from ccbench.plugin import Task, UserError


def start(task: Task, real: RealImages, init: str, ipc: int, seed: int) -> torch.Tensor:
    """The first pictures, class after class.

    Args:
        task: its training images.
        real: the same, normalised.
        init: ``"real"``: of each class the first of a random order, so that a larger budget begins with those of a
            smaller one; ``"noise"``: normal; otherwise what the method that the task's parameter ``init`` names
            selects, of each class those that come first in the training set.
        ipc: pictures of each class.
        seed: of the order and of the noise.

    Returns:
        (classes * ipc, 3, H, W) float32, normalised, on the device of the task.

    Raises:
        UserError: a class has too few images, or the method selects too few of it.
        Skipped: the method declines.
    """
    shape, rng = task.dataset.shape, np.random.default_rng(seed)
    if init == "noise":
        size = (shape.classes * ipc, 3, shape.height, shape.width)
        return torch.from_numpy(rng.standard_normal(size, np.float32)).to(task.device)
    if init == "real":
        return real.at(np.concatenate([rng.permutation(members)[:ipc] for members in real.members]))
    return real.at(_selected(task, init, ipc))


def _selected(task: Task, init: str, ipc: int) -> np.ndarray:
    """Positions in the task's images, ``ipc`` of each class, class after class."""
    classes = task.dataset.classes
    found = task.selection("init", len(classes) * ipc)
    labels = task.dataset.labels[found]
    chosen = [found[labels == c][:ipc] for c in range(len(classes))]
    few = next((c for c, rows in enumerate(chosen) if len(rows) < ipc), None)
    if few is not None:
        raise UserError(
            f"init={init} selects too few images of the class {classes[few]!r}",
            found=f"{len(chosen[few])} where the budget keeps {ipc} of each",
            mend=f"a larger budget of its own, such as init={init.partition('[')[0]}[ipc={10 * ipc}], or init=real",
        )
    return np.concatenate(chosen)
