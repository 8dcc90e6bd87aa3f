"""Images of few colours, held packed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ccbench.archive.checks import expect, smallest
from ccbench.archive.packing import pack, packed_size, unpack
from ccbench.archive.pending import Pending
from ccbench.errors import UserError


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
        expect("indices", indices, 3, "(n, H, W)", integer=True)
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= 1 << bits:
            raise UserError(
                f"palette indices of {bits} bits must lie in 0..{(1 << bits) - 1}", found=f"{low if low < 0 else high}"
            )
        self._set(pack(indices, bits), indices.shape, palettes, clusters, bits)

    def _set(
        self,
        packed: np.ndarray | Pending,
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
            expect("clusters", clusters, 1, "(n,)", integer=True)
            if len(clusters) != n:
                raise UserError("clusters must name one palette per image", found=f"{len(clusters)} for {n} images")
            if clusters.min() < 0 or clusters.max() >= len(palettes):
                bad = int(clusters.min()) if clusters.min() < 0 else int(clusters.max())
                raise UserError(f"clusters must lie in 0..{len(palettes) - 1}", found=bad)
            clusters = clusters.astype(np.int64)
        self._n, self.shape = n, (height, width)
        self._packed = packed
        self.palettes = palettes
        self.clusters = clusters
        self.bits = bits

    @property
    def packed(self) -> np.ndarray:
        """(m,) uint8, what is held; where the file holds it coded, it is decoded here, once."""
        if isinstance(self._packed, Pending):
            self._packed = self._packed.array()
        return self._packed

    @property
    def pending(self) -> Pending | None:
        """The indices, where they are still coded."""
        return self._packed if isinstance(self._packed, Pending) else None

    def some(self, indices: np.ndarray, positions: np.ndarray) -> PaletteImages:
        """A few images alone, (b,) positions and their (b, H, W) indices."""
        owners = positions if self.clusters is None else self.clusters[positions]
        return PaletteImages(indices, self.palettes, owners, self.bits)

    @property
    def indices(self) -> np.ndarray:
        """(n, H, W) uint8, unpacked on each call."""
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
        arrays = {"packed": self.packed, "palettes": self.palettes}
        if self.clusters is not None:
            arrays["clusters"] = self.clusters.astype(smallest(len(self.palettes) - 1))
        return {"bits": self.bits, "size": [self._n, *self.shape]}, arrays

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, Any]) -> PaletteImages:
        """The inverse of :meth:`arrays`; nothing is unpacked."""
        bits, size, packed = int(facts["bits"]), tuple(int(v) for v in facts["size"]), arrays["packed"]
        _bits(arrays["palettes"], bits)
        if min(size) < 1 or packed.dtype != np.uint8 or packed.shape != (packed_size(int(np.prod(size)), bits),):
            raise ValueError(f"{packed.shape} packed bytes for {size} pixels of {bits} bits")
        self = cls.__new__(cls)
        self._set(packed, size, arrays["palettes"], arrays.get("clusters"), bits)
        return self


def _bits(palettes: np.ndarray, bits: int | None) -> int:
    expect("palettes", palettes, 3, "(k, 2**bits, 3)")
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


def lookup_table(palettes: np.ndarray, width: int) -> np.ndarray:
    """Colours of every word of ``width`` indices.

    Args:
        palettes: (k, 2**q, 3) uint8.
        width: indices per word, the first in the lowest bits.

    Returns:
        (k * 2**(q * width), 3 * width) uint8.
    """
    colours, bits = palettes.shape[1], int(palettes.shape[1]).bit_length() - 1
    words = np.arange(colours**width)
    index = words[:, None] >> (bits * np.arange(width)) & (colours - 1)
    return np.ascontiguousarray(palettes[:, index]).reshape(-1, 3 * width)
