"""Student's t, for every interval that is shown. No pandas here, and scipy only where one is computed."""

from __future__ import annotations

import math

LEVEL = 0.95
"""Of all intervals."""


def quantile(n: int) -> float:
    """By how many standard deviations an interval reaches to either side, where the deviation is of n values.

    Examples:
        >>> round(quantile(3), 4)  # two degrees of freedom
        4.3027

    Args:
        n: at least 2.
    """
    from scipy.special import stdtrit  # the whole of scipy.stats takes a second

    return float(stdtrit(n - 1, (1 + LEVEL) / 2))


def half_width(deviation: float, n: int) -> float:
    """Half the length of the interval of a mean.

    Examples:
        >>> round(half_width(1.0, 3), 4)
        2.4841

    Args:
        deviation: sample standard deviation (ddof 1).
        n: of how many values, at least 2.
    """
    return quantile(n) * deviation / math.sqrt(n)
