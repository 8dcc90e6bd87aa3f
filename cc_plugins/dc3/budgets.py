"""How many images of a class each of its bins gives."""

from __future__ import annotations

import numpy as np


def shares(sizes: np.ndarray, total: int) -> np.ndarray:
    """``total`` images from bins, as evenly as their sizes allow (Alg. 1, lines 7-9).

    Bins give one image after the other in turns, larger bins first, and drop out when they are empty. So
    fewer images than bins (N < M, where the paper sets M = N) come from the N largest bins, which stand for most of the
    class; what does not divide evenly goes to the largest bins, at most one image more each; and what a small
    bin cannot give is shared by the others.

    Args:
        sizes: (M,) int64, images in each bin; among equal ones the earlier bin counts as the larger.
        total: N, images wanted, 0 <= N <= sizes.sum().

    Returns:
        (M,) int64 that sums to ``total``, never above ``sizes``.

    Raises:
        ValueError: more is wanted than there is.
    """
    sizes = np.asarray(sizes, np.int64)
    if not 0 <= total <= sizes.sum():
        raise ValueError(f"{total} images from bins of {sizes.sum()}")
    given = np.zeros(len(sizes), np.int64)
    left = total
    while left:
        order = np.argsort(-sizes, kind="stable")
        able = order[given[order] < sizes[order]]
        turns = left // len(able)
        if turns:  # whole turns at once, as far as each bin goes
            more = np.minimum(turns, sizes[able] - given[able])
        else:
            able, more = able[:left], np.ones(left, np.int64)
        given[able] += more
        left -= int(more.sum())
    return given
