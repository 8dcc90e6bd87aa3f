"""The set that new pictures end in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cc_plugins.synthetic.encoding import encode
from cc_plugins.synthetic.labels import soft_labels
from ccbench.plugin import CompressedDataset, EncodedImages, Task


def synthetic(
    task: Task,
    pictures: EncodedImages | Iterable[np.ndarray],
    labels: np.ndarray | Sequence[int],
    *,
    ids: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    codec: str,
    quality: int,
    chroma: str,
    soft: str,
    teacher: str | None,
    temperature: float,
    meta: Mapping[str, Any] | None = None,
) -> CompressedDataset:
    """Pictures counted as images (IPC), most often no training images, with soft labels where they are asked for.

    Args:
        task: see ``ccbench.methods.task.Task``.
        pictures: n encoded pictures, or (H, W, 3) uint8 arrays, each looked at once.
        labels: (n,) whole numbers.
        ids: (n,) places in the training set of pictures that are training images; None: none of them is.
        weights: (n,) what each picture counts for in the loss, above 0; None: all the same.
        codec, quality, chroma: see :func:`cc_plugins.synthetic.encoding.encoded`.
        soft: ``"none"``, or ``"stored"``: the teacher's predictions for the pictures as the file holds them.
        teacher, temperature: see :func:`cc_plugins.synthetic.labels.soft_labels`.
        meta: facts that the file keeps.
    """
    payload = pictures if isinstance(pictures, EncodedImages) else encode(pictures, codec, quality, chroma)
    return CompressedDataset(
        payload,
        ids=np.full(len(payload), -1) if ids is None else ids,
        labels=labels,
        classes=task.dataset.classes,
        soft_labels=soft_labels(task, payload, teacher, temperature) if soft == "stored" else None,
        weights=weights,
        nominal="images",
        meta=dict(meta or {}),
    )
