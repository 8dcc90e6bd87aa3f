"""The dataset that a compressed file was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ccbench.archive import CompressedDataset
from ccbench.data import DataSource, Splits, open_dataset
from ccbench.errors import UserError


def source_of(compressed: CompressedDataset, dataset: str, source: DataSource) -> DataSource:
    """Where to look for the dataset of a file: as the user says, at the image size that the file was made at."""
    size = compressed.meta.get("image_size")
    size = source.image_size or (size if isinstance(size, int) else None)
    return replace(source.for_dataset(dataset), image_size=size)


def open_origin(
    path: Path, compressed: CompressedDataset, dataset: str, source: DataSource, *, plugins: Any, cache: Path
) -> Splits:
    """Both splits of a dataset, if the file can have been made from it.

    Args:
        path: of the file, for errors.
        compressed: its contents.
        dataset: by name.
        source: from :func:`source_of`.
        plugins: a :class:`ccbench.plugins.Plugins`.
        cache: the store's folder.

    Raises:
        UserError: the dataset cannot be opened, or has other classes.
    """
    splits = open_dataset(dataset, plugins=plugins, source=source, cache=cache)
    if splits.train.classes != compressed.classes:
        raise UserError(
            f"{path} and {dataset} have different classes",
            found=f"{len(compressed.classes)} and {len(splits.train.classes)} classes",
            mend="name the dataset the file was made from with --dataset",
        )
    return splits
