"""The checks every compressed dataset passes, however it was made: a wrong one is caught here, not in training."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccbench.archive.facts import check_described
from ccbench.errors import UserError

SUM_TOLERANCE = 2e-3  # float16 rounds each probability by at most 2**-11 of itself, so a row's sum by 5e-4


def check_ids(ids: Any, n: int) -> np.ndarray:
    """(n,) int64, -1 for synthetic images, the others unique and >= 0."""
    ids = _whole("ids", ids, n)
    if ids.min() < -1:
        raise UserError("ids are positions in the training set, or -1 for synthetic images", found=int(ids.min()))
    real = np.sort(ids[ids >= 0])
    twice = real[1:][real[1:] == real[:-1]]
    if twice.size:
        raise UserError("ids must be unique", found=f"{int(twice[0])} more than once")
    return ids


def check_labels(labels: Any, n: int, classes: int) -> np.ndarray:
    """(n,) int64 in 0 .. classes-1."""
    labels = _whole("labels", labels, n)
    if labels.min() < 0 or labels.max() >= classes:
        bad = int(labels.min()) if labels.min() < 0 else int(labels.max())
        raise UserError(f"labels must lie in 0..{classes - 1}, one for each class name", found=bad)
    return labels


def check_soft_labels(soft: Any, n: int, classes: int) -> np.ndarray | None:
    """(n, classes) float16 probabilities whose rows sum to 1, or None."""
    if soft is None:
        return None
    soft = np.asarray(soft)
    if soft.shape != (n, classes) or soft.dtype.kind != "f":
        raise UserError(f"soft labels must be ({n}, {classes}) floats", found=f"shape {soft.shape}, dtype {soft.dtype}")
    with np.errstate(over="ignore"):
        soft = soft.astype(np.float16)
    if not np.isfinite(soft).all() or soft.min() < 0 or soft.max() > 1:
        raise UserError("soft labels must be probabilities, in [0, 1]", mend="apply softmax to logits first")
    sums = soft.sum(1, dtype=np.float32)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > SUM_TOLERANCE:
        raise UserError("each row of soft labels must sum to 1", found=f"row {worst} sums to {sums[worst]:.4f}")
    return soft


def check_weights(weights: Any, n: int) -> np.ndarray | None:
    """(n,) float32, finite and above 0, or None."""
    if weights is None:
        return None
    weights = np.asarray(weights)
    if weights.shape != (n,) or weights.dtype.kind not in "fui":
        raise UserError(f"weights must be ({n},) numbers", found=f"shape {weights.shape}, dtype {weights.dtype}")
    with np.errstate(over="ignore", under="ignore"):
        weights = weights.astype(np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if wrong.size:
        raise UserError(
            "weights must be finite and above 0",
            found=f"{weights[wrong[0]]} for image {wrong[0]}",
            mend="leave an image out rather than weigh it 0",
        )
    return weights


def check_learning_rate(rate: Any) -> float | None:
    """A finite number above 0, or None."""
    if rate is None:
        return None
    value = float(rate) if isinstance(rate, int | float | np.number) and not isinstance(rate, bool) else math.nan
    if not (math.isfinite(value) and value > 0):
        raise UserError("a learned learning rate must be finite and above 0", found=repr(rate))
    return value


def check_classes(classes: Any) -> tuple[str, ...]:
    """A tuple of one or more names."""
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise UserError("classes must be a sequence of names", found=type(classes).__name__)
    if not classes or not all(isinstance(name, str) for name in classes):
        raise UserError("classes must be one or more names", found=list(classes)[:3])
    return tuple(str(name) for name in classes)


def check_full(full: Any, ids: np.ndarray, classes: Sequence[str]) -> None:
    """What a file says of the training set it was made from, [images, height, width, classes] or None, fits the file.

    Raises:
        ValueError: it does not.
    """
    if full is not None and (ids.max() >= full[0] or len(classes) != full[3]):
        raise ValueError(f"id {ids.max()} and {len(classes)} classes, of {full[0]} images and {full[3]} classes")


def check_scores(scores: Any, n: int) -> dict[str, np.ndarray]:
    """(n,) float32 by name; NaN where an image has none."""
    checked = {}
    for name, values in dict(scores or {}).items():
        array = np.asarray(values)
        if not isinstance(name, str) or not name or array.shape != (n,) or array.dtype.kind not in "fuib":
            raise UserError(
                f"scores must be ({n},) numbers by name, one for each image of the training set",
                found=f"{name!r}: shape {array.shape}, dtype {array.dtype}",
            )
        checked[name] = array.astype(np.float32)
    return checked


def check_meta(meta: Any) -> dict[str, Any]:
    """A JSON object, in the form in which it comes back from a file (tuples are lists); all of it in range."""
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise UserError("meta must be a dict that JSON can hold", found=type(meta).__name__)
    try:
        plain = json.loads(json.dumps(meta, sort_keys=True, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError("meta must be a dict that JSON can hold", found=error) from None
    try:
        check_described(plain)
    except ValueError as error:
        raise UserError("meta says of the file what cannot be", found=error) from None
    return plain


def expect(name: str, array: np.ndarray, axes: int, form: str, *, integer: bool = False) -> None:
    """An array of so many axes, none of them empty, uint8 or (if ``integer``) any whole numbers."""
    if not isinstance(array, np.ndarray):
        raise UserError(f"{name} must be a numpy array {form}", found=type(array).__name__)
    if array.ndim != axes or min(array.shape, default=0) < 1:
        raise UserError(f"{name} must be {form} with at least one image", found=f"shape {array.shape}")
    if array.dtype != np.uint8 and not (integer and array.dtype.kind in "ui"):
        raise UserError(f"{name} must be {'whole numbers' if integer else 'uint8'}", found=f"dtype {array.dtype}")


def smallest(highest: int) -> np.dtype:
    """The smallest unsigned dtype that holds 0..highest."""
    return np.min_scalar_type(max(int(highest), 0))


def _whole(name: str, values: Any, n: int) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (n,):
        raise UserError(f"{name} must be ({n},), one for each image", found=f"shape {values.shape}")
    if values.dtype.kind not in "ui":
        raise UserError(f"{name} must be whole numbers", found=f"dtype {values.dtype}")
    if values.dtype.kind == "u" and values.max() > np.iinfo(np.int64).max:
        raise UserError(f"{name} must fit in 63 bits", found=int(values.max()))
    return values.astype(np.int64)
