"""Bytes of any kind, by zstandard."""

from __future__ import annotations

import numpy as np
import zstandard

_LEVEL = 19


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
    data = bytes(data)
    try:
        if zstandard.frame_content_size(data) != size:
            raise ValueError(f"{zstandard.frame_content_size(data)} bytes where {size} are due")
        plain = zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged: {error}") from None
    if len(plain) != size:
        raise ValueError(f"{len(plain)} bytes where {size} are due")
    return plain
