"""Arrays of any kind, by zstandard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zstandard

from ccbench.coding.names import VERSIONS
from ccbench.machine import memory

_LEVEL = 19
_MOST = 1 << 16  # bytes that a byte may stand for: a block of zstandard has at most 128 KiB, and at least 3 bytes


def pack(data: bytes | memoryview) -> bytes:
    """Compressed."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(data)


def unpack(data: bytes | np.ndarray, size: int) -> bytes:
    """What was packed.

    Args:
        data: from :func:`pack`.
        size: bytes that it must have.

    Raises:
        ValueError: it is damaged or has another size.
    """
    data, limit = bytes(data), memory()
    try:
        if zstandard.frame_content_size(data) != size:
            raise ValueError(f"{zstandard.frame_content_size(data)} bytes where {size} are due")
        if limit is not None and size > limit:
            raise ValueError(f"{size:,} bytes, and this machine has {limit:,} of memory")
        plain = zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged: {error}") from None
    if len(plain) != size:
        raise ValueError(f"{len(plain)} bytes where {size} are due")
    return plain


def encode(array: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """Facts and bytes of an array; its numbers byte by byte, all first ones first, where that is smaller."""
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    facts: dict[str, Any] = {
        "coder": "zstd",
        "version": VERSIONS["zstd"],
        "dtype": array.dtype.str,
        "shape": list(array.shape),
    }
    best = pack(array.tobytes())
    if array.itemsize > 1:
        planes = pack(array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T.tobytes())
        if len(planes) < len(best):
            best, facts = planes, {**facts, "planes": True}
    return facts, np.frombuffer(best, np.uint8)


def decode(facts: dict[str, Any], data: np.ndarray) -> np.ndarray:
    """The inverse of :func:`encode`.

    Raises:
        ValueError: facts and bytes do not fit together.
    """
    dtype, shape = np.dtype(facts["dtype"]), tuple(int(v) for v in facts["shape"])
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "uf" or min(shape, default=1) < 0 or size > _MOST * data.size:
        raise ValueError(f"an array of {dtype} and shape {shape} in {data.size} bytes")
    plain = np.frombuffer(unpack(data, size), np.uint8)
    if facts.get("planes"):
        plain = np.ascontiguousarray(plain.reshape(dtype.itemsize, -1).T).reshape(-1)
    return plain.view(dtype).reshape(shape)
