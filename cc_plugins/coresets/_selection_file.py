"""Selections and scores as other projects publish them: NumPy files, text, and checkpoints of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.errors import few
from ccbench.plugin import UserError

TEXT = {".txt", ".csv", ".ids", ".list"}
DEEPCORE = "subset"  # where DeepCore's checkpoints have indices, and weights of some methods


@dataclass(frozen=True)
class SelectionFile:
    """What a file holds.

    Attributes:
        values: (m,) whole numbers, truth values or scores.
        weights: (m,) of the images, in a DeepCore checkpoint of a method that has them.
        labels: of every image in the order of the file's project, in a file of CCS scores.
    """

    values: np.ndarray
    weights: np.ndarray | None = None
    labels: np.ndarray | None = None


def read(path: Path, key: str | None) -> SelectionFile:
    """Read a file.

    Args:
        path: ``.npy``, ``.npz``, text with one id a line (``.txt``, ``.csv``, ``.ids``, ``.list``), or anything else
            that PyTorch saved: numbers alone, a table of arrays as CCS's scores, or a checkpoint of DeepCore.
        key: which array of several.

    Raises:
        UserError: it cannot be read without running what it says, holds several arrays and none is named, or one that
            is no list of numbers.
    """
    held = _loaded(path)
    subset = held.get(DEEPCORE) if isinstance(held, Mapping) else None
    if key is None and isinstance(subset, Mapping) and "indices" in subset:
        weights = subset.get("weights")
        return SelectionFile(
            _list(subset["indices"], path, "subset indices"),
            None if weights is None else _list(weights, path, "subset weights"),
        )
    if not isinstance(held, Mapping):
        if key is not None:
            raise UserError(f"{path} holds one list and nothing called {key!r}", mend="leave out key")
        return SelectionFile(_list(held, path, "its content"))
    names = sorted(map(str, held))
    if key is None and len(names) == 1:
        key = names[0]
    if key is None or key not in held:
        raise UserError(
            f"{path} holds several arrays, and none is named" if key is None else f"{path} holds no {key!r}",
            found=few(names),
            mend="ids[file=...,key=NAME]",
        )
    labels = held.get("targets")
    return SelectionFile(_list(held[key], path, key), labels=None if labels is None else _list(labels, path, "targets"))


def _loaded(path: Path) -> Any:
    if path.is_dir():
        raise UserError(f"{path} is a folder, and a selection is one file")
    suffix = path.suffix.lower()
    try:
        if suffix in TEXT:
            return _lines(path)
        if suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return torch_saved(path)
    except UserError:
        raise
    except Exception as error:  # readers have errors of their own for what may be in a file
        kind = "text" if suffix in TEXT else "NumPy saves" if suffix in {".npy", ".npz"} else "PyTorch saves"
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path} cannot be read as {kind}; pickles that could run code are not opened",
            found=f"{told:.160}",
            mend="open it where you trust it, and numpy.save the list of ids or scores to a .npy",
        ) from None


def _lines(path: Path) -> np.ndarray:
    ids = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.partition("#")[0].strip().rstrip(",")
        try:
            ids += [int(text)] if text else []
        except ValueError:
            raise UserError(f"line {number} of {path} is no whole number", found=f"{text!r:.60}") from None
        if ids and not -(2**63) <= ids[-1] < 2**63:
            raise UserError(f"line {number} of {path} is no id", found=f"{text:.60}")
    return np.array(ids, np.int64)


def torch_saved(path: Path) -> Any:
    """What PyTorch saved: tensors, and NumPy arrays and numbers beside them; no code of it runs.

    Raises:
        Exception: of any kind, where it is something else.
    """
    import _codecs

    import torch

    # NumPy arrays and numbers beside tensors, under the names that both generations of NumPy wrote
    arrays = np.zeros(1).__reduce__()[0]
    number = np.float64(0).__reduce__()[0]
    safe: list[Any] = [np.ndarray, np.dtype, _codecs.encode]
    safe += [type(np.dtype(kind)) for kind in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")]
    for module in ("numpy._core.multiarray", "numpy.core.multiarray"):
        safe += [(arrays, f"{module}._reconstruct"), (number, f"{module}.scalar")]
    with torch.serialization.safe_globals(safe):
        return torch.load(path, map_location="cpu", weights_only=True)


def _list(values: Any, path: Path, what: str) -> np.ndarray:
    import torch

    try:
        array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    except (ValueError, TypeError):
        array = np.empty(0, object)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise UserError(f"{path}: {what} is no list of numbers", found=f"{array.dtype} of shape {array.shape}")
    if not array.size:
        raise UserError(f"{path}: {what} is empty")
    return array
