"""Interleaved range coding: many streams advance together, one numpy call for all of them.

A stream codes the pixels of a few images one image after another at each position. Its state is a 32-bit number,
which takes in 16-bit words while it decodes. Everything is whole numbers: the same bytes are the same pixels
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ccbench.coding.contexts import Contexts, Reader
from ccbench.coding.tables import TOTAL

_LOW = 1 << 16  # states stay in _LOW .. 2**32 - 1
_ALL = 1 << TOTAL
_MASK, _SHIFT, _WORD = np.uint32(_ALL - 1), np.uint32(TOTAL), np.uint32(16)


@dataclass
class Streams:
    """What coding made of some images.

    Attributes:
        states: (streams,) uint32, where decoding begins.
        lengths: (streams,) int64, words of each.
        words: (sum of lengths,) uint16, stream by stream, in the order of decoding.
    """

    states: np.ndarray
    lengths: np.ndarray
    words: np.ndarray


def encode(pixels: np.ndarray, clusters: np.ndarray, contexts: Contexts, starts: np.ndarray, streams: int) -> Streams:
    """Code images side by side.

    Args:
        pixels: (H, W, n) uint8 below ``2**contexts.bits``.
        clusters: (n,) below ``contexts.clusters``.
        contexts: their numbers.
        starts: (contexts, colours) uint16, see :func:`ccbench.coding.tables.thresholds`.
        streams: image i belongs to stream ``i % streams``.
    """
    begin, size = _ranges(pixels, clusters, contexts, starts)
    positions, n = begin.shape
    turns = [slice(first, min(first + streams, n)) for first in range(0, n, streams)]
    room = positions * len(turns) * TOTAL // 16 + 4  # words: no pixel takes more than TOTAL bits
    words = np.empty(streams * room, np.uint16)
    free = np.arange(1, streams + 1) * room  # words are written from the end of each stream's room
    state = np.full(streams, _LOW, np.uint32)
    for position in range(positions - 1, -1, -1):
        for turn in reversed(turns):
            own, start = state[: turn.stop - turn.start], begin[position, turn]
            freq = size[position, turn].astype(np.uint32)
            full = np.flatnonzero(own >= freq << (np.uint32(32) - _SHIFT))
            free[full] -= 1
            words[free[full]] = own[full] & np.uint32(0xFFFF)
            own[full] >>= _WORD
            own += (own // freq) * (np.uint32(_ALL) - freq) + start
    words = words.reshape(streams, room)
    used = free - np.arange(streams) * room
    return Streams(state, room - used, words[np.arange(room) >= used[:, None]])


def _ranges(
    pixels: np.ndarray, clusters: np.ndarray, contexts: Contexts, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(H * W, n) uint16 each: where each pixel's range begins, and its size."""
    height, width, n = pixels.shape
    reader, bits, last, flat = (
        Reader(contexts, pixels, clusters),
        contexts.bits,
        (1 << contexts.bits) - 1,
        starts.ravel(),
    )
    begin, size = (np.empty((height * width, n), np.uint16) for _ in range(2))
    for y in range(height):
        for x in range(width):
            place = (reader(y, x) << bits) + pixels[y, x]
            own = begin[y * width + x]
            np.take(flat, place, out=own, mode="clip")
            place += pixels[y, x] < last
            end = np.take(flat, place, mode="clip")
            np.subtract(np.where(pixels[y, x] == last, np.uint16(_ALL), end), own, out=size[y * width + x])
    return begin, size


def decode(
    streams: Streams, shape: tuple[int, int, int], clusters: np.ndarray, contexts: Contexts, starts: np.ndarray
) -> np.ndarray:
    """(H, W, n) uint8: the inverse of :func:`encode`.

    Raises:
        ValueError: the streams do not end where they should; not every damage is seen here.
    """
    height, width, n = shape
    pixels = np.zeros(shape, np.uint8)
    reader, count = Reader(contexts, pixels, clusters), len(streams.states)
    state, ends = streams.states.astype(np.uint32), np.cumsum(streams.lengths, dtype=np.int64)
    words = np.append(streams.words, np.uint16(0)).astype(np.uint32)
    at = ends - streams.lengths
    turns = [slice(first, min(first + count, n)) for first in range(0, n, count)]
    rows, step = _steps(starts)
    for y in range(height):
        for x in range(width):
            known, into = np.take(rows, reader(y, x), axis=0, mode="clip"), pixels[y, x]
            for turn in turns:
                size = turn.stop - turn.start
                own, place = state[:size], at[:size]
                own, into[turn] = step(own, known[turn])
                short = own < _LOW
                more = np.take(words, place, mode="clip")
                state[:size] = np.where(short, own << _WORD | more, own)
                place += short
    if not np.array_equal(at, ends) or (state != _LOW).any():
        raise ValueError("coded pixels do not end where they should")
    return pixels


def _steps(starts: np.ndarray) -> tuple[np.ndarray, Any]:
    """Thresholds in the form that is fastest to search, and the step that searches them.

    A step takes (m,) states and their contexts' thresholds; it gives the next states and the indices.
    """
    if starts.shape[1] == 2:
        return starts[:, 1].astype(np.uint32), _one_bit
    if starts.shape[1] == 4:  # three thresholds and the end fit into one number
        one, two, three = (starts[:, i].astype(np.uint64) << np.uint64(_FIELD * (i - 1)) for i in (1, 2, 3))
        return one | two | three | np.uint64(_ALL << 3 * _FIELD), _two_bits
    return starts, _many_bits


_FIELD = TOTAL + 1
_BY = np.uint64(_FIELD)
_PART = np.uint64((1 << _FIELD) - 1)


def _one_bit(state: np.ndarray, begin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    slot = state & _MASK
    value = slot >= begin
    size = np.where(value, np.uint32(_ALL) - begin, begin)
    return size * (state >> _SHIFT) + slot - begin * value, value


def _two_bits(state: np.ndarray, fields: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    slot = state & _MASK
    value = (slot >= (fields & _PART)).astype(np.uint64)
    value += slot >= (fields >> _BY & _PART)
    value += slot >= (fields >> np.uint64(2 * _FIELD) & _PART)
    by = value * _BY
    start = (fields << _BY >> by & _PART).astype(np.uint32)
    end = (fields >> by & _PART).astype(np.uint32)
    return (end - start) * (state >> _SHIFT) + slot - start, value


def _many_bits(state: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lanes, colours = rows.shape
    flat, slot = rows.reshape(-1), state & _MASK
    base = np.arange(0, lanes * colours, colours)
    place, half = base.copy(), colours >> 1
    while half:
        place += half * (slot >= np.take(flat, place + half, mode="clip"))
        half >>= 1
    value = place - base
    start = np.take(flat, place, mode="clip").astype(np.uint32)
    end = np.where(value == colours - 1, np.uint32(_ALL), np.take(flat, place + 1, mode="clip"))
    return (end - start) * (state >> _SHIFT) + slot - start, value
