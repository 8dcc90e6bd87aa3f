"""How far the colours of two sets are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ccbench.colors.sets import ColorMeasure


def wasserstein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The 1-Wasserstein (earth mover's) distance of each channel, exactly, from histograms.

    The area between the two cumulative distributions: how far, on average, a value has to be moved
    to turn one distribution into the other.

    Args:
        one, other: (C, 256) counts, each row with at least one; totals may differ.

    Returns:
        (C,) float64 in 0..1, in units of the whole range of values: 0 for equal distributions, 1 for black against
        full brightness.
    """
    cumulative = [np.cumsum(h, axis=-1) / h.sum(-1, keepdims=True) for h in (one, other)]
    return np.abs(cumulative[0] - cumulative[1])[..., :-1].sum(-1) / (one.shape[-1] - 1)


def color_distance(a: ColorMeasure, b: ColorMeasure) -> float:
    """The mean over the channels of :func:`wasserstein`, in 0..1: the gap between DC3's curves (Figs. 2 and 10)."""
    return float(wasserstein(a.histogram, b.histogram).mean())
