"""Compressed datasets: what they hold, the file they live in, its exact bytes, decoding and export."""

from typing import TYPE_CHECKING, Any

from ccbench.archive.compressed import CompressedDataset
from ccbench.archive.export import export
from ccbench.archive.payloads import (
    EncodedImages,
    FloatImages,
    LevelImages,
    PaletteImages,
    PatchImages,
    RawImages,
)
from ccbench.archive.spaces import Channels, Whitening

if TYPE_CHECKING:
    from ccbench.archive.torch_dataset import load

__all__ = [
    "Channels",
    "CompressedDataset",
    "EncodedImages",
    "FloatImages",
    "LevelImages",
    "PaletteImages",
    "PatchImages",
    "RawImages",
    "Whitening",
    "export",
    "load",
]


def __getattr__(name: str) -> Any:
    """``load`` is there when it is asked for: it alone needs torch before anything is decoded."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ccbench.archive.torch_dataset import load

    return load
