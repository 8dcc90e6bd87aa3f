"""The space that float pictures were made in, and the way from pixels into it and back.

A distilled picture means something only in the space that its networks saw: pixels less a mean over a deviation, or
whitened pixels (ZCA). The test set has to go through the very same transform.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ccbench.errors import UserError

if TYPE_CHECKING:
    import torch

_EVEN = 1e-3  # of the largest entry: what rounding may leave between a whitening matrix and its transpose


class Channels:
    """Pixels less a mean over a deviation, channel by channel.

    Args:
        mean, std: (3,) numbers of pixels in [0, 1], as the literature states them; ``std`` above 0.

    Raises:
        UserError: other shapes, a number that is not finite, or a deviation of 0.
    """

    kind: ClassVar[str] = "channels"

    def __init__(self, mean: Any, std: Any) -> None:
        self.mean = _numbers("the mean", mean, (3,)).astype(np.float64)
        self.std = _numbers("the deviation", std, (3,)).astype(np.float64)
        if self.std.min() <= 0:
            raise UserError("the deviation of each channel must be above 0", found=self.std.tolist())

    def __repr__(self) -> str:
        return f"mean {_short(self.mean)}, deviation {_short(self.std)} of pixels in [0, 1]"

    def values(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) uint8, or floats in 0 .. 255, to float32 of this space."""
        mean, std = self._columns(images.device)
        return (images.float() - mean) / std

    def pixels(self, values: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) floats of this space to float32 in 0 .. 255, and beyond: nothing is clipped."""
        mean, std = self._columns(values.device)
        return values.float() * std + mean

    def _columns(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation, (3, 1, 1) in 0 .. 255."""
        import torch

        mean, std = (torch.from_numpy(a * 255.0).float().view(3, 1, 1).to(device) for a in (self.mean, self.std))
        return mean, std

    def check(self, shape: tuple[int, int]) -> None:
        """Any size of images will do."""

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        return {"kind": self.kind, "mean": self.mean.tolist(), "std": self.std.tolist()}, {}


class Whitening:
    """Whitened pixels (ZCA): all values of an image less their mean, times a symmetric matrix.

    Args:
        mean: (d,) of pixels in [0, 1], d = 3 * H * W in the order channel, row, column.
        matrix: (d, d), symmetric but for rounding; its upper half is what the file holds.

    Raises:
        UserError: other shapes, numbers that are not finite, or a matrix that is not symmetric.
    """

    kind: ClassVar[str] = "zca"

    def __init__(self, mean: Any, matrix: Any) -> None:
        self.mean = _numbers("the mean of a whitening", mean, None).astype(np.float32)
        d = self.mean.size
        matrix = _numbers("the matrix of a whitening", matrix, (d, d)).astype(np.float32)
        if np.abs(matrix - matrix.T).max() > _EVEN * np.abs(matrix).max():
            raise UserError("the matrix of a whitening (ZCA) must be symmetric", found="another one")
        self.matrix = np.triu(matrix) + np.triu(matrix, 1).T

    def __repr__(self) -> str:
        return f"whitened (ZCA) by a matrix of {self.mean.size} x {self.mean.size}"

    def values(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) uint8, or floats in 0 .. 255, to float32 of this space."""
        import torch

        mean, matrix = (torch.from_numpy(a).to(images.device) for a in (self.mean, self.matrix))
        return ((images.float() / 255.0).flatten(1) - mean).matmul(matrix).view(images.shape)

    def pixels(self, values: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) floats of this space to float32 in 0 .. 255, and beyond: nothing is clipped.

        Raises:
            UserError: the matrix has no inverse.
        """
        import torch

        mean, inverse = (torch.from_numpy(a).to(values.device) for a in (self.mean, self.inverse))
        return ((values.float().flatten(1).matmul(inverse) + mean) * 255.0).view(values.shape)

    @cached_property
    def inverse(self) -> np.ndarray:
        """(d, d) float32, the way back.

        Raises:
            UserError: there is none.
        """
        try:
            found = np.linalg.inv(self.matrix.astype(np.float64)).astype(np.float32)
        except np.linalg.LinAlgError:
            found = np.full_like(self.matrix, np.nan)
        if not np.isfinite(found).all():
            raise UserError("the matrix of a whitening (ZCA) has no inverse", found="pictures that cannot be shown")
        return found

    def check(self, shape: tuple[int, int]) -> None:
        """Raise UserError unless it is for images of (H, W)."""
        if self.mean.size != 3 * shape[0] * shape[1]:
            raise UserError(
                f"the whitening (ZCA) is not for images of {shape[0]} x {shape[1]} pixels",
                found=f"it takes {self.mean.size} values, such an image has {3 * shape[0] * shape[1]}",
            )

    def arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays for the file."""
        half = self.matrix[np.triu_indices(self.mean.size)]
        return {"kind": self.kind}, {"whitening": half, "whitening_mean": self.mean}


Space = Channels | Whitening


def restored(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Space:
    """The space of a file, from what :meth:`arrays` gave.

    Raises:
        KeyError, TypeError, ValueError, UserError: facts and arrays do not fit together, or there is no transform.
    """
    if facts["kind"] == Channels.kind:
        return Channels(facts["mean"], facts["std"])
    if facts["kind"] != Whitening.kind:
        raise ValueError(f"pictures of the space {facts['kind']!r}")
    if not {"whitening", "whitening_mean"} <= set(arrays):
        raise missing()
    half, mean = arrays["whitening"], arrays["whitening_mean"]
    d = mean.size
    if half.shape != (d * (d + 1) // 2,):
        raise ValueError(f"half a matrix of {half.shape} for {d} values")
    matrix = np.zeros((d, d), np.float32)
    matrix[np.triu_indices(d)] = half
    return Whitening(mean, matrix + np.triu(matrix, 1).T)


def missing() -> UserError:
    """Why whitened pictures are nothing without their transform."""
    return UserError(
        "whitened (ZCA) pictures without the transform that made them",
        found="a network trained on them guesses at random on a test set that is not whitened by the same matrix",
        mend="store the mean and the matrix of the whitening with them",
    )


def _numbers(name: str, given: Any, shape: tuple[int, ...] | None) -> np.ndarray:
    array = np.asarray(given)
    if array.dtype.kind not in "fui" or (array.ndim != 1 if shape is None else array.shape != shape) or not array.size:
        wanted = "(d,)" if shape is None else shape
        raise UserError(f"{name} must be {wanted} numbers", found=f"shape {array.shape}, dtype {array.dtype}")
    if not np.isfinite(array).all():
        raise UserError(f"{name} must be finite", found="NaN or infinity")
    return array


def _short(numbers: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in numbers)
