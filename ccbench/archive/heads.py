"""What the files of many small images have in common, stored once: JPEG's tables, the boxes of WebP and AVIF.

A file is a head and a body. Where a head holds the body's length, it holds 0 there instead, and a list of such places;
so images that differ in nothing else share one head. Putting them together gives the file again, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccbench.archive.checks import smallest
from ccbench.archive.joined import Blobs, JoinedBlobs

_COUNT = struct.Struct("<B")
_PLACE = struct.Struct("<HbB")  # offset, what is added to the body's length, whether the highest byte comes first


class Head(NamedTuple):
    """The beginning of a file.

    Attributes:
        data: its bytes, 0 where the body's length stands.
        places: (offset, added, big) of 4-byte numbers that are the body's length plus ``added``.
    """

    data: bytes
    places: tuple[tuple[int, int, int], ...] = ()

    def before(self, body: bytes) -> bytes:
        """The whole file."""
        data = bytearray(self.data)
        for offset, added, big in self.places:
            length = (len(body) + added) % (1 << 32)  # a damaged head has some number; its file is found out later
            data[offset : offset + 4] = length.to_bytes(4, "big" if big else "little")
        return bytes(data) + body

    def packed(self) -> bytes:
        """As bytes, for the file."""
        return _COUNT.pack(len(self.places)) + b"".join(_PLACE.pack(*p) for p in self.places) + self.data

    @classmethod
    def unpacked(cls, data: bytes) -> Head:
        """The inverse of :meth:`packed`.

        Raises:
            ValueError: these bytes are none.
        """
        try:
            (count,) = _COUNT.unpack_from(data)
            start = _COUNT.size + count * _PLACE.size
            places = tuple(_PLACE.iter_unpack(data[_COUNT.size : start]))
        except struct.error as error:
            raise ValueError(f"a head of {len(data)} bytes: {error}") from None
        head = cls(data[start:], places)
        if len(places) != count or any(offset + 4 > len(head.data) for offset, _, _ in head.places):
            raise ValueError(f"a head of {len(data)} bytes with {count} places")
        return head


def split(blob: bytes, codec: str) -> tuple[Head, bytes]:
    """A file's head and body; an empty head where the two would not make the file again."""
    try:
        end, places = _FINDERS[codec](blob)
        head = bytearray(blob[:end])
        for offset, _, _ in places:
            head[offset : offset + 4] = bytes(4)
        found = Head(bytes(head), tuple(places))
        if found.before(blob[end:]) == blob:
            return found, blob[end:]
    except (KeyError, ValueError, IndexError, OverflowError):
        pass  # another layout than most: kept whole
    return Head(b""), blob


def _jpeg(blob: bytes) -> tuple[int, list[tuple[int, int, int]]]:
    """Everything up to the first scan."""
    at = 2
    while blob[at + 1] != 0xDA:
        if blob[at] != 0xFF:
            raise ValueError("no marker")
        at += 2 + int.from_bytes(blob[at + 2 : at + 4], "big")
    return at + 2 + int.from_bytes(blob[at + 2 : at + 4], "big"), []


def _webp(blob: bytes) -> tuple[int, list[tuple[int, int, int]]]:
    """The container of a file that is one chunk; the body has the byte that makes an odd chunk even."""
    if blob[12:16] not in (b"VP8 ", b"VP8L"):
        raise ValueError("several chunks")
    chunk = int.from_bytes(blob[16:20], "little")
    return 20, [(4, 12, 0), (16, chunk - (len(blob) - 20), 0)]


def _avif(blob: bytes) -> tuple[int, list[tuple[int, int, int]]]:
    """Everything up to the coded picture, whose length stands in the box around it and in the list of places."""
    at = 0
    while blob[at + 4 : at + 8] != b"mdat":
        size = int.from_bytes(blob[at : at + 4], "big")
        if size < 8 or at + size >= len(blob):  # of a box that ends with the file, or no box
            raise ValueError("no coded picture")
        at += size
    end = at + 8
    length = (len(blob) - end).to_bytes(4, "big")
    places, at = [(at, 8, 1)], blob.find(length, 0, end)
    while at >= 0:
        places.append((at, 0, 1))
        at = blob.find(length, at + 4, end)
    return end, places


_FINDERS = {"jpeg": _jpeg, "webp": _webp, "avif": _avif}


class SharedHeads(Blobs):
    """Files whose heads are stored once, put together when they are asked for.

    Args:
        heads: one or more.
        owners: (n,) unsigned, the head of each file.
        bodies: n byte strings.

    Attributes:
        total: bytes of heads and bodies, and of the list that says which belong together.

    Raises:
        ValueError: an owner is no head.
    """

    def __init__(self, heads: Sequence[Head], owners: np.ndarray, bodies: JoinedBlobs) -> None:
        self.heads, self.owners, self.bodies = tuple(heads), owners, bodies
        if owners.shape != (len(bodies),) or owners.dtype.kind != "u" or owners.max(initial=0) >= len(self.heads):
            raise ValueError(f"{len(bodies)} bodies and {len(self.heads)} heads, owners of shape {owners.shape}")
        self.total = sum(array.nbytes for name, array in self.arrays().items() if name != "lengths")

    @classmethod
    def of(cls, blobs: Sequence[bytes], codec: str) -> SharedHeads:
        """Find what files have in common."""
        heads: dict[Head, int] = {}
        owners, bodies = [], []
        for blob in blobs:
            head, body = split(blob, codec)
            owners.append(heads.setdefault(head, len(heads)))
            bodies.append(body)
        return cls(tuple(heads), np.array(owners, smallest(len(heads) - 1)), JoinedBlobs.of(bodies))

    def __len__(self) -> int:
        return len(self.bodies)

    def one(self, i: int) -> bytes:
        """Put together."""
        return self.heads[self.owners[i]].before(self.bodies[i])

    def arrays(self) -> dict[str, np.ndarray]:
        """For the file; where there is one head, nothing says so for each image."""
        heads = JoinedBlobs.of([head.packed() for head in self.heads])
        owners = {"head_owners": self.owners} if len(self.heads) > 1 else {}
        own = {"blobs": self.bodies.data, "lengths": self.bodies.lengths()}
        return own | {"heads": heads.data, "head_lengths": heads.lengths()} | owners

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> SharedHeads:
        """The inverse of :meth:`arrays`."""
        heads = JoinedBlobs(arrays["heads"], arrays["head_lengths"])
        bodies = JoinedBlobs(arrays["blobs"], arrays["lengths"])
        owners = arrays.get("head_owners", np.zeros(len(bodies), np.uint8))
        return cls([Head.unpacked(head) for head in heads], owners, bodies)
