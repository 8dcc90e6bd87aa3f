"""The highest quality whose files are within a number of bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

SAMPLE = 16  # files that the first look encodes

Encode = Callable[[int, Sequence[int]], list[bytes]]
"""(quality, which files) -> those files."""
Total = Callable[[Sequence[bytes]], int]
"""Files -> the bytes they take, stored together."""


@dataclass
class Search:
    """One search, and what it looked at.

    Attributes:
        encode: makes files.
        total: weighs them.
        count: how many files there are.
        qualities: the lowest and the highest.
        steps: (quality, files, bytes) of every look, in order.
    """

    encode: Encode
    total: Total
    count: int
    qualities: tuple[int, int]
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    _all: dict[int, list[bytes]] = field(default_factory=dict)

    def within(self, allowed: int) -> tuple[list[bytes], int, int] | None:
        """The files, the quality of most, and how many have the next one; None: the lowest quality is over it.

        A sample is searched by bisection, then all files are made at the quality it found and at its neighbours, until
        one fits and the next does not. What is left over then goes to files of the next quality, spread evenly.
        """
        lowest, highest = self.qualities
        quality = self._guess(allowed)
        while quality > lowest and self._size(quality) > allowed:
            quality -= 1
        if self._size(quality) > allowed:
            return None
        while quality < highest and self._size(quality + 1) <= allowed:
            quality += 1
        files = self._all[quality]
        if quality == highest:
            return files, quality, 0
        mixed, better = self._mix(files, self._all[quality + 1], allowed)
        return mixed, quality, better

    def _guess(self, allowed: int) -> int:
        sample = np.unique(np.linspace(0, self.count - 1, SAMPLE).round().astype(int)).tolist()
        low, high = self.qualities
        while low < high:
            middle = (low + high + 1) // 2
            files = self.encode(middle, sample)
            self.steps.append((middle, len(files), self.total(files)))
            low, high = (middle, high) if self._expected(files) <= allowed else (low, middle - 1)
        return low

    def _expected(self, files: list[bytes]) -> float:
        """Of all files, from some: what they share is paid once, so only what half of them adds is multiplied."""
        if len(files) == self.count:
            return self.total(files)
        half = files[::2]
        each = (self.total(files) - self.total(half)) / (len(files) - len(half))
        return self.total(files) + each * (self.count - len(files))

    def _size(self, quality: int) -> int:
        if quality not in self._all:
            self._all = {q: files for q, files in self._all.items() if abs(q - quality) <= 1}  # no more are looked at
            self._all[quality] = self.encode(quality, range(self.count))
            self.steps.append((quality, self.count, self.total(self._all[quality])))
        return next(size for q, files, size in reversed(self.steps) if (q, files) == (quality, self.count))

    def _mix(self, files: list[bytes], better: list[bytes], allowed: int) -> tuple[list[bytes], int]:
        """As many of the better files as fit, in an order in which each further one lies far from those before."""
        order = np.argsort(np.arange(self.count) * 0.6180339887498949 % 1, kind="stable")
        low, high = 0, self.count  # all of them do not fit
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if self.total(_replaced(files, better, order[:middle])) <= allowed else (low, middle)
            )
        return _replaced(files, better, order[:low]), low


def _replaced(files: list[bytes], better: list[bytes], which: np.ndarray) -> list[bytes]:
    mixed = list(files)
    for i in which:
        mixed[i] = better[i]
    return mixed
