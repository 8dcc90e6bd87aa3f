"""sRGB and CIELAB (D65, 2 degree observer), differentiable in PyTorch; the numbers agree with scikit-image's."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

# IEC 61966-2-1 primaries and the D65 white of the 2 degree observer
_XYZ_FROM_RGB = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)
_TO_XYZ = (_XYZ_FROM_RGB / _WHITE[:, None]).T  # row vectors: linear RGB @ _TO_XYZ = XYZ / white
_TO_RGB = torch.linalg.inv(_TO_XYZ)
_KAPPA, _LIMIT, _INVERSE_LIMIT = 7.787, 0.008856, 0.2068966  # the linear piece near black


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """CIELAB of sRGB colours, differentiable everywhere.

    Args:
        rgb: (..., 3) float in [0, 1].

    Returns:
        (..., 3) of the same dtype: L in [0, 100], a and b within about [-128, 128].
    """
    # clamped inside the power so that its infinite slope at zero never meets the zero of torch.where
    bent = ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return _linear_to_lab(torch.where(rgb > 0.04045, bent, rgb / 12.92))


def lab_to_rgb(lab: Tensor) -> Tensor:
    """sRGB of CIELAB colours, clipped to what a display can show; differentiable where nothing is clipped.

    Args:
        lab: (..., 3) float.

    Returns:
        (..., 3) of the same dtype in [0, 1].
    """
    y = (lab[..., 0] + 16) / 116
    f = torch.stack((y + lab[..., 1] / 500, y, y - lab[..., 2] / 200), dim=-1)
    xyz = torch.where(f > _INVERSE_LIMIT, f**3, (f - 16 / 116) / _KAPPA).clamp(min=0)
    linear = _mix(xyz, "to_rgb")
    bent = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bent, 12.92 * linear).clamp(0, 1)


def bytes_to_lab(rgb: np.ndarray | Tensor) -> Tensor:
    """CIELAB of 8-bit colours, by table and in float32; about five times faster than going through floats.

    Args:
        rgb: (..., 3) uint8.

    Returns:
        (..., 3) float32.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(rgb)) if isinstance(rgb, np.ndarray) else rgb
    flat = tensor.reshape(-1, 3)
    linear = _constant("linear", flat.device, torch.float32).index_select(0, flat.reshape(-1).int()).view(-1, 3)
    return _linear_to_lab(linear, inplace=True).view(tensor.shape)


def lab_to_bytes(lab: Tensor) -> Tensor:
    """The nearest displayable 8-bit colours, (..., 3) uint8, each channel rounded."""
    return (lab_to_rgb(lab.double()) * 255).round().to(torch.uint8)


def _mix(x: Tensor, matrix: str) -> Tensor:
    """``x @ matrix`` for a 3 x 3 matrix, in one order of additions whatever the number of rows or threads."""
    m = _constant(matrix, x.device, x.dtype)
    return x[..., :1] * m[0] + x[..., 1:2] * m[1] + x[..., 2:] * m[2]


@cache
def _constant(name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A table on a device, brought there once: a GPU waits for the host at every copy."""
    with torch.inference_mode(mode=False):
        return _CONSTANTS[name].to(device, dtype)


def _linear_to_lab(linear: Tensor, *, inplace: bool = False) -> Tensor:
    xyz = _mix(linear, "to_xyz")
    above = xyz.clamp(min=_LIMIT)
    f = above.log_().mul_(1 / 3).exp_() if inplace else above ** (1 / 3)  # in place: fewer passes, no gradient
    f = torch.where(xyz > _LIMIT, f, _KAPPA * xyz + 16 / 116)
    x, y, z = f.unbind(-1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=-1)


def _linear_table() -> Tensor:
    v = torch.arange(256, dtype=torch.float64) / 255
    return torch.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)


_CONSTANTS = {"to_xyz": _TO_XYZ, "to_rgb": _TO_RGB, "linear": _linear_table()}
