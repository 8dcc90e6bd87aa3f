"""The rate at which a coded file fits into its bytes (not in the paper)."""

from __future__ import annotations

import math
from collections.abc import Callable

from ccbench.plugin import CompressedDataset, Room

LOOKS = 7  # at most; each assigns and codes all images
MOST = 400.0  # from there on a palette of one bit less looks as well at the same bytes
_CLOSE, _AIM = 0.99, 0.995  # of the bytes: where a search ends, and aims
_BEND = 10.0  # bytes fall about evenly with log(1 + rate / 10)

Make = Callable[[float], CompressedDataset]


def fit(make: Make, room: Room) -> CompressedDataset:
    """The images at the least rate whose file fits, within one per cent; at the largest where none does.

    Args:
        make: gives the images at a rate.
        room: of the file.
    """
    steps: list[tuple[float, int]] = []

    def look(rate: float) -> tuple[CompressedDataset, int]:
        made = make(rate)
        made.meta |= {"rate": rate, "rate_steps": [[rate, size] for rate, size in steps]}
        steps.append((rate, room.written(made)))
        return made, steps[-1][1]

    best, size = look(0.0)
    if size <= room.bytes:
        return best
    above = 0.0, size
    best, size = look(MOST)
    below = math.log1p(MOST / _BEND), size
    while room.bytes * _CLOSE > below[1] and len(steps) < LOOKS:
        share = (above[1] - room.bytes * _AIM) / (above[1] - below[1])
        place = above[0] + share * (below[0] - above[0])
        made, size = look(round(_BEND * math.expm1(place), 2))
        if size <= room.bytes:
            best, below = made, (place, size)
        else:
            above = place, size
    return best
