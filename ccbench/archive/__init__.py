"""Compressed datasets: what they hold, the file they live in, its exact bytes, decoding and export."""

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
