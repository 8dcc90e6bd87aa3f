"""What the file holds: pictures of one size as JPEG or PNG, and soft labels where they are asked for."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from ccbench.archive import EncodedImages

BATCH = 128


def encode(picture: np.ndarray, size: tuple[int, int], codec: str, quality: int) -> bytes:
    """A picture as a file.

    Args:
        picture: (h, w, 3) uint8.
        size: (H, W) to store; another size is reached by Pillow's bicubic filter with antialiasing.
        codec: ``"jpeg"`` (chroma at half the resolution both ways, Pillow's default) or ``"png"``.
        quality: of JPEG, 1 .. 100.
    """
    image = Image.fromarray(picture)
    if picture.shape[:2] != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    if codec == "jpeg":
        image.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    else:
        image.save(file, "PNG")
    return file.getvalue()


def soft_labels(task: Any, payload: EncodedImages, teacher: str | None, temperature: float) -> np.ndarray:
    """The teacher's predictions for the pictures as they are read back from the file.

    Args:
        task: see ``ccbench.task.Task``.
        payload: n pictures; those of another size are brought to the training set's before the teacher sees them.
        teacher: its architecture; None is the one of the protocol.
        temperature: logits are divided by it.

    Returns:
        (n, C) float16 probabilities.
    """
    import torch

    from ccbench.stages.teacher import load_teacher
    from ccbench.training.resample import resize

    network, size = load_teacher(task, teacher), tuple(task.dataset.images.shape[1:3])
    rows = []
    for start in range(0, len(payload), BATCH):
        stop = min(start + BATCH, len(payload))
        pixels = np.stack([payload.decode(i) for i in range(start, stop)]).transpose(0, 3, 1, 2)
        images = torch.from_numpy(np.ascontiguousarray(pixels)).to(task.device)
        if payload.shape != size:
            images = resize(images, size)
        logits = network(images, precision="float32").double()  # the same on every call, whatever is faster now
        rows.append((logits / temperature).softmax(1).half().cpu().numpy())
        task.progress(stop, len(payload), "soft labels")
    return np.concatenate(rows)
