"""Pictures as floats, in the space that their networks saw: what matching methods and published distilled sets are."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ccbench.archive.spaces import Channels, Space, Whitening, restored
from ccbench.errors import UserError

if TYPE_CHECKING:
    import torch

DTYPES = ("float16", "float32")
_CHUNK = 256  # images that are looked at together


class FloatImages:
    """Pictures whose values lie in the space that they were trained in, and may leave [0, 1] there and in pixels.

    Args:
        values: (n, H, W, 3) float16 or float32, n, H, W >= 1, finite; may be memory-mapped.
        space: how pixels become such values.

    Raises:
        UserError: another shape or dtype, values that are not finite, or a space that is missing or for another size.
    """

    kind: ClassVar[str] = "floats"

    def __init__(self, values: np.ndarray, space: Space) -> None:
        if not isinstance(values, np.ndarray) or values.ndim != 4 or min(values.shape) < 1 or values.shape[3] != 3:
            found = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise UserError("float pictures must be a numpy array (n, H, W, 3) with at least one image", found=found)
        if values.dtype.name not in DTYPES:
            raise UserError(f"float pictures must be {' or '.join(DTYPES)}", found=f"dtype {values.dtype}")
        if not isinstance(space, Channels | Whitening):
            raise UserError(
                "float pictures must say in which space they were made: without it, networks trained on them guess at "
                "random",
                found=type(space).__name__,
                mend="Channels(mean, std), or Whitening(mean, matrix) where they were whitened (ZCA)",
            )
        self.values, self.space = values, space
        space.check(self.shape)
        for rows in self._chunks():
            if not np.isfinite(values[rows]).all():
                raise UserError("float pictures must be finite", found="NaN or infinity")

    def __len__(self) -> int:
        return self.values.shape[0]

    def __repr__(self) -> str:
        return f"FloatImages({len(self)} {self.values.dtype} images of {self.shape}, {self.space!r})"

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.values.shape[1], self.values.shape[2]

    @property
    def bits_per_pixel(self) -> Fraction:
        """48 or 96: three values of 16 or 32 bits."""
        return Fraction(3 * 8 * self.values.dtype.itemsize)

    def tensor(self, index: Any) -> torch.Tensor:
        """Pictures by position (b,) as they are held, (b, 3, H, W) float32, on the CPU."""
        import torch

        return torch.from_numpy(np.asarray(self.values[index]).astype(np.float32)).permute(0, 3, 1, 2)

    def pixels(self, index: Any) -> torch.Tensor:
        """Pictures by position (b,), (b, 3, H, W) float32 in 0 .. 255 and beyond, on the CPU."""
        return self.space.pixels(self.tensor(index))

    def decode(self, index: Any) -> np.ndarray:
        """Pictures by position (b,) in colours that can be shown, rounded and clipped, (b, H, W, 3) uint8."""
        shown = self.pixels(index).round_().clamp_(0, 255).byte()
        return np.ascontiguousarray(shown.permute(0, 2, 3, 1).numpy())

    def clipped(self) -> tuple[float, float]:
        """What clipping to colours that can be shown would cost.

        Returns:
            The share of values, in [0, 1], that lie outside of 0 .. 255; and how far clipping and rounding move all
            values, as the root of the mean square in grey levels.
        """
        outside, squares = 0, 0.0
        for rows in self._chunks():
            pixels = self.pixels(rows)
            outside += int(((pixels < -0.5) | (pixels > 255.5)).sum())
            squares += float((pixels - pixels.round().clamp(0, 255)).double().square().sum())
        return outside / self.values.size, (squares / self.values.size) ** 0.5

    def _chunks(self) -> Iterator[slice]:
        yield from (slice(start, start + _CHUNK) for start in range(0, len(self), _CHUNK))

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        facts, arrays = self.space.arrays()
        return {"space": facts}, {"values": self.values, **arrays}

    @classmethod
    def from_arrays(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> FloatImages:
        """The inverse of :meth:`arrays`."""
        values = arrays["values"]
        mean = arrays.get("whitening_mean")
        if mean is not None and mean.size != values[0].size:  # before memory is taken for the matrix
            raise ValueError(f"a whitening of {mean.size} values for images of {values[0].size}")
        return cls(values, restored(facts["space"], arrays))
