"""What kind of labels a file has, and which of its classes is which of the data's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccbench.errors import few
from ccbench.plugin import UserError

EVEN = 2e-3  # what float16 leaves of the sum of probabilities


def understood(values: np.ndarray, classes: int, kind: str, path: Path) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Labels of a file as numbers, and as probabilities where they are soft.

    Args:
        values: (n,) numbers, or (n, C) floats.
        classes: of the data, C.
        kind: ``"auto"``, ``"hard"``, ``"probabilities"`` or ``"logits"``.
        path: for errors; KIP's ``.npz`` have centred targets of a regression, which look like logits.

    Returns:
        (n,) int64; (n, C) float32 rows that sum to 1, or None; and what was found.

    Raises:
        UserError: another number of classes, or a kind that cannot be told or does not fit.
    """
    if values.ndim == 1:
        return _numbers(values, classes, kind, path)
    if values.shape[1] != classes:
        raise UserError(
            f"{path} has labels of another number of classes", found=f"{values.shape[1]}, the data have {classes}"
        )
    whole = values.astype(np.float64)
    sums = bool((whole >= 0).all() and (np.abs(whole.sum(1) - 1) < EVEN).all())
    if kind == "auto" and sums:
        kind = "hard" if bool((whole.max(1) == 1).all()) else "probabilities"
    elif kind == "auto" and path.suffix.lower() == ".npz":
        raise UserError(
            f"{path} has labels that are no probabilities: logits, or targets of a regression as KIP's",
            found=f"from {whole.min():.4g} to {whole.max():.4g}, rows that sum to {whole.sum(1).mean():.4g} on average",
            mend="kind=hard takes the largest of each, as others evaluate KIP; kind=logits a softmax",
        )
    elif kind == "auto":
        kind = "logits"
    if kind == "probabilities" and not sums:
        raise UserError(f"{path} has labels that are no probabilities", found="rows that do not sum to 1",
                        mend="kind=logits or kind=hard")  # fmt: skip
    hard = whole.argmax(1)
    if kind == "hard":
        return hard, None, "hard labels: the largest number of each picture"
    if kind == "logits":
        whole = np.exp(whole - whole.max(1, keepdims=True))
        return hard, (whole / whole.sum(1, keepdims=True)).astype(np.float32), "soft labels: the softmax of logits"
    return hard, (whole / whole.sum(1, keepdims=True)).astype(np.float32), "soft labels: probabilities"


def _numbers(values: np.ndarray, classes: int, kind: str, path: Path) -> tuple[np.ndarray, None, str]:
    if kind in {"probabilities", "logits"}:
        raise UserError(f"{path} has one label for each picture", found=f"kind={kind}", mend="leave out kind")
    if (values != np.round(values)).any():
        raise UserError(f"{path} has labels that are no whole numbers", found=few([f"{v:g}" for v in values], 3))
    if values.min() < 0 or values.max() >= classes:
        found = f"{values.min():g} to {values.max():g}"
        raise UserError(f"{path} has labels that are none of the {classes} classes", found=found)
    note = "labels stored as floats, whole numbers all" if values.dtype.kind == "f" else "labels are whole numbers"
    return values.astype(np.int64), None, note


def listed(path: Path, classes: Sequence[str]) -> list[int]:
    """The data's number of each class that a file names, in its order.

    Raises:
        UserError: it cannot be read, or names a class that is none or one twice.
    """
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} as text with a class name a line", found=error) from None
    wrong = [name for name in names if name not in classes]
    if wrong or len(set(names)) < len(names) or not names:
        raise UserError(
            f"{path} must name classes of the data, each once, one a line",
            found=few(wrong) if wrong else f"{len(names)} names, {len(set(names))} of them different",
            mend=f"of {few(list(classes))}",
        )
    return [list(classes).index(name) for name in names]


def order(names: Sequence[str], classes: Sequence[str], path: Path) -> tuple[list[int], str]:
    """The data's number of each class folder, by its name or by the number in it.

    Raises:
        UserError: neither fits.
    """
    if set(names) <= set(classes):
        return [list(classes).index(name) for name in names], "class folders named as the data's classes"
    numbers = [re.fullmatch(r"\D*(\d+)", name) for name in names]
    found = [int(number[1]) for number in numbers if number]
    if len(found) == len(names) == len(set(found)) and max(found) < len(classes):
        return found, "class folders by the number in their names, in the order of the data's classes"
    raise UserError(
        f"{path}: class folders have neither the names nor the numbers of the data's classes",
        found=f"{few(list(names), 4)} against {few(list(classes), 4)}",
        mend="classes=FILE, a class name a line in the order of the sorted folders",
    )
