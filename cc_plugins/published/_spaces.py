"""In which space published pictures lie: whole pixels tell real images, everything else has to be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cc_plugins.published._files import array, opened
from ccbench.plugin import Channels, Task, UserError, Whitening

# what codes of the literature have for pixels in [0, 1]
NAMED = {
    "none": ((0, 0, 0), (1, 1, 1)),
    "bytes": ((0, 0, 0), (1 / 255, 1 / 255, 1 / 255)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),  # DC, DSA, DM, DataDAM: means of deviations
    "cifar10-pixels": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),  # the deviation of all pixels
    "cifar100": ((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),
}
ROUNDING = {"float16": 0.12, "float32": 0.01, "float64": 0.01}  # of a grey level: what storing leaves of a whole one
CHUNK = 256  # images that are looked at together
MEANS, MATRICES = ("mean", "mean_vector", "zca_mean"), ("matrix", "transform_matrix", "zca_matrix", "zca_trans")
WHITENED = (
    "name it with normalise=..., or the whitening (ZCA) with zca=FILE: a network trained on whitened pictures guesses "
    "at random on a test set that is not whitened by the very same matrix"
)


@dataclass
class Placed:
    """Where pictures lie.

    Attributes:
        space: what makes pixels such values.
        pixels: (n, H, W, 3) uint8 where all values are whole pixels, or None.
        note: what was found or told.
    """

    space: Channels | Whitening
    pixels: np.ndarray | None
    note: str


def place(task: Task, path: Path, images: np.ndarray, normalise: str, zca: Path | None) -> Placed:
    """The space of pictures.

    Args:
        task: its training images have the normalisation ``own``.
        path: of the file, for errors.
        images: (n, H, W, 3) floats.
        normalise: ``"auto"``, a name of :data:`NAMED`, ``"own"``, or six numbers.
        zca: file of the whitening, or None.

    Raises:
        UserError: it cannot be told, or what was told is none.
    """
    if zca is not None:
        if normalise != "auto":
            raise UserError("pictures are whitened or normalised", found=f"normalise={normalise} beside zca={zca}")
        space = whitening(zca)
        space.check((task.dataset.shape.height, task.dataset.shape.width))
        return Placed(space, None, f"whitened (ZCA) by the matrix of {zca.name}, as told")
    if normalise != "auto":
        told = _told(task, normalise)
        pixels, _ = _whole(images, told)
        return Placed(told, pixels, f"normalised by {told!r}, as told")
    fits = []
    for name in (*NAMED, "own"):
        pixels, moved = _whole(images, _told(task, name))
        if pixels is not None:
            fits.append((moved, name, pixels))
    if not fits:
        found = f"values from {images.min():.4g} to {images.max():.4g} that are whole pixels under none that is known"
        raise UserError(f"what the pictures of {path} were normalised by cannot be told", found=found, mend=WHITENED)
    _, name, pixels = min(fits, key=lambda fit: fit[0])
    if not all(np.array_equal(pixels, other) for _, _, other in fits):
        raise UserError(
            f"the pictures of {path} are whole pixels under several normalisations",
            found=", ".join(name for _, name, _ in fits),
            mend="normalise=NAME",
        )
    return Placed(_told(task, name), pixels, f"normalised as {name}: it makes whole pixels of all values")


def whitening(path: Path) -> Whitening:
    """Mean and matrix of a file.

    Raises:
        UserError: it holds none.
    """
    held = opened(path)
    found = []
    for names in (MEANS, MATRICES):
        name = next((name for name in names if name in held), None) if isinstance(held, Mapping) else None
        if name is None:
            raise UserError(f"{path} holds no whitening: a table with 'mean' and 'matrix'", found=type(held).__name__)
        found.append(array(held[name], path, name))
    return Whitening(found[0].reshape(-1), found[1])


def _told(task: Task, name: str) -> Channels:
    if name == "own":
        return _own(task)
    if name in NAMED:
        return Channels(*NAMED[name])
    try:
        mean, std = ([float(number) for number in part.split(":")] for part in name.split("/"))
        return Channels(mean, std)
    except ValueError:
        raise UserError(
            "normalise is a name, or three means and three deviations",
            found=name,
            mend=f"auto, {', '.join(NAMED)}, own, or 0.49:0.48:0.45/0.25:0.24:0.26",
        ) from None


def _own(task: Task) -> Channels:
    from ccbench.plugin import DeviceData

    normalise = DeviceData.from_dataset(task.dataset, "cpu").normalise
    return Channels(normalise.mean.double().numpy() / 255, normalise.std.double().numpy() / 255)


def _whole(images: np.ndarray, space: Channels) -> tuple[np.ndarray | None, float]:
    """The pixels (n, H, W, 3) uint8 if all are whole, and how far the farthest is from one."""
    scale, shift = 255 * space.std, 255 * space.mean
    found, farthest = np.empty(images.shape, np.uint8), 0.0
    for start in range(0, len(images), CHUNK):  # most spaces are none from the first images on
        rows = slice(start, start + CHUNK)
        pixels = images[rows].astype(np.float64) * scale + shift
        whole = pixels.round()
        farthest = max(farthest, float(np.abs(pixels - whole).max()))
        if farthest > ROUNDING[images.dtype.name] or whole.min() < 0 or whole.max() > 255:
            return None, farthest
        found[rows] = whole
    return found, farthest


def values(images: np.ndarray) -> torch.Tensor:
    """(n, H, W, 3) floats to (n, 3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32))
