"""The file that is looked at, and the training set it was made from, where that is to be had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ccbench.archive import CompressedDataset
from ccbench.archive.kept_scores import find
from ccbench.archive.origin import open_origin, source_of
from ccbench.budget import DataShape
from ccbench.colors import ColorMeasure, measure_compressed, measured
from ccbench.data import DataSource, ImageDataset
from ccbench.errors import UserError
from ccbench.store import Store

if TYPE_CHECKING:
    from ccbench.offers.discovery import Plugins


@dataclass
class Subject:
    """What every section is given.

    Attributes:
        path: the ``.ccb`` file.
        compressed: its contents, checked.
        original: the training split it was made from, or None.
        alone: why there is no original, or what is wrong with it as a comparison; "" where all is well.
        store: where measures of the original are kept.
    """

    path: Path
    compressed: CompressedDataset
    original: ImageDataset | None
    alone: str
    store: Store

    @property
    def shape(self) -> DataShape | None:
        """Of the original: its own, otherwise what the file says of it, otherwise None."""
        if self.original is not None:
            return self.original.shape
        full = self.compressed.meta.get("full")
        return DataShape(*full) if full else None

    @cached_property
    def selected(self) -> np.ndarray | None:
        """(n,) int64, which images of the original a selection kept; None of a file that is none, or keeps all."""
        ids, shape = self.compressed.ids, self.shape
        if shape is None or len(ids) >= shape.images or ids.min() < 0 or ids.max() >= shape.images:
            return None
        return ids

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """By name, (N,) float32 of the original's images, what a selection went by; empty where they are not there."""
        kept = self.selected
        found = {} if kept is None else find(self.store, self.compressed)
        return {name: values for name, values in found.items() if kept is not None and kept.max() < len(values)}

    @cached_property
    def unchanged(self) -> ImageDataset | None:
        """The original, where it is the very one that the file was made from."""
        same = self.original is not None and self.compressed.meta.get("dataset_digest") == self.original.digest
        return self.original if same else None

    @cached_property
    def color(self) -> ColorMeasure:
        """Of the compressed images."""
        return measure_compressed(self.compressed)

    @cached_property
    def original_color(self) -> ColorMeasure | None:
        """Of the original, measured once for all files made from it."""
        return None if self.original is None else measured(self.original, self.store)


def open_subject(path: Path, *, dataset: str | None, source: DataSource, store: Store, plugins: Plugins) -> Subject:
    """Open a file and look for its original.

    Args:
        path: a ``.ccb`` file.
        dataset: the original by name; None for the one the file names, which may be missing.
        source: where datasets come from.
        store: the cache.
        plugins: a :class:`ccbench.offers.discovery.Plugins`.

    Raises:
        UserError: the file is missing or damaged, or a dataset that was asked for by name cannot be opened
            or has other classes.
    """
    compressed = CompressedDataset.open(path)
    name = dataset or compressed.meta.get("dataset")
    if not name:
        return Subject(
            path, compressed, None, "the file does not say what it was made from; name it by --dataset", store
        )
    try:
        where = source_of(compressed, name, source)
        original = open_origin(path, compressed, name, where, plugins=plugins, cache=store.root).train
    except UserError as error:
        if dataset:
            raise
        why = "; ".join(filter(None, (error.what, error.found, error.mend)))
        return Subject(path, compressed, None, f"{name} cannot be compared: {why}", store)
    digest = compressed.meta.get("dataset_digest")
    other = (
        f"{name} holds other images now than the file was made from" if digest not in (None, original.digest) else ""
    )
    return Subject(path, compressed, original, other, store)
