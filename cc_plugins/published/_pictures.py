"""Class folders of pictures: RDED, DC3, SRe2L, D4M, Minimax, IGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cc_plugins.published._files import MOST
from ccbench.plugin import EncodedImages, UserError

SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


@dataclass
class Pictures:
    """What was read.

    Attributes:
        payload: the files as they are.
        folders: names, sorted.
        owners: (n,) int64, the folder of each picture.
        others: how many files were left out, which are no pictures.
    """

    payload: EncodedImages
    folders: list[str]
    owners: np.ndarray
    others: int


def folders_of(path: Path) -> list[Path]:
    """The folders under a folder that hold pictures, sorted by name; none for a file or a folder of tensors."""
    if not path.is_dir():
        return []
    inside = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    return [folder for folder in inside if any(file.suffix.lower() in SUFFIXES for file in folder.iterdir())]


def read(folders: list[Path], progress: Callable[[int, int, str], None]) -> Pictures:
    """Read class folders; each picture is decoded once, so that a damaged one is found now.

    Raises:
        UserError: a file is no picture of its kind, or they differ in kind or size, or are too many bytes.
    """
    files = [(i, file) for i, folder in enumerate(folders) for file in _visible(folder)]
    pictures = [(i, file) for i, file in files if file.suffix.lower() in SUFFIXES]
    codecs = sorted({SUFFIXES[file.suffix.lower()] for _, file in pictures})
    if len(codecs) > 1:
        raise UserError(f"{folders[0].parent} has pictures of several kinds", found=", ".join(codecs))
    total = sum(file.stat().st_size for _, file in pictures)
    if total > MOST:
        raise UserError(
            f"{folders[0].parent} is more than a set of pictures: at most {MOST:,} bytes", found=f"{total:,}"
        )
    blobs: list[bytes] = []
    size = None
    for _, file in pictures:
        blobs.append(file.read_bytes())
        found = _looked_at(blobs[-1], codecs[0], file)
        if size not in {None, found}:
            raise UserError(f"pictures must all have one size: {file} has another", found=f"{found}, not {size}")
        size = found
        progress(len(blobs), len(pictures), "pictures")
    owners = np.array([i for i, _ in pictures], np.int64)
    payload = EncodedImages(blobs, codecs[0])
    return Pictures(payload, [folder.name for folder in folders], owners, len(files) - len(pictures))


def _visible(folder: Path) -> Iterator[Path]:
    yield from (file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith("."))


def _looked_at(blob: bytes, codec: str, file: Path) -> tuple[int, int]:
    try:
        one = EncodedImages([blob], codec)  # its size is held to a bound before it is decoded
        one.decode(0)
    except UserError as error:
        raise UserError(f"{file} is no picture that can be read: {error.what}", found=error.found) from None
    return one.shape
