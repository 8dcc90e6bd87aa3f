"""Small whole numbers at q bits each, q = 1..8, as one stream of bits.

Value ``i`` occupies bits ``i*q .. i*q + q - 1`` of the stream; bit ``b`` is bit
``b % 8`` (least significant first) of byte ``b // 8``. Whole values line up with
whole bytes every :func:`group` values, which is what makes both directions fast.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

_CHUNK = 1 << 20  # values converted at once: bounds the extra memory at some 16 MiB


def group(bits: int) -> tuple[int, int]:
    """(values, bytes) of the shortest run of values that fills whole bytes.

    Examples:
        >>> [group(bits) for bits in (1, 3, 4)]
        [(8, 1), (8, 3), (2, 1)]
    """
    values = 8 // gcd(bits, 8)
    return values, values * bits // 8


def packed_size(count: int, bits: int) -> int:
    """Bytes that ``count`` values take."""
    return -(-count * bits // 8)


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Pack values of any shape, read in C order.

    Args:
        values: unsigned integers below ``2**bits``; higher bits are not looked at.
        bits: 1..8.

    Returns:
        (ceil(values.size * bits / 8),) uint8; unused bits of the last byte are 0.

    Examples:
        >>> [f"{byte:08b}" for byte in pack(np.array([1, 2, 3, 0, 3]), bits=2)]  # the first value in the lowest bits
        ['00111001', '00000011']
    """
    flat = np.asarray(values).reshape(-1)
    out = np.empty(packed_size(flat.size, bits), np.uint8)
    run, width = group(bits)
    step = _CHUNK // run * run
    for start in range(0, flat.size, step):
        part = flat[start : start + step].astype(np.uint8)
        whole = np.zeros(-(-part.size // run) * run, np.uint8)
        whole[: part.size] = part & np.uint8((1 << bits) - 1)
        columns = whole.reshape(-1, run)
        word: Any = np.uint8 if width == 1 else np.uint64
        words: Any = np.zeros(len(columns), word)
        for j in range(run):
            words |= columns[:, j].astype(word) << word(bits * j)
        packed = words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width] if width > 1 else words
        first = start * bits // 8
        out[first : first + packed_size(part.size, bits)] = packed.reshape(-1)[: packed_size(part.size, bits)]
    return out


def unpack(packed: np.ndarray, bits: int, count: int, start: int = 0) -> np.ndarray:
    """Values ``start .. start + count - 1`` of a stream; touches only their bytes.

    Args:
        packed: (m,) uint8, as :func:`pack` made it.
        bits: 1..8.
        count: how many values.
        start: the first one.

    Returns:
        (count,) uint8.

    Examples:
        >>> unpack(pack(np.arange(8), bits=3), bits=3, count=4, start=2).tolist()
        [2, 3, 4, 5]
    """
    run, width = group(bits)
    skip = start % run
    first = start // run * run  # the value at which the run that holds ``start`` begins
    out = np.empty(skip + count, np.uint8)
    step = _CHUNK // run * run
    for done in range(0, out.size, step):
        size = min(step, out.size - done)
        runs = -(-size // run)
        begin = (first + done) * bits // 8
        piece = np.asarray(packed[begin : begin + runs * width])
        padded = np.zeros(runs * width, np.uint8)
        padded[: piece.size] = piece
        columns = np.empty((runs, run), np.uint8)
        word: Any = np.uint8 if width == 1 else np.uint64
        words: Any
        if width == 1:
            words = padded
        else:
            wide = np.zeros((runs, 8), np.uint8)
            wide[:, :width] = padded.reshape(runs, width)
            words = wide.view("<u8").reshape(-1)
        for j in range(run):
            columns[:, j] = (words >> word(bits * j)) & word((1 << bits) - 1)
        out[done : done + size] = columns.reshape(-1)[:size]
    return out[skip:]
