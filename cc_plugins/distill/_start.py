"""What pictures begin as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cc_plugins.distill._real import RealImages
from ccbench.plugin import Task, UserError


def start(task: Task, real: RealImages, init: str, file: Path | None, ipc: int, seed: int) -> torch.Tensor:
    """The first pictures, class after class.

    Args:
        task: its training images.
        real: the same, normalised.
        init: ``"real"``: of each class the first of a random order, so that a larger budget begins with those of a
            smaller one; ``"noise"``: normal; or ``"ids"``: those of ``file``, in its order.
        file: of ``"ids"``, as the method ``ids`` reads it.
        ipc: pictures of each class.
        seed: of the order and of the noise.

    Returns:
        (classes * ipc, 3, H, W) float32, normalised, on the device of the task.

    Raises:
        UserError: a class has too few images, or the file too few of it.
    """
    shape, rng = task.dataset.shape, np.random.default_rng(seed)
    if init == "noise":
        size = (shape.classes * ipc, 3, shape.height, shape.width)
        return torch.from_numpy(rng.standard_normal(size, np.float32)).to(task.device)
    if init == "ids":
        chosen = _of_file(task, file, ipc)
    else:
        chosen = np.concatenate([rng.permutation(members)[:ipc] for members in real.members])
    return real.at(chosen)


def _of_file(task: Task, file: Path | None, ipc: int) -> np.ndarray:
    """Positions in the task's images, ``ipc`` of each class."""
    from cc_plugins.coresets import _selection_file

    if file is None:
        raise UserError("init=ids names no file", mend="ids=selection.npy")
    values = _selection_file.read(file, None).values
    places = {int(i): place for place, i in enumerate(task.ids) if i >= 0}
    if values.dtype.kind not in "iu" or not {int(i) for i in values} <= set(places):
        raise UserError(f"{file} holds no ids of this training set", found=f"{values.dtype} numbers, {values[:3]}, ...")
    found = np.array([places[int(i)] for i in dict.fromkeys(values.tolist())])
    labels = task.dataset.labels[found]
    chosen = [found[labels == c][:ipc] for c in range(len(task.dataset.classes))]
    few = next((c for c, rows in enumerate(chosen) if len(rows) < ipc), None)
    if few is not None:
        raise UserError(
            f"{file} has too few images of the class {task.dataset.classes[few]!r}",
            found=f"{len(chosen[few])}, where the budget keeps {ipc} of each",
            mend="a smaller --ipc, or init=real",
        )
    return np.concatenate(chosen)
