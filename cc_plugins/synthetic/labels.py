"""The teacher's predictions for pictures."""

from __future__ import annotations

import numpy as np

from ccbench.plugin import EncodedImages, Task

BATCH = 128  # fixed, so that a file does not depend on the memory of the machine that made it


def soft_labels(task: Task, payload: EncodedImages, teacher: str | None, temperature: float) -> np.ndarray:
    """The teacher's predictions for the pictures as they are read back from the file.

    Always in float32: which format is faster here must not decide what a file holds.

    Args:
        task: see ``ccbench.methods.task.Task``.
        payload: n pictures; those of another size than the training set's are brought to it, as before training.
        teacher: its architecture; None is the one of the run.
        temperature: logits are divided by it, above 0.

    Returns:
        (n, C) float16 probabilities.
    """
    import torch

    from ccbench.plugin import load_teacher, resize

    network, size = load_teacher(task, teacher), task.dataset.images.shape[1:3]
    rows = []
    for start in range(0, len(payload), BATCH):
        stop = min(start + BATCH, len(payload))
        pixels = torch.from_numpy(np.stack([payload.decode(i) for i in range(start, stop)])).permute(0, 3, 1, 2)
        logits = network(resize(pixels.to(task.device), size), precision="float32")
        rows.append((logits.double() / temperature).softmax(1).half().cpu().numpy())
        task.progress(stop, len(payload), "soft labels")
    return np.concatenate(rows)
