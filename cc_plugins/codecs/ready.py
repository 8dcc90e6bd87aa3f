"""Whether this machine has a codec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def avif(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why AVIF cannot be written here and what mends it, or None."""
    return _missing("avif")


def jxl(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why JPEG XL cannot be written here and what mends it, or None."""
    return _missing("jxl")


def downscale(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """The same of the codec that takes the small images."""
    return _missing(params["codec"])


def _missing(codec: str) -> str | None:
    from ccbench.plugin import missing_codec

    return missing_codec(codec)
