"""The rate at which a coded file fits into its bytes (not in the paper)."""

from __future__ import annotations

import math
from collections.abc import Callable

from ccbench.plugin import CompressedDataset, Room

LOOKS = 7  # at most; each assigns and codes all images
MOST = 400.0  # from there on a palette of one bit less looks as well at the same bytes
_ASTRAY = 3  # looks without one that fits: then the largest rate tells whether any does
_CLOSE, _AIM = 0.99, 0.995  # of the bytes: where a search ends, and aims
_BEND = 10.0  # bits fall about evenly with log(1 + rate / 10)
_TRIES, _ENOUGH = 8, 0.001  # of the sample for one look, at most; and what its bits may be off

Make = Callable[[float], CompressedDataset]
Bits = Callable[[float], float]


def fit(make: Make, room: Room, bits: Bits) -> CompressedDataset:
    """The images at the least rate whose file fits, within one per cent; at the largest where none does.

    What a look at all images finds corrects what is foretold of the next, so that two or three are enough.

    Args:
        make: gives the images at a rate.
        room: of the file.
        bits: about what a pixel takes at a rate, quickly.
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
    curve = _Curve(bits)
    above, below = 0.0, MOST  # rates: whose file is too large, and whose fits or than which none is larger
    rate, fits = 0.0, False
    while len(steps) < LOOKS:
        rate = curve.reach(curve(rate) * room.bytes * _AIM / size, above, below)
        if len(steps) == _ASTRAY and not fits:
            rate = MOST
        elif above >= rate or (rate >= below and fits):
            rate = _rate((_place(above) + _place(below)) / 2)
        made, size = look(rate)
        if size <= room.bytes:
            best, below, fits = made, rate, True
            if size >= room.bytes * _CLOSE:
                break
        elif rate >= MOST:
            return made
        else:
            above = rate
    return best


class _Curve:
    """Bits at rates, looked up once each."""

    def __init__(self, bits: Bits) -> None:
        self.bits, self.known = bits, dict[float, float]()

    def __call__(self, rate: float) -> float:
        if rate not in self.known:
            self.known[rate] = self.bits(rate)
        return self.known[rate]

    def reach(self, aim: float, above: float, below: float) -> float:
        """A rate from ``above`` to ``below`` with about ``aim`` bits; the nearer end where there is none."""
        if self(below) >= aim:
            return below
        for _ in range(_TRIES):
            if self(above) <= aim:
                return above
            share = (self(above) - aim) / (self(above) - self(below))
            middle = _rate(_place(above) + share * (_place(below) - _place(above)))
            if not above < middle < below or abs(self(middle) - aim) <= _ENOUGH * aim:
                return middle
            above, below = (middle, below) if self(middle) > aim else (above, middle)
        return middle


def _place(rate: float) -> float:
    return math.log1p(rate / _BEND)


def _rate(place: float) -> float:
    return round(_BEND * math.expm1(place), 2)
