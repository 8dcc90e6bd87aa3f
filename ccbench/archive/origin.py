"""The dataset that a compressed file was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccbench.archive import CompressedDataset
from ccbench.archive.facts import OPTIONS
from ccbench.data import DataSource, Splits, open_dataset
from ccbench.errors import UserError

if TYPE_CHECKING:
    from ccbench.offers.discovery import Plugins


def facts_of(splits: Splits, source: DataSource) -> dict[str, Any]:
    """What a file keeps of how its dataset was read, beside the name."""
    return {"data_options": source.options(), **({"notes": list(splits.notes)} if splits.notes else {})}


def remembered(compressed: CompressedDataset) -> dict[str, Any]:
    """The source options that a file was made with, those that this version knows."""
    return {k: v for k, v in compressed.meta.get("data_options", {}).items() if k in OPTIONS}


def source_of(compressed: CompressedDataset, dataset: str, source: DataSource) -> DataSource:
    """Where to look for the dataset of a file: as the user says, otherwise read as when the file was made.

    Of a dataset of another kind only the image size is the file's.
    """
    options = remembered(compressed)
    if dataset.partition(":")[0] != compressed.meta.get("dataset", dataset).partition(":")[0]:
        options = {k: v for k, v in options.items() if k == "image_size"}
    said = {name: getattr(source, name) for name in source.given}
    return replace(source.for_dataset(dataset), **{**options, **source.options(), **said})


def open_origin(
    path: Path, compressed: CompressedDataset, dataset: str, source: DataSource, *, plugins: Plugins, cache: Path
) -> Splits:
    """Both splits of a dataset, if the file can have been made from it.

    Args:
        path: of the file, for errors.
        compressed: its contents.
        dataset: by name.
        source: from :func:`source_of`.
        plugins: a :class:`ccbench.offers.discovery.Plugins`.
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
