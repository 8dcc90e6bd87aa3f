"""What a compressed dataset may hold: raw images, images of few colours, or encoded images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, overload

import numpy as np
from PIL import Image

from ccbench.archive.packing import pack, packed_size, unpack
from ccbench.errors import UserError

CODECS = ("png", "jpeg", "webp")


@dataclass
class RawImages:
    """Images as they are, 24 bits per pixel.

    Attributes:
        images: (n, H, W, 3) uint8 RGB, n, H, W >= 1; may be memory-mapped.

    Raises:
        UserError: another shape or dtype.
    """

    kind: ClassVar[str] = "raw"
    images: np.ndarray

    def __post_init__(self) -> None:
        _expect("images", self.images, 4, "(n, H, W, 3)")
        if self.images.shape[3] != 3:
            raise UserError("images must be (n, H, W, 3) RGB", found=f"shape {self.images.shape}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def bits_per_pixel(self) -> Fraction:
        """24."""
        return Fraction(24)

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        return {}, {"images": self.images}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> RawImages:
        """The inverse of :meth:`arrays`."""
        return cls(arrays["images"])


class PaletteImages:
    """Images that share palettes of 2**bits colours; held packed, at ``bits`` bits per pixel.

    Args:
        indices: (n, H, W) unsigned integers below ``2**bits``: which palette entry each pixel has.
        palettes: (k, 2**bits, 3) uint8 RGB.
        clusters: (n,) whole numbers below k, the palette of each image; None: palette i belongs to image i, k = n.
        bits: 1..8; None takes it from the palettes.

    Raises:
        UserError: a wrong shape or dtype, an index or a cluster without a palette entry.
    """

    kind: ClassVar[str] = "palette"

    def __init__(
        self, indices: np.ndarray, palettes: np.ndarray, clusters: np.ndarray | None = None, bits: int | None = None
    ) -> None:
        bits = _bits(palettes, bits)
        _expect("indices", indices, 3, "(n, H, W)", integer=True)
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= 1 << bits:
            raise UserError(
                f"palette indices of {bits} bits must lie in 0..{(1 << bits) - 1}", found=f"{low if low < 0 else high}"
            )
        self._set(pack(indices, bits), indices.shape, palettes, clusters, bits)

    def _set(
        self,
        packed: np.ndarray,
        size: tuple[int, ...],
        palettes: np.ndarray,
        clusters: np.ndarray | None,
        bits: int,
    ) -> None:
        n, height, width = size
        if clusters is None:
            if len(palettes) != n:
                raise UserError(
                    "without clusters each image needs its own palette",
                    found=f"{n} images, {len(palettes)} palettes",
                    mend="give clusters, one number per image",
                )
        else:
            clusters = np.asarray(clusters)
            _expect("clusters", clusters, 1, "(n,)", integer=True)
            if len(clusters) != n:
                raise UserError("clusters must name one palette per image", found=f"{len(clusters)} for {n} images")
            if clusters.min() < 0 or clusters.max() >= len(palettes):
                bad = int(clusters.min()) if clusters.min() < 0 else int(clusters.max())
                raise UserError(f"clusters must lie in 0..{len(palettes) - 1}", found=bad)
            clusters = clusters.astype(np.int64)
        self._n, self.shape = n, (height, width)
        self.packed = packed
        self.palettes = palettes
        self.clusters = clusters
        self.bits = bits

    @property
    def indices(self) -> np.ndarray:
        """(n, H, W) uint8, unpacked on each call; :attr:`packed` (m,) uint8 is what is held."""
        return unpack(self.packed, self.bits, self._n * self.shape[0] * self.shape[1]).reshape(self._n, *self.shape)

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        return f"PaletteImages({self._n} images of {self.shape}, {len(self.palettes)} palettes of {self.bits} bits)"

    @property
    def bits_per_pixel(self) -> Fraction:
        """``bits``: the palettes are not counted (DCQ, section 4.1)."""
        return Fraction(self.bits)

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        found = {"packed": self.packed, "palettes": self.palettes}
        if self.clusters is not None:
            found["clusters"] = self.clusters.astype(smallest(len(self.palettes) - 1))
        return {"bits": self.bits, "size": [self._n, *self.shape]}, found

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> PaletteImages:
        """The inverse of :meth:`arrays`; nothing is unpacked."""
        bits, size, packed = int(facts["bits"]), tuple(int(v) for v in facts["size"]), arrays["packed"]
        _bits(arrays["palettes"], bits)
        if min(size) < 1 or packed.dtype != np.uint8 or packed.shape != (packed_size(int(np.prod(size)), bits),):
            raise ValueError(f"{packed.shape} packed bytes for {size} pixels of {bits} bits")
        self = cls.__new__(cls)
        self._set(packed, size, arrays["palettes"], arrays.get("clusters"), bits)
        return self


class EncodedImages:
    """Images as encoded files, one per image, all of one size.

    Args:
        blobs: n >= 1 encoded images.
        codec: ``"png"``, ``"jpeg"`` or ``"webp"``.

    Raises:
        UserError: an unknown codec, a blob of another format, or of another size than the first.
    """

    kind: ClassVar[str] = "encoded"

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
        total = self.blobs.total if isinstance(self.blobs, Blobs) else sum(map(len, self.blobs))
        return Fraction(8 * total, len(self) * self.shape[0] * self.shape[1])

    def decode(self, i: int) -> np.ndarray:
        """Image ``i`` as (H, W, 3) uint8.

        Raises:
            UserError: its bytes do not decode to an image of the stated size.
        """
        try:
            with Image.open(io.BytesIO(self.blobs[i]), formats=[self.codec.upper()]) as image:
                pixels = np.asarray(image.convert("RGB"))
        except Exception as error:  # Pillow raises many kinds on malformed input
            raise UserError(f"image {i} is a damaged {self.codec} file", found=error) from None
        if pixels.shape != (*self.shape, 3):
            raise UserError(
                f"image {i} has another size than the others", found=f"{pixels.shape[:2]}, not {self.shape}"
            )
        return pixels

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        lengths = np.fromiter(map(len, self.blobs), np.uint64, len(self))
        data = self.blobs.data if isinstance(self.blobs, Blobs) else np.frombuffer(b"".join(self.blobs), np.uint8)
        return (
            {"codec": self.codec, "size": list(self.shape)},
            {"blobs": data, "lengths": lengths.astype(smallest(int(lengths.max())))},
        )

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> EncodedImages:
        """The inverse of :meth:`arrays`; no blob is looked at before it is decoded."""
        self = cls.__new__(cls)
        self.codec, self.shape = facts["codec"], (int(facts["size"][0]), int(facts["size"][1]))
        self.blobs = Blobs(arrays["blobs"], arrays["lengths"])
        if self.codec not in CODECS or min(self.shape) < 1 or len(self) < 1:
            raise ValueError(f"codec {self.codec!r}, size {self.shape}")
        return self


class Blobs(Sequence[bytes]):
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


Payload = RawImages | PaletteImages | EncodedImages
KINDS: dict[str, type[RawImages] | type[PaletteImages] | type[EncodedImages]] = {
    c.kind: c for c in (RawImages, PaletteImages, EncodedImages)
}


def smallest(highest: int) -> np.dtype:
    """The smallest unsigned dtype that holds 0..highest."""
    return np.min_scalar_type(max(int(highest), 0))


def _bits(palettes: np.ndarray, bits: int | None) -> int:
    _expect("palettes", palettes, 3, "(k, 2**bits, 3)")
    if bits is None:
        bits = int(palettes.shape[1]).bit_length() - 1
    if not isinstance(bits, (int, np.integer)) or isinstance(bits, bool) or not 1 <= bits <= 8:
        raise UserError("a palette has 1 to 8 bits", found=repr(bits))
    if palettes.shape[1:] != (1 << bits, 3):
        raise UserError(
            f"palettes of {bits} bits must be (k, {1 << bits}, 3)",
            found=f"shape {palettes.shape}",
            mend="fill unused entries with any colour",
        )
    return int(bits)


def _expect(name: str, array: np.ndarray, axes: int, form: str, *, integer: bool = False) -> None:
    if not isinstance(array, np.ndarray):
        raise UserError(f"{name} must be a numpy array {form}", found=type(array).__name__)
    if array.ndim != axes or min(array.shape, default=0) < 1:
        raise UserError(f"{name} must be {form} with at least one image", found=f"shape {array.shape}")
    if array.dtype != np.uint8 and not (integer and array.dtype.kind in "ui"):
        raise UserError(f"{name} must be {'whole numbers' if integer else 'uint8'}", found=f"dtype {array.dtype}")
