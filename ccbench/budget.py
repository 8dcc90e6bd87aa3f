"""Ratio, bits, fraction, IPC and bytes meet here and nowhere else.

``kept`` is an exact fraction, so that 2 bits is 1/12 of the dataset and not
0.083333: counts of images come out the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ccbench.errors import UserError
from ccbench.quantities import number
from ccbench.quantities import size as size_of

BITS_PER_PIXEL = 24  # raw RGB, 8 bits per channel (DCQ, section 4.1)
GRID = tuple(range(1, 9))  # palette sizes 2**1 .. 2**8


@dataclass(frozen=True)
class DataShape:
    """What a budget needs to know of a training set.

    Attributes:
        images: number of training images, >= 1.
        height, width: pixels.
        classes: number of classes, >= 1.
    """

    images: int
    height: int
    width: int
    classes: int

    @property
    def image_bytes(self) -> int:
        """Bytes of one raw 24-bit image."""
        return self.height * self.width * 3

    @property
    def raw_bytes(self) -> int:
        """Bytes of the raw 24-bit images of the whole training set; labels not counted."""
        return self.images * self.image_bytes


@dataclass(frozen=True)
class Budget:
    """What a method may keep: ``kept`` is the fraction of raw 24-bit bytes, in (0, 1].

    Build one with :meth:`from_ratio`, :meth:`from_bits`, :meth:`from_fraction`,
    :meth:`from_ipc` or :meth:`from_bytes`; read it in any of those units.

    Examples:
        >>> shape = DataShape(images=50_000, height=32, width=32, classes=10)
        >>> two_bits = Budget.from_bits(2)
        >>> two_bits.kept, two_bits.images(shape), two_bits.bytes(shape)
        (Fraction(1, 12), 4167, 12800000)
        >>> Budget.from_ratio(0.92) == two_bits, Budget.from_ratio(0.92).snap() == two_bits
        (False, True)
    """

    kept: Fraction

    @classmethod
    def from_ratio(cls, ratio: float | str) -> Budget:
        """Budget from the fraction of bytes *removed*, in (0, 1): 0.92 keeps 8 %."""
        value = number(ratio, "ratio")
        if not 0 < value < 1:
            keep = f" (to keep {float(value):g} % write --ratio {float(1 - value / 100):g})" if 1 < value < 100 else ""
            raise UserError(
                "the ratio is the fraction of bytes that is removed, above 0 and below 1",
                found=ratio,
                mend=f"for example --ratio 0.92, which keeps 8 %{keep}",
            )
        return cls(1 - value)

    @classmethod
    def from_bits(cls, bits: float | str) -> Budget:
        """Budget from bits per pixel q: ratio = 1 - q/24 (DCQ, section 4.1)."""
        value = number(bits, "bits")
        if not 0 < value <= BITS_PER_PIXEL:
            raise UserError(
                "bits per pixel must be above 0 and at most 24", found=bits, mend="a palette has 1 to 8 bits"
            )
        return cls(value / BITS_PER_PIXEL)

    @classmethod
    def from_fraction(cls, fraction: float | str) -> Budget:
        """Budget from the fraction of images *kept*, in (0, 1]."""
        value = number(fraction, "fraction")
        if not 0 < value <= 1:
            raise UserError("the fraction of kept images must be above 0 and at most 1", found=fraction)
        return cls(value)

    @classmethod
    def from_ipc(cls, ipc: int | str, shape: DataShape) -> Budget:
        """Budget from kept images per class, >= 1."""
        value = number(ipc, "ipc")
        if value.denominator != 1 or value < 1:
            raise UserError("images per class (IPC) must be a whole number of at least 1", found=ipc)
        if value * shape.classes > shape.images:
            most = shape.images // shape.classes
            raise UserError(
                f"the training set has {shape.images} images in {shape.classes} classes",
                found=f"ipc {ipc}",
                mend=f"ask for at most --ipc {most}",
            )
        return cls(value * shape.classes / shape.images)

    @classmethod
    def from_bytes(cls, size: int | str, shape: DataShape) -> Budget:
        """Budget from bytes, 1 .. raw bytes of the training set, or a size such as ``300KB``."""
        value = size_of(size, "bytes")
        if not 1 <= value <= shape.raw_bytes:
            raise UserError(
                f"the raw training set has {shape.raw_bytes} bytes",
                found=f"budget of {size} bytes",
                mend=f"ask for 1 to {shape.raw_bytes}",
            )
        return cls(value / shape.raw_bytes)

    @property
    def ratio(self) -> float:
        """Fraction of raw bytes removed, in [0, 1)."""
        return float(1 - self.kept)

    @property
    def fraction(self) -> float:
        """Fraction of raw bytes (or of images) kept, in (0, 1]."""
        return float(self.kept)

    @property
    def bits(self) -> float:
        """Bits per pixel when every image is kept, in (0, 24]."""
        return float(self.kept * BITS_PER_PIXEL)

    @property
    def whole_bits(self) -> int | None:
        """Bits per pixel where they are a whole number, 1 .. 24, or None."""
        bits = self.kept * BITS_PER_PIXEL
        return int(bits) if bits.denominator == 1 else None

    @property
    def palette_bits(self) -> int | None:
        """The palette size in bits that hits this budget exactly, or None off the grid."""
        return self.whole_bits if self.whole_bits in GRID else None

    def images(self, shape: DataShape) -> int:
        """Images a selection may keep: the budget rounded to whole images, never above it by more than half a one."""
        return math.floor(self.kept * shape.images + Fraction(1, 2))

    def ipc(self, shape: DataShape) -> float:
        """Images per class, possibly not whole."""
        return float(self.kept * shape.images / shape.classes)

    def bytes(self, shape: DataShape) -> int:
        """Bytes that may be kept, rounded down."""
        return math.floor(self.kept * shape.raw_bytes)

    def snap(self) -> Budget:
        """The nearest budget on the palette grid q/24, q = 1..8; a tie goes to more bits.

        Examples:
            >>> Budget.from_ratio("0.92").snap().palette_bits, Budget.from_bits(2.5).snap().palette_bits
            (2, 3)
        """
        bits = self.kept * BITS_PER_PIXEL
        return Budget(Fraction(min(reversed(GRID), key=lambda q: abs(q - bits)), BITS_PER_PIXEL))

    def __truediv__(self, other: Budget) -> Budget:
        """The share that is left for a later step of a pipeline; at most everything.

        Examples:
            >>> (Budget.from_ratio("0.95") / Budget.from_fraction("0.1")).fraction
            0.5
        """
        return Budget(min(self.kept / other.kept, Fraction(1)))

    def __mul__(self, other: Budget) -> Budget:
        """The budget of two steps one after the other."""
        return Budget(self.kept * other.kept)
