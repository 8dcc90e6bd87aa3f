"""Byte strings that lie one after another in one array."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

import numpy as np

from ccbench.archive.checks import smallest


class Blobs(Sequence[bytes]):
    """Byte strings of which each is made when it is asked for."""

    @abstractmethod
    def one(self, i: int) -> bytes:
        """The one at a position from 0 on that there is."""

    @overload
    def __getitem__(self, i: int) -> bytes: ...
    @overload
    def __getitem__(self, i: slice) -> list[bytes]: ...
    def __getitem__(self, i: int | slice) -> bytes | list[bytes]:
        places = range(len(self))[i]
        return self.one(places) if isinstance(places, int) else [self.one(place) for place in places]


class JoinedBlobs(Blobs):
    """Byte strings that lie one after another in one array, cut out when they are asked for.

    Args:
        data: (total,) uint8.
        lengths: (n,) unsigned numbers that add up to ``total``.

    Raises:
        ValueError: they don't.
    """

    def __init__(self, data: np.ndarray, lengths: np.ndarray) -> None:
        self.data = data
        self.ends = np.cumsum(lengths, dtype=np.int64)
        self.total = data.size
        sound = data.dtype == np.uint8 and data.ndim == lengths.ndim == 1 and lengths.dtype.kind == "u"
        # no sum of lengths that large may come round to the right total
        if not sound or lengths.max(initial=0) > data.size or self.ends.max(initial=0) != data.size:
            raise ValueError(f"{data.size} bytes of blobs, {int(self.ends[-1:].sum())} by their lengths")

    @classmethod
    def of(cls, blobs: Sequence[bytes]) -> JoinedBlobs:
        """These, copied together."""
        lengths = np.fromiter(map(len, blobs), np.uint64, len(blobs))
        return cls(np.frombuffer(b"".join(blobs), np.uint8), lengths)

    def lengths(self) -> np.ndarray:
        """(n,) of the smallest unsigned dtype that holds them."""
        lengths = np.diff(self.ends, prepend=0)
        return lengths.astype(smallest(int(lengths.max())))

    def __len__(self) -> int:
        return len(self.ends)

    def one(self, i: int) -> bytes:
        """Cut out."""
        return self.data[self.ends[i - 1] if i else 0 : self.ends[i]].tobytes()
