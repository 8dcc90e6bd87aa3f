"""Images as encoded files: one each, or many side by side in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ccbench.archive.codecs import CODECS, SizeError, read_pixels, read_size
from ccbench.archive.heads import SharedHeads
from ccbench.archive.joined import JoinedBlobs
from ccbench.archive.mosaic import Grid, tiles
from ccbench.coding.names import MOST_PIXELS
from ccbench.errors import UserError

Blobs = JoinedBlobs | SharedHeads
ENLARGED = 64  # along each side; a file cannot ask for more memory than its pixels explain


class EncodedImages:
    """Images as encoded files, all of one size.

    Attributes:
        most_pixels: of a file, and of an image as it is shown.

    Args:
        blobs: one or more encoded files, each an image or a mosaic of images.
        codec: ``"png"``, ``"jpeg"``, ``"webp"``, ``"avif"`` or ``"jxl"``.
        grid: (rows, columns) of images in a file, as :func:`ccbench.archive.mosaic.mosaics` puts them together; the
            last file may have fewer rows.
        count: n, how many images there are; None: one for each place.
        shown: (H, W) of the images where they are stored smaller; they are enlarged by Pillow's bicubic filter.
        shared_heads: store once what all files begin with.

    Raises:
        UserError: an unknown codec, a blob of another format, or of another size than the others, or more
            than :attr:`most_pixels`.
    """

    kind: ClassVar[str] = "encoded"
    most_pixels: ClassVar[int] = MOST_PIXELS

    def __init__(
        self,
        blobs: Sequence[bytes],
        codec: str,
        *,
        grid: Grid = (1, 1),
        count: int | None = None,
        shown: tuple[int, int] | None = None,
        shared_heads: bool = False,
    ) -> None:
        if codec not in CODECS:
            raise UserError(f"codec must be one of {', '.join(CODECS)}", found=repr(codec))
        if not len(blobs) or not all(isinstance(blob, bytes) for blob in blobs):
            raise UserError("encoded images must be a list of one or more bytes objects")
        self.codec, self.grid = codec, (int(grid[0]), int(grid[1]))
        sizes = [self._size(blob, i) for i, blob in enumerate(blobs)]
        if min(self.grid) < 1 or sizes[0][1] % self.grid[1]:
            raise UserError(f"a grid of {self.grid} does not fit files of {sizes[0]} pixels")
        self.count = len(blobs) * self.per_file if count is None else int(count)
        if -(-self.count // self.per_file) != len(blobs):
            raise UserError(f"{self.count} images in a grid of {self.grid}", found=f"{len(blobs)} files")
        height = sizes[0][0] // self._rows(0)
        self.stored = height, sizes[0][1] // self.grid[1]
        wrong = next((i for i, size in enumerate(sizes) if size != self._mosaic(i)), None)
        if wrong is not None:
            raise UserError(
                "encoded images must all have one size",
                found=f"{self._which(0)} is {sizes[0]}, {self._which(wrong)} is {sizes[wrong]}",
            )
        self.shape = self.stored if shown is None else (int(shown[0]), int(shown[1]))
        if not _enlarged(self.stored, self.shape):
            raise UserError(f"images are shown 1 to {ENLARGED} times as large as stored", found=f"{self.shape}")
        if not self._bounded():
            raise UserError(f"a file or an image has at most {MOST_PIXELS:,} pixels", found=f"{sizes[0]}, {self.shape}")
        self.blobs: Blobs = SharedHeads.of(blobs, codec) if shared_heads else JoinedBlobs.of(blobs)

    def _size(self, blob: bytes, i: int) -> tuple[int, int]:
        try:
            return read_size(blob, self.codec)
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise UserError(f"{self._which(i)} is not a {self.codec} file", found=error) from None

    def _which(self, i: int) -> str:
        """File ``i`` in an error: it is an image, or a mosaic of them."""
        return f"{'image' if self.per_file == 1 else 'mosaic'} {i}"

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        where = f" in {len(self.blobs)} files" if self.per_file > 1 else ""
        return f"EncodedImages({len(self)} {self.codec} images of {self.shape}{where})"

    @property
    def per_file(self) -> int:
        """How many images a full file holds."""
        return self.grid[0] * self.grid[1]

    def _rows(self, i: int) -> int:
        """Of images, in file ``i``."""
        return -(-min(self.per_file, self.count - i * self.per_file) // self.grid[1])

    def _mosaic(self, i: int) -> tuple[int, int]:
        """The size of file ``i``."""
        return self._rows(i) * self.stored[0], self.grid[1] * self.stored[1]

    def _bounded(self) -> bool:
        return max(math.prod(self._mosaic(0)), math.prod(self.shape)) <= MOST_PIXELS

    @property
    def bits_per_pixel(self) -> Fraction:
        """Measured: the bits of all files over the pixels of all images."""
        return Fraction(8 * self.blobs.total, len(self) * self.shape[0] * self.shape[1])

    def decode(self, i: int) -> np.ndarray:
        """Image ``i`` as (H, W, 3) uint8.

        Raises:
            UserError: its bytes do not decode to an image of the stated size.
        """
        return self.enlarged(self.file(i // self.per_file)[i % self.per_file])

    def file(self, i: int) -> np.ndarray:
        """All images of file ``i`` as they are stored, (m, h, w, 3) uint8; :meth:`enlarged` shows one.

        Raises:
            UserError: its bytes do not decode to an image of the stated size.
        """
        try:
            mosaic = read_pixels(self.blobs[i], self.codec, self._mosaic(i))
        except SizeError as error:
            raise UserError(f"{self._which(i)} has another size than the others", found=error) from None
        except ImportError as error:
            raise UserError(str(error)) from None
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise UserError(f"{self._which(i)} is a damaged {self.codec} file", found=error) from None
        return tiles(mosaic, self.stored)[: self.count - i * self.per_file]

    def enlarged(self, image: np.ndarray) -> np.ndarray:
        """A stored image (h, w, 3) as it is shown, (H, W, 3) uint8."""
        if self.stored == self.shape:
            return image
        size = self.shape[1], self.shape[0]
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))

    def look(self, i: int) -> None:
        """Refuse file ``i`` by its head, before memory is taken for what it should hold.

        Raises:
            UserError: it has another size than it should, or is no such file.
        """
        size = self._size(self.blobs[i], i)
        if size != self._mosaic(i):
            raise UserError(
                f"{self._which(i)} has another size than the facts say", found=f"{size}, not {self._mosaic(i)}"
            )

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file; without more, each image has a file of its own and of its own size."""
        facts: dict[str, Any] = {"codec": self.codec, "size": list(self.stored)}
        if self.per_file > 1:
            facts |= {"grid": list(self.grid), "count": self.count}
        if self.shape != self.stored:
            facts["shown"] = list(self.shape)
        if isinstance(self.blobs, SharedHeads):
            return facts | {"shared_heads": True}, self.blobs.arrays()
        return facts, {"blobs": self.blobs.data, "lengths": self.blobs.lengths()}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> EncodedImages:
        """The inverse of :meth:`arrays`; no file is looked at before it is decoded."""
        self = cls.__new__(cls)
        self.codec, self.stored = facts["codec"], _pair(facts["size"])
        self.grid, self.shape = _pair(facts.get("grid", (1, 1))), _pair(facts.get("shown", self.stored))
        shared = facts.get("shared_heads", False)
        self.blobs = SharedHeads.from_arrays(arrays) if shared else JoinedBlobs(arrays["blobs"], arrays["lengths"])
        self.count = int(facts.get("count", len(self.blobs)))
        sound = self.codec in CODECS and min(*self.stored, *self.grid, self.count) >= 1
        sound = sound and _enlarged(self.stored, self.shape) and self._bounded()
        if not sound or -(-self.count // self.per_file) != len(self.blobs):
            raise ValueError(f"{self.count} {self.codec!r} images in {len(self.blobs)} files, {facts}")
        return self


def size_of_files(files: Sequence[bytes], codec: str, *, shared_heads: bool = False) -> int:
    """Bytes that files take in an archive, as :class:`EncodedImages` counts them; their lengths are not counted."""
    return SharedHeads.of(files, codec).total if shared_heads else sum(map(len, files))


def _enlarged(stored: tuple[int, int], shown: tuple[int, int]) -> bool:
    return all(small <= large <= ENLARGED * small for small, large in zip(stored, shown, strict=True))


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)
