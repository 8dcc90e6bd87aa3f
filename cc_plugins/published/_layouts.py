"""Which arrays of a file or folder are pictures, labels and a learning rate: layouts of published sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cc_plugins.published._files import array, opened
from ccbench.errors import few
from ccbench.plugin import UserError

TENSORS = {".pt", ".pth", ".npy"}
BEST = "images_best"  # what MTT, TESLA and DATM call the set that they report
LABELS, RATES = ("labels", "soft_labels"), ("lr", "syn_lr")


@dataclass
class Found:
    """What was read.

    Attributes:
        images: (n, H, W, 3) uint8 or floats.
        labels: (n,) numbers, or (n, C) floats.
        rate: the learned learning rate, or None.
        notes: what was taken for granted, one line each.
    """

    images: np.ndarray
    labels: np.ndarray
    rate: float | None
    notes: list[str] = field(default_factory=list)


def read(path: Path, labels: Path | None, rate: Path | None, which: int | None) -> Found:
    """Read arrays of pictures.

    Args:
        path: a file, or a folder of files whose names hold ``images`` and ``labels``.
        labels, rate: files of their own, or None.
        which: of several sets, or None.

    Raises:
        UserError: a file cannot be read, or what it holds is no such set or more than one.
    """
    notes: list[str] = []
    parts, beside, learned = _of_folder(path, notes) if path.is_dir() else _of_file(path, which, notes)
    beside = (labels, opened(labels)) if labels else beside
    learned = (rate, opened(rate)) if rate else learned
    if beside is None:
        raise UserError(f"{path} holds pictures and no labels", mend="published[file=...,labels=FILE]")
    if which is not None and (path.is_dir() or not _holds_several(parts)):
        raise UserError(f"{path} holds one set", found=f"set={which}", mend="leave out set")
    images = [_images(array(held, where, "the array of images"), where) for where, held, _ in parts]
    if len({image.shape[1:] for image in images}) > 1:
        raise UserError(f"{path} has pictures of several sizes", found=few([str(image.shape) for image in images]))
    values = array(beside[1], beside[0], "the array of labels")
    pictures = images[0] if len(images) == 1 else np.concatenate(images)
    if values.ndim not in {1, 2} or len(values) != len(pictures):
        raise UserError(
            f"{beside[0]} has another number of labels than there are pictures",
            found=f"labels of shape {values.shape} for {len(pictures)} pictures",
        )
    return Found(pictures, values, None if learned is None else _rate(*learned), notes)


Part = tuple[Path, Any, bool]  # where it was read, what it is, whether it is one of several sets
Beside = tuple[Path, Any] | None


def _holds_several(parts: list[Part]) -> bool:
    return any(several for _, _, several in parts)


def _of_file(path: Path, which: int | None, notes: list[str]) -> tuple[list[Part], Beside, Beside]:
    held = opened(path)
    if isinstance(held, Mapping) and "data" in held:
        images, labels = _one_of(held["data"], path, which)
        notes += _stated(held.get("accs_all_exps"))
        return [(path, images, True)], (path, labels), None
    if isinstance(held, Mapping):
        names = [str(name) for name in held]
        beside = next((held[name] for name in LABELS if name in held), None)
        learned = next((held[name] for name in RATES if name in held), None)
        if "images" not in held:
            raise UserError(f"{path} holds neither 'data' (DC, DSA, DM) nor 'images'", found=few(names))
        rate = None if learned is None else (path, learned)
        return [(path, held["images"], False)], None if beside is None else (path, beside), rate
    if isinstance(held, list | tuple):
        images, labels = _pair(held, path)
        return [(path, images, False)], (path, labels), None
    return [(path, held, False)], None, None


def _one_of(sets: Any, path: Path, which: int | None) -> tuple[Any, Any]:
    if not isinstance(sets, list | tuple) or not sets:
        raise UserError(f"{path}: 'data' is no list of sets", found=type(sets).__name__)
    if which is None and len(sets) > 1:
        raise UserError(
            f"{path} holds several sets, one of each experiment",
            found=f"{len(sets)} of them",
            mend=f"set=0 to set={len(sets) - 1}; DC-Bench takes the last, set=-1",
        )
    if which is not None and not -len(sets) <= which < len(sets):
        raise UserError(f"{path} holds {len(sets)} sets", found=f"set={which}")
    return _pair(sets[which or 0], path)


def _pair(held: Any, path: Path) -> tuple[Any, Any]:
    if not isinstance(held, list | tuple) or len(held) != 2:
        found = f"a list of {len(held)}" if isinstance(held, list | tuple) else type(held).__name__
        raise UserError(f"{path}: a set is no pair of images and labels", found=found)
    return held[0], held[1]


def _stated(accuracies: Any) -> list[str]:
    """What a result of DC, DSA or DM says of the networks of its authors."""
    told = []
    for name, values in (accuracies if isinstance(accuracies, Mapping) else {}).items():
        try:
            numbers = np.asarray(values, np.float64).reshape(-1)
        except (TypeError, ValueError):
            continue
        if numbers.size and np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= 1:
            told.append(f"{name} {100 * numbers.mean():.2f} % (networks: {numbers.size})")
    return [f"accuracy that its authors state: {few(told)}"] if told else []


def _of_folder(path: Path, notes: list[str]) -> tuple[list[Part], Beside, Beside]:
    """The one set of a folder; images_best before others."""
    sets: dict[str, dict[int, Path]] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in TENSORS and "images" in file.stem and file.is_file():
            number = re.search(r"(?<=best)_(\d+)$", file.stem)  # images_best_0.pt ...: one set in parts
            sets.setdefault(file.stem[: number.start()] if number else file.stem, {})[
                int(number[1]) if number else -1
            ] = file
    if not sets:
        raise UserError(f"{path} holds neither class folders of pictures nor a file of images",
                        found=few(sorted(file.name for file in path.iterdir())))  # fmt: skip
    name = BEST if BEST in sets else next(iter(sets))
    if len(sets) > 1 and name != BEST:
        raise UserError(f"{path} holds several sets", found=few(list(sets)), mend="file=...,labels=... names one")
    if len(sets) > 1:
        notes.append(f"{name} taken of {few(list(sets))}")
    files = [file for _, file in sorted(sets[name].items())]
    missing = sorted(set(range(len(files))) - set(sets[name])) if len(files) > 1 else []
    if missing:
        raise UserError(f"{path}: {name} lies in parts of which some are missing", found=few([f"{m}" for m in missing]))
    labels, rate = (path / f"{name.replace('images', kind)}{files[0].suffix}" for kind in ("labels", "lr"))
    parts = [(file, opened(file), False) for file in files]
    beside, learned = ((file, opened(file)) if file.is_file() else None for file in (labels, rate))
    return parts, beside, learned


def _images(found: np.ndarray, path: Path) -> np.ndarray:
    """(n, H, W, 3) uint8 or floats."""
    if found.ndim != 4 or not found.size or (found.dtype.kind != "f" and found.dtype != np.uint8):
        raise UserError(
            f"{path} holds no pictures: (n, 3, H, W) or (n, H, W, 3), floats or bytes",
            found=f"shape {found.shape}, dtype {found.dtype}",
            mend="ids[file=...] reads ids, masks and scores" if found.ndim == 1 else None,
        )
    first, last = found.shape[1] == 3, found.shape[3] == 3
    if first == last:
        raise UserError(
            f"{path}: which axis has the three colours cannot be told" if first else f"{path} has no three colours",
            found=f"shape {found.shape}",
            mend="save them as (n, 3, H, W)",
        )
    return found.transpose(0, 2, 3, 1) if first else found


def _rate(path: Path, held: Any) -> float:
    found = array(held, path, "the learning rate")
    if found.size != 1 or found.item() <= 0:
        raise UserError(f"{path} holds no learning rate: one number above 0",
                        found=f"shape {found.shape}, first {found.reshape(-1)[:1].tolist()}")  # fmt: skip
    return float(found.item())
