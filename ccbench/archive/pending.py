"""Pixels that a file holds coded: an array as soon as somebody asks for it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.archive import pictures
from ccbench.archive.packing import pack, packed_size
from ccbench.coding import indices
from ccbench.errors import UserError

KEEP = 2 << 30  # bytes that are decoded into memory; more go to a temporary file
_FEW = 4  # a batch that lies in at most one block of so many is decoded alone


class Pending:
    """A coded array.

    Args:
        coded: its coder.
        shape: of the array, uint8.
        clusters: (n,) the palette of each image where images share palettes.
        path: the file it lies in.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        coded: indices.Coded | pictures.Coded,
        shape: tuple[int, ...],
        clusters: np.ndarray | None,
        path: str | Path,
    ) -> None:
        self.shape, self._coded, self._clusters, self._path = shape, coded, clusters, path

    def array(self) -> np.ndarray:
        """All of it; in a memory-mapped temporary file where it is large.

        Raises:
            UserError: its coder is not installed, it is damaged, or there is no room for it.
        """
        size = math.prod(self.shape)
        if size <= KEEP:
            out, at = np.empty(size, np.uint8), 0
            for part in self._flat():
                out[at : at + part.size] = part
                at += part.size
            return out.reshape(self.shape)
        try:
            with tempfile.TemporaryFile() as file:
                for part in self._flat():
                    file.write(part.data)
                file.flush()
                return np.memmap(file, np.uint8, "r", shape=self.shape)
        except OSError as error:
            raise UserError(
                f"there is no room for the decoded pixels of {self._path}",
                found=f"{error.strerror or error}; {size:,} bytes in {tempfile.gettempdir()}",
                mend="set TMPDIR to a folder with more room",
            ) from None

    def some(self, positions: np.ndarray) -> np.ndarray | None:
        """(b, H, W) indices or (b, H, W, 3) pixels of a few images; None where that takes about as long as all.

        Args:
            positions: (b,) in 0..n-1.
        """
        block = self._coded.block
        wanted = np.unique(positions // block)
        if len(wanted) * _FEW > -(-self._coded.images // block):
            return None
        out: np.ndarray | None = None
        for number in wanted.tolist():
            ((first, images),) = self._parts(range(number * block, number * block + 1))
            here = positions // block == number
            if out is None:
                out = np.empty((len(positions), *images.shape[1:]), np.uint8)
            out[here] = images[positions[here] - first]
        return out

    def _flat(self) -> Iterator[np.ndarray]:
        for _, images in self._parts(None):
            yield pack(images, self._coded.bits) if isinstance(self._coded, indices.Coded) else images.reshape(-1)

    def _parts(self, images: range | None) -> Iterator[tuple[int, np.ndarray]]:
        try:
            if isinstance(self._coded, indices.Coded):
                yield from self._coded.decode(self._clusters, images)
            else:
                yield from self._coded.decode(images)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self._path} is damaged", found=error, mend="copy or write it again") from None


def pending(about: dict[str, Any], parts: dict[str, np.ndarray], clusters: np.ndarray | None, path: Any) -> Pending:
    """Pixels of a file.

    Args:
        about: what its coder wrote down.
        parts: the coder's arrays.
        clusters: (n,) the palette of each image where images share palettes.
        path: the file.

    Raises:
        KeyError, TypeError, ValueError: they do not fit together.
    """
    if about["coder"] == indices.NAME:
        coded = indices.Coded(about, parts)
        layout = coded.layout
        size = packed_size(layout.images * layout.height * layout.width, coded.bits)
        if coded.blocks > 1 and coded.block * layout.height * layout.width * coded.bits % 8:
            raise ValueError(f"blocks of {coded.block} images that do not end with a byte")
        return Pending(coded, (size,), clusters, path)
    pixels = pictures.Coded(about, parts)
    return Pending(pixels, (pixels.images, *pixels.size, 3), None, path)
