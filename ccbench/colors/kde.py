"""The curves of DC3's Figures 2 and 10: Gaussian kernel density estimates of normalised pixel values."""

from __future__ import annotations

import numpy as np

from ccbench.errors import UserError

STEP = 1 / 255  # between neighbouring 8-bit values
RULES = {"scott": 1.0, "silverman": 3 / 4}  # factor = (n * this) ** (-1/5) in one dimension


def bandwidth(histogram: np.ndarray, rule: str | float = "scott") -> np.ndarray:
    """The standard deviation of each channel's kernel, in 0..1 of the value range.

    Scott's rule is sigma * n^(-1/5), Silverman's sigma * (3n/4)^(-1/5), over n pixel values with their sample
    standard deviation sigma; never below 1/255, the grid to which values are rounded, below which a
    curve would show that grid.

    Args:
        histogram: (C, 256) counts, each row with at least one.
        rule: ``"scott"``, ``"silverman"``, or the standard deviation itself, above 0.

    Returns:
        (C,) float64.

    Raises:
        UserError: another rule.
    """
    if isinstance(rule, (int, float)) and not isinstance(rule, bool) and 0 < rule < np.inf:
        return np.full(len(histogram), float(rule))
    if not isinstance(rule, str) or rule not in RULES:
        raise UserError("a bandwidth is scott, silverman or a number above 0", found=repr(rule))
    n = histogram.sum(1)
    values = np.arange(histogram.shape[1]) * STEP
    mean = histogram @ values / n
    squares = (histogram * (values - mean[:, None]) ** 2).sum(1)
    sigma = np.sqrt(squares / np.maximum(n - 1, 1))
    return np.maximum(sigma * (n * RULES[rule]) ** -0.2, STEP)


def density(
    histogram: np.ndarray, at: np.ndarray | None = None, *, rule: str | float | np.ndarray = "scott"
) -> np.ndarray:
    """The density of value/255 of each channel: a Gaussian around each value, weighted by its count.

    8-bit pixels take 256 values, so this is the estimate over all pixels itself and no approximation of it.
    Nothing is done about the edges: as with common plotting libraries some of the mass lies outside 0..1.

    Args:
        histogram: (C, 256) counts, each row with at least one.
        at: (m,) places; 256 in 0..1 by default.
        rule: as in :func:`bandwidth`, or (C,) standard deviations.

    Returns:
        (C, m) float64, per unit of the value range.

    Raises:
        UserError: an unknown rule.
    """
    at = np.linspace(0, 1, 256) if at is None else np.asarray(at, float)
    width = rule if isinstance(rule, np.ndarray) else bandwidth(histogram, rule)
    apart = (at[:, None] - np.arange(histogram.shape[1]) * STEP) / width[:, None, None]
    kernels = np.exp(-0.5 * apart**2) / (np.sqrt(2 * np.pi) * width[:, None, None])
    return np.einsum("cmv,cv->cm", kernels, histogram / histogram.sum(1, keepdims=True))
