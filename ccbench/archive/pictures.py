"""Raw images as lossless mosaics: what a picture codec pays for a file, it pays once for a block of images."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ccbench.archive.codecs import missing_codec, read_pixels
from ccbench.archive.joined import JoinedBlobs
from ccbench.archive.mosaic import Grid, mosaics, tiles
from ccbench.coding.digests import pixel_digest
from ccbench.coding.names import MOST_PIXELS, VERSIONS
from ccbench.coding.together import together
from ccbench.errors import UserError

_BLOCK = 256  # images of a mosaic, fewer where they are large
_SIDE = 8192  # pixels of a mosaic, at most, unless one image is larger
_EFFORT = 5  # of JPEG XL: 1509 bytes for an image of CIFAR-10 at 1 ms; 7 takes 0.8 % less and twice the time
_METHOD = 4  # of WebP; 6 takes 1.5 % less and fifteen times the time
_WEBP_SIDE = 16383


def encode(images: np.ndarray, codec: str) -> Coded:
    """Code images.

    Args:
        images: (n, H, W, 3) uint8; may be memory-mapped, read a block at a time.
        codec: ``"jxl"`` or ``"webp"``.

    Raises:
        UserError: the codec is not installed, or the images are too large for it.
    """
    n, height, width = images.shape[:3]
    write = {"jxl": _write_jxl, "webp": _write_webp}[codec]
    _need(codec)
    if codec == "webp" and max(height, width) > _WEBP_SIDE:
        raise UserError(f"WebP has no images of more than {_WEBP_SIDE} pixels", found=f"{height} x {width}")
    grid = _grid(n, height, width)
    block = grid[0] * grid[1]

    def one(part: range) -> tuple[bytes, int]:
        own = np.ascontiguousarray(images[part.start : part.stop])
        whole = np.zeros((-(-len(own) // grid[1]) * grid[1], height, width, 3), np.uint8)  # what is left is black
        whole[: len(own)] = own
        return write(next(mosaics(whole, grid))), pixel_digest(own)

    done = list(together(one, [range(first, min(first + block, n)) for first in range(0, n, block)]))
    blobs = JoinedBlobs.of([blob for blob, _ in done])
    facts = {"coder": codec, "version": VERSIONS[codec], "size": [n, height, width], "grid": list(grid)}
    arrays = {
        "blobs": blobs.data,
        "lengths": blobs.lengths(),
        "checks": np.array([own for _, own in done], np.uint64),
    }
    return Coded(facts, arrays)


class Coded:
    """Coded images.

    Args:
        facts: JSON-able.
        arrays: by name, as the file keeps them.

    Raises:
        ValueError: they do not fit together.
    """

    def __init__(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.facts, self.arrays = facts, arrays
        n, self._height, self._width = (int(v) for v in facts["size"])
        self.size = self._height, self._width
        down, self._across = (int(v) for v in facts["grid"])
        pixels = min(down, n) * self._height * self._across * self._width
        if min(n, self._height, self._width, down, self._across) < 1 or pixels > MOST_PIXELS:
            raise ValueError(f"{n} images of {self._height} x {self._width} in mosaics of {down} x {self._across}")
        self.images, self.block = n, down * self._across
        self._blobs = JoinedBlobs(arrays["blobs"], arrays["lengths"])
        blocks = -(-n // self.block)
        if len(self._blobs) != blocks or arrays["checks"].shape != (blocks,):
            raise ValueError(f"{len(self._blobs)} mosaics where {blocks} are due")

    def decode(self, images: range | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Whole blocks of images, in order.

        Args:
            images: only blocks that hold some of these.

        Yields:
            The position of the first image, and (m, H, W, 3) uint8.

        Raises:
            UserError: the codec is not installed.
            ValueError: anything is damaged: what is given is never a wrong pixel.
        """
        _need(self.facts["coder"])
        wanted = images or range(self.images)
        first, last = wanted.start // self.block, (wanted.stop - 1) // self.block
        yield from together(self._one, [range(block, block + 1) for block in range(first, last + 1)])

    def _one(self, blocks: range) -> tuple[int, np.ndarray]:
        block = blocks.start
        count = min(self.block, self.images - block * self.block)
        size = -(-count // self._across) * self._height, self._across * self._width
        first = block * self.block
        mosaic = f"the mosaic of images {first} to {first + count - 1}"
        try:
            pixels = read_pixels(self._blobs[block], self.facts["coder"], size)
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise ValueError(f"{mosaic} cannot be read: {error}") from None
        found = np.ascontiguousarray(tiles(pixels, self.size)[:count])
        if pixel_digest(found) != int(self.arrays["checks"][block]):
            raise ValueError(f"{mosaic} decodes to other pixels than were coded")
        return first, found


def _grid(n: int, height: int, width: int) -> Grid:
    """Rows and columns of a mosaic."""
    side = math.isqrt(_BLOCK)
    rows = max(1, min(side, _SIDE // height))
    return rows, max(1, min(side, _SIDE // width, n, MOST_PIXELS // (rows * height * width)))


def _write_jxl(mosaic: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(mosaic, lossless=True, effort=_EFFORT))


def _write_webp(mosaic: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mosaic).save(file, "WEBP", lossless=True, quality=100, method=_METHOD)
    return file.getvalue()


def _need(codec: str) -> None:
    """Refuse a codec that is not installed."""
    if lacking := missing_codec(codec):
        what, _, mend = lacking.partition("; install it with: ")
        raise UserError(what, mend=mend)
