"""Which published pictures are training images, pixel by pixel: then their labels must be the training set's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ccbench.plugin import Task, UserError

MOST = 1 << 31  # bytes of training images that are looked through


def searchable(task: Task, shape: tuple[int, int]) -> bool:
    """Whether pictures of (H, W) are looked for: they have the size of the training images, which are not too many."""
    return shape == task.dataset.images.shape[1:3] and task.dataset.images.nbytes <= MOST


def recognised(task: Task, pixels: np.ndarray, labels: np.ndarray, path: Path) -> tuple[np.ndarray, list[str]]:
    """The ids of pictures among the training images.

    Args:
        task: its training images.
        pixels: (n, H, W, 3) uint8.
        labels: (n,) int64, in the data's order.
        path: for errors.

    Returns:
        (n,) int64, -1 where a picture is none of them; and notes.

    Raises:
        UserError: those that are training images have other labels there, one for one: classes in another order.
    """
    images, ids = task.dataset.images, np.full(len(pixels), -1)
    if not searchable(task, pixels.shape[1:3]):
        return ids, ["not looked for among the training images, which are too many or of another size"]
    places: dict[bytes, list[int]] = {}
    for place, image in enumerate(images):
        places.setdefault(_digest(image), []).append(place)
    pairs: list[tuple[int, int]] = []  # the label of a picture, and of the same training image
    for i, picture in enumerate(pixels):
        same = places.get(_digest(picture), [])
        right = next((place for place in same if task.dataset.labels[place] == labels[i]), None)
        if right is not None:
            ids[i] = right
            same.remove(right)
        if right is not None or same:
            pairs.append((int(labels[i]), int(task.dataset.labels[same[0] if right is None else right])))
    wrong = [pair for pair in pairs if pair[0] != pair[1]]
    if not wrong:
        return ids, [f"{len(pairs)} of {len(pixels)} pictures are training images, with the same labels"] * bool(pairs)
    theirs, ours = (len({pair[side] for pair in pairs}) for side in (0, 1))
    names = task.dataset.classes
    first = f"one is {names[wrong[0][0]]!r} there and {names[wrong[0][1]]!r} in the training set"
    if theirs == ours == len(set(pairs)):  # one for one: the labels are right and their order is not
        raise UserError(
            f"{path} has training images under other labels: its classes are in another order",
            found=f"{len(wrong)} of {len(pairs)} differ; {first}",
            mend="classes=FILE, a class name a line in the order of its labels",
        )
    return ids, [f"{len(wrong)} of {len(pairs)} pictures that are training images have other labels; {first}"]


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
