"""The checks of a dataset, in the order they run."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.data import DataSource, Splits, open_dataset, shape_of
from ccbench.methods.guard import undisturbed
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import read_call
from ccbench.testing.methods import check_card, check_params, need

Check = Callable[["Shelf"], str]
DATASET_CHECKS: dict[str, Check] = {}


class Shelf:
    """One dataset, opened into empty caches.

    Args:
        name: as in ``--dataset``, ``"folder:PATH"`` included.
        source: where its data come from.
        extra: modules, or their names, registered beside the installed plugins.

    Raises:
        UserError: no dataset has that name.
    """

    def __init__(self, name: str, *, source: DataSource | None = None, extra: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.plugins = Plugins(extra=extra)
        self.spec = read_call("dataset", name, self.plugins).spec
        source = source or DataSource()
        self.source = source.for_dataset(name)
        self.changed: list[str] = []

    @cached_property
    def folder(self) -> Path:
        """A temporary folder, removed when this process ends."""
        folder = Path(tempfile.mkdtemp(prefix="ccbench-kit-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def splits(self) -> Splits:
        """The dataset, opened for the first time."""
        with undisturbed() as changed:
            splits = self.open("first")
        self.changed = list(changed)
        return splits

    def open(self, cache: str) -> Splits:
        """The dataset through a cache of its own."""
        return open_dataset(self.name, plugins=self.plugins, source=self.source, cache=self.folder / cache)


def _check(name: str) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        DATASET_CHECKS[name] = function
        return function

    return register


@_check("version declared")
def version(shelf: Shelf) -> str:
    """The spec says a version."""
    need(str(shelf.spec.version).strip(), f"{shelf.name} declares no version")
    return shelf.spec.version


@_check("spec and parameters documented")
def spec(shelf: Shelf) -> str:
    """The spec is sound, has a summary and a licence, and documents its parameters."""
    shelf.spec.check()
    need(str(shelf.spec.summary).strip(), f"{shelf.name} has no summary")
    need(str(shelf.spec.license).strip(), f'{shelf.name} does not say its licence; license="unknown" is an answer')
    check_params(shelf.spec)
    return f"{len(shelf.spec.params)} parameters; licence: {shelf.spec.license}"


@_check("card fits the schema")
def card(shelf: Shelf) -> str:
    """The card, where there is one, can be read and fits ``registry/schema.json``."""
    return check_card(shelf.spec)


@_check("train and test split")
def splits(shelf: Shelf) -> str:
    """Both open as (N, H, W, 3) uint8 with int64 labels, as the cache checks them."""
    train, test = shelf.splits.train, shelf.splits.test
    need(len(train) >= 2 and len(test) >= 1, f"found {len(train)} training and {len(test)} test images")
    height, width = train.images.shape[1:3]
    return f"{len(train)} and {len(test)} images of {width}x{height}"


@_check("classes")
def classes(shelf: Shelf) -> str:
    """At least two, the same in both splits, each with training images."""
    train, test = shelf.splits.train, shelf.splits.test
    need(train.classes == test.classes, f"train has {train.classes}, test has {test.classes}")
    counts = np.bincount(train.labels, minlength=len(train.classes))
    need(len(counts) >= 2 and counts.min() > 0, f"training images per class: {counts.tolist()}")
    return f"{len(train.classes)} classes of {counts.min()} to {counts.max()} training images"


@_check("declared shape")
def shape(shelf: Shelf) -> str:
    """The shape in the spec, where there is one, is the data's."""
    shape = shelf.splits.train.shape
    told = shape_of(shelf.name, plugins=shelf.plugins, source=shelf.source, cache=shelf.folder / "first")
    need(told == shape, f"declared {told}, found {shape}")
    return "declared" if shelf.spec.shape else "read from the data"


@_check("same data twice")
def same(shelf: Shelf) -> str:
    """Opened anew into an empty cache, both splits have the same digest."""
    again = shelf.open("second")
    for first, second in ((shelf.splits.train, again.train), (shelf.splits.test, again.test)):
        need(first.digest == second.digest, f"the {first.split} split came out different the second time")
    return f"train {again.train.digest[:12]}, test {again.test.digest[:12]}"


@_check("splits differ")
def apart(shelf: Shelf) -> str:
    """The test split is not the training split."""
    train, test = shelf.splits.train, shelf.splits.test
    need(train.digest != test.digest, "the test split is the training split")
    return ""


@_check("nothing global changed")
def undisturbing(shelf: Shelf) -> str:
    """Global random states and the working folder are as before."""
    shelf.splits  # noqa: B018 - opened here, if no check has done so
    need(not shelf.changed, f"it changed {' and '.join(shelf.changed)}")
    return "random states, working folder"
