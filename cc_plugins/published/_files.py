"""Files of arrays, opened without running what they say, and looked at before memory is taken for them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from cc_plugins.coresets._selection_file import torch_saved
from ccbench.plugin import UserError

MOST = 1 << 32  # bytes of a file, of what it unpacks to, and of a folder
GROWTH, SMALL = 100, 1 << 24  # how many times its size a file of more than 16 MiB unpacked may unpack to
NUMPY = {".npy", ".npz"}


def opened(path: Path) -> Any:
    """An array, tensor, number, list or table of them.

    Args:
        path: ``.npy``, ``.npz``, or anything else that PyTorch saved.

    Raises:
        UserError: it cannot be read without running code, is too large, or holds less than it says.
    """
    suffix = path.suffix.lower()
    try:
        _bounded(path)
        if suffix not in NUMPY:
            return torch_saved(path)
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            return held
        with held:
            return {name: held[name] for name in held.files}
    except UserError:
        raise
    except Exception as error:  # readers have errors of their own for what may be in a file
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path} cannot be read as {'NumPy' if suffix in NUMPY else 'PyTorch'} saves; pickles that could run code "
            "are not opened",
            found=f"{told:.160}",
            mend="open it where you trust it, and numpy.savez its images and labels",
        ) from None


def array(held: Any, path: Path, what: str) -> np.ndarray:
    """A numpy array of numbers.

    Raises:
        UserError: it is none, or says that it has more of them than the file holds.
    """
    import torch

    if isinstance(held, torch.Tensor):
        if held.layout != torch.strided or held.is_quantized or held.device.type != "cpu":
            raise UserError(f"{path}: {what} is no plain tensor", found=f"{held.layout} on {held.device}")
        if held.numel() * held.element_size() > held.untyped_storage().nbytes():
            raise UserError(f"{path}: {what} says that it has more values than the file holds",
                            found=f"shape {tuple(held.shape)}")  # fmt: skip
        held = held.detach().float() if held.dtype == torch.bfloat16 else held.detach()
        held = held.resolve_conj().resolve_neg().numpy()
    if not isinstance(held, np.ndarray | np.number | int | float) or isinstance(held, bool):
        raise UserError(f"{path}: {what} is no array of numbers", found=type(held).__name__)
    found = np.asarray(held)
    if found.dtype.kind not in "iuf":
        raise UserError(f"{path}: {what} is no array of numbers", found=f"dtype {found.dtype}")
    _refuse(path, path.stat().st_size, found.nbytes)  # an array of a pickle may be of any size
    if not np.isfinite(found).all():
        wrong = int(np.count_nonzero(~np.isfinite(found)))
        raise UserError(f"{path}: {what} has values that are not finite", found=f"{wrong:,} of {found.size:,}")
    return found


def _bounded(path: Path) -> None:
    """Raise UserError for a file that is, or unpacks to, too much."""
    size = path.stat().st_size
    unpacked, numpy = size, path.suffix.lower() in NUMPY
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            unpacked = max(size, _claimed(file, size, path))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as held:
            unpacked = sum(info.file_size for info in held.infolist())
            _refuse(path, size, unpacked)
            if any(info.filename.endswith(".pkl") and info.file_size > SMALL for info in held.infolist()):
                raise UserError(f"{path} is more than a set of pictures", found="a pickle of more than 16 MiB")
            for info in held.infolist() if numpy else ():
                with held.open(info) as member:
                    _claimed(member, info.file_size, path)
    _refuse(path, size, unpacked)


def _refuse(path: Path, size: int, unpacked: int) -> None:
    if unpacked > MOST or (unpacked > SMALL and unpacked > GROWTH * size):
        raise UserError(
            f"{path} is more than a set of pictures: at most {MOST:,} bytes, and {GROWTH} times the size of its file",
            found=f"{unpacked:,} bytes in a file of {size:,}",
        )


def _claimed(file: Any, there: int, path: Path) -> int:
    """The bytes of an array by its head.

    Raises:
        UserError: they are not there.
        Exception: of any kind, where it is no array.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    size = math.prod(shape) * dtype.itemsize
    if size > there:
        raise UserError(f"{path} says that it has more values than it holds", found=f"shape {shape} in {there:,} bytes")
    return size
