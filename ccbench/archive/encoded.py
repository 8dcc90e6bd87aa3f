"""Images as encoded files, one blob each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, overload

import numpy as np
from PIL import Image

from ccbench.archive.checks import smallest
from ccbench.errors import UserError

CODECS = ("png", "jpeg", "webp")


class EncodedImages:
    """Images as encoded files, one per image, all of one size.

    Args:
        blobs: n >= 1 encoded images.
        codec: ``"png"``, ``"jpeg"`` or ``"webp"``.

    Raises:
        UserError: an unknown codec, a blob of another format, or of another size than the first.
    """

    kind: ClassVar[str] = "encoded"
    pending: ClassVar[None] = None  # what is encoded already is coded no further

    def __init__(self, blobs: Sequence[bytes], codec: str) -> None:
        if codec not in CODECS:
            raise UserError(f"codec must be one of {', '.join(CODECS)}", found=repr(codec))
        if not len(blobs) or not all(isinstance(blob, bytes) for blob in blobs):
            raise UserError("encoded images must be a list of one or more bytes objects")
        sizes = [self._size(blob, codec, i) for i, blob in enumerate(blobs)]
        if len(set(sizes)) > 1:
            other = next(i for i, size in enumerate(sizes) if size != sizes[0])
            raise UserError(
                "encoded images must all have one size", found=f"image 0 is {sizes[0]}, image {other} is {sizes[other]}"
            )
        self.blobs: Sequence[bytes] = list(blobs)
        self.codec = codec
        self.shape = sizes[0]

    @staticmethod
    def _size(blob: bytes, codec: str, i: int) -> tuple[int, int]:
        try:
            with Image.open(io.BytesIO(blob), formats=[codec.upper()]) as image:
                return image.height, image.width
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise UserError(f"image {i} is not a {codec} file", found=error) from None

    def __len__(self) -> int:
        return len(self.blobs)

    def __repr__(self) -> str:
        return f"EncodedImages({len(self)} {self.codec} images of {self.shape})"

    @property
    def bits_per_pixel(self) -> Fraction:
        """Measured: the bits of all blobs over the pixels of all images."""
        total = self.blobs.total if isinstance(self.blobs, JoinedBlobs) else sum(map(len, self.blobs))
        return Fraction(8 * total, len(self) * self.shape[0] * self.shape[1])

    def decode(self, i: int) -> np.ndarray:
        """Image ``i`` as (H, W, 3) uint8.

        Raises:
            UserError: its bytes do not decode to an image of the stated size.
        """
        try:
            with Image.open(io.BytesIO(self.blobs[i]), formats=[self.codec.upper()]) as image:
                size = (image.height, image.width)
                if size == self.shape:  # otherwise a few bytes could ask for much memory
                    return np.asarray(image.convert("RGB"))
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise UserError(f"image {i} is a damaged {self.codec} file", found=error) from None
        raise UserError(f"image {i} has another size than the others", found=f"{size}, not {self.shape}")

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        lengths = np.fromiter(map(len, self.blobs), np.uint64, len(self))
        data = self.blobs.data if isinstance(self.blobs, JoinedBlobs) else np.frombuffer(b"".join(self.blobs), np.uint8)
        return (
            {"codec": self.codec, "size": list(self.shape)},
            {"blobs": data, "lengths": lengths.astype(smallest(int(lengths.max())))},
        )

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> EncodedImages:
        """The inverse of :meth:`arrays`; no blob is looked at before it is decoded."""
        self = cls.__new__(cls)
        self.codec, self.shape = facts["codec"], (int(facts["size"][0]), int(facts["size"][1]))
        self.blobs = JoinedBlobs(arrays["blobs"], arrays["lengths"])
        if self.codec not in CODECS or min(self.shape) < 1 or len(self) < 1:
            raise ValueError(f"codec {self.codec!r}, size {self.shape}")
        return self


class JoinedBlobs(Sequence[bytes]):
    """Byte strings that lie one after another in one array, cut out when they are asked for."""

    def __init__(self, data: np.ndarray, lengths: np.ndarray) -> None:
        self.data = data
        self.ends = np.cumsum(lengths, dtype=np.int64)
        self.total = data.size
        if data.dtype != np.uint8 or data.ndim != 1 or lengths.ndim != 1 or self.ends[-1:].sum() != data.size:
            raise ValueError(f"{data.size} bytes of blobs, {int(self.ends[-1:].sum())} by their lengths")

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, i: int) -> bytes: ...
    @overload
    def __getitem__(self, i: slice) -> list[bytes]: ...
    def __getitem__(self, i: int | slice) -> bytes | list[bytes]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        i = range(len(self))[i]
        return self.data[self.ends[i - 1] if i else 0 : self.ends[i]].tobytes()
