"""A dataset by its name: built once, then memory-mapped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from msgspec import Struct

from ccbench.budget import DataShape
from ccbench.data.build import SPLITS, Progress, build, unshared
from ccbench.data.images import ImageDataset, Splits, content_digest, describe, labels_digest
from ccbench.data.source import DataSource, NoTest
from ccbench.errors import UserError, few
from ccbench.files import part_of, readable
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import edition, read_call
from ccbench.offers.specs import DatasetSpec
from ccbench.schema import Size, fit, parse
from ccbench.store import Damaged, Entry, Store

KIND = "datasets"
FORMAT = 1  # of the entry's files
_FEW = 10  # images of a class, below which an accuracy hangs on which ones are there


class _Split(Struct):
    """What the metadata of an entry say of a split."""

    shape: tuple[Size, Size, Size, Size]
    classes: list[str]
    labels: str
    pixels: str
    digest: str
    skipped: list[str] = []
    notes: list[str] = []
    drawn: bool = False


@dataclass(frozen=True)
class _Offer:
    name: str
    spec: DatasetSpec
    params: Mapping[str, Any]
    version: str
    source: DataSource
    shape: DataShape | None  # of the training split, where it is known without the data


def open_dataset(
    name: str, *, plugins: Plugins, source: DataSource, cache: Path, progress: Progress | None = None
) -> Splits:
    """The splits of a dataset, memory-mapped from the cache, built there first where needed.

    The cache entry is ``cache/datasets/<key>/``; its key is the hash of name, version, argument,
    parameters, :meth:`DataSource.options` and the plugin's fingerprint. One process builds while
    others wait; an entry whose files are damaged is built again. What is built has at least two classes, none of them
    empty, and at least two images.

    Args:
        name: ``"cifar10"``, ``"folder:PATH"`` or ``"name[param=value]"``.
        plugins: a :class:`ccbench.offers.discovery.Plugins`.
        source: its ``argument`` is set from the name.
        cache: the root of a :class:`ccbench.store.Store`.
        progress: called as ``progress(done, total, what)`` while images are read.

    Returns:
        images (N, H, W, 3) uint8, read-only; labels (N,) int64.

    Raises:
        UserError: an unknown name, data that is missing or unreadable, a plugin that gives something
            else than a dataset, or a cache that cannot be written or may not be read.
    """
    offer = _resolve(name, plugins, source)
    dataset = _load(offer)
    fingerprint = _call(offer, dataset, "fingerprint")
    if not isinstance(fingerprint, str):
        raise UserError(f"dataset {name}: fingerprint(source) must return text", found=describe(fingerprint))
    store = Store(cache)
    key = store.key(
        format=FORMAT,
        name=offer.spec.name,
        target=offer.spec.target,
        version=offer.version,
        params=dict(offer.params),
        argument=offer.source.argument,
        options=offer.source.options(),
        fingerprint=fingerprint,
    )
    path = store.path(KIND, key)
    with readable(path):
        if path.exists() and not _intact(path):
            _discard(path)
    facts: dict[str, Any] = {"dataset": name, "fingerprint": fingerprint}

    def make(folder: Path) -> None:
        # the store reads the facts after this returns, so the digests computed on the way are in them
        streams, shared = _call(offer, dataset, "splits"), "test_share" in offer.source.options()
        facts.update(build(folder, name, streams, offer.shape, progress, share_given=shared))

    return _read(store.get_or_make(KIND, key, make, facts), name)


def shape_of(
    name: str,
    *,
    plugins: Plugins,
    source: DataSource,
    cache: Path,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> DataShape:
    """The shape of a dataset's training split: from its spec where that says so, otherwise from the data.

    Args:
        name, plugins, source, cache, progress: as for :func:`open_dataset`.
        notes: where the data are opened, gets :attr:`Splits.notes` and which classes are small.

    Raises:
        UserError: as :func:`open_dataset`.
    """
    offer = _resolve(name, plugins, source)
    if offer.shape is not None:
        return offer.shape
    splits = open_dataset(name, plugins=plugins, source=source, cache=cache, progress=progress)
    if notes is not None:
        notes += notes_on(splits)
    return splits.train.shape


def notes_on(splits: Splits) -> list[str]:
    """What a plan says of a dataset: its notes, and which classes have too few images to keep ten of them."""
    train = splits.train
    sizes = np.bincount(train.labels, minlength=len(train.classes))
    small = [f"{train.classes[c]!r} ({sizes[c]})" for c in np.argsort(sizes, kind="stable") if sizes[c] < _FEW]
    few_of = [f"{train.name} has fewer than {_FEW} training images of {few(small)}"] if small else []
    return [*splits.notes, *few_of]


def _resolve(name: str, plugins: Plugins, source: DataSource) -> _Offer:
    call = read_call("dataset", name, plugins)
    spec, values = call.spec, dict(call.params)
    argument = name[len(spec.name) :] if spec.name.endswith(":") else ""
    size, shape = source.image_size, spec.shape
    if shape is not None and size is not None:
        if (shape.height, shape.width) == (size, size):
            size = None  # what it is anyway; the two ways of asking share a cache entry
        elif spec.resizable:
            shape = replace(shape, height=size, width=size)
        else:
            raise UserError(
                f"the images of {name} are {shape.width}x{shape.height} and are not resized",
                found=f"--image-size {size}",
                mend="leave --image-size out",
            )
    if shape is not None and "test_share" in source.options():
        raise unshared(name)
    if source.skip_bad or values != spec.read_params({}):
        shape = None
    return _Offer(
        name, spec, values, edition(call, plugins), replace(source, argument=argument, image_size=size), shape
    )


def _load(offer: _Offer) -> object:
    try:
        return offer.spec.build(**offer.params)
    except (ImportError, AttributeError) as error:
        needs = " ".join(offer.spec.imports)
        raise UserError(
            f"dataset {offer.name} cannot be loaded from {offer.spec.target}",
            found=f"{type(error).__name__}: {error}",
            mend=f"pip install {needs}" if needs else "ccbench plugins shows where it comes from",
        ) from error


def _call(offer: _Offer, dataset: object, method: str) -> Any:
    function = getattr(dataset, method, None)
    if not callable(function):
        raise UserError(
            f"dataset {offer.name}: its plugin has no {method}(source)",
            found=describe(dataset),
            mend=f"add it to {offer.spec.target}",
        )
    try:
        return function(offer.source)
    except PermissionError as error:
        raise UserError(f"dataset {offer.name} may not be read", found=error) from error
    except UserError:
        raise
    except Exception as error:
        error.add_note(f"while {offer.spec.target} was asked for {method} of dataset {offer.name}")
        raise


def opened(key: str, name: str, *, cache: Path, tested: bool = True) -> Splits | None:
    """The splits of an entry that :func:`open_dataset` made, without its plugin; None where it is not whole there.

    Args:
        key: :attr:`Splits.key`.
        name, cache: as for :func:`open_dataset`.
        tested: whether the test split is opened.
    """
    path = Store(cache).path(KIND, key)
    return _read(Entry(path), name, tested=tested) if _intact(path, SPLITS if tested else SPLITS[:1]) else None


def parts_of(cache: Path, key: str, *, tested: bool = True) -> tuple[Path, list[Path]]:
    """Where the cache keeps the datasets, and the files of one entry: those of its splits, or of the training split."""
    folder = Store(cache).path(KIND, key)
    wanted = (*(SPLITS if tested else SPLITS[:1]), "meta.json")
    # with what says that a large file was checked
    return folder.parent, [p for p in sorted(folder.iterdir()) if p.name.lstrip(".").partition("-")[0] in wanted]


def _read(entry: Entry, name: str, *, tested: bool = True) -> Splits:
    def split(which: str) -> ImageDataset | NoTest:
        facts = _facts(entry, which)
        if isinstance(facts, NoTest):
            return facts
        images, labels, files = entry[f"{which}-images"], np.array(entry[f"{which}-labels"]), _names(entry, which)
        classes, skipped = tuple(facts.classes), tuple(facts.skipped)
        return ImageDataset(name, which, images, labels, classes, facts.digest, tuple(files), skipped)

    train = split("train")
    test = split("test") if tested else NoTest("it was not opened", "open the dataset with its test split")
    assert isinstance(train, ImageDataset)
    said = [_facts(entry, which) for which in SPLITS]
    drawn = isinstance(said[1], _Split) and said[1].drawn
    return Splits(train, test, drawn, tuple(_notes(name, said)), entry.path.name)


def _notes(name: str, splits: Sequence[_Split | NoTest]) -> Iterator[str]:
    """What users should know: what the plugin says, what was left out, what is missing."""
    there = [facts for facts in splits if isinstance(facts, _Split)]
    for facts in there:
        yield from facts.notes
    skipped = [file for facts in there for file in facts.skipped]
    if skipped:
        plural = "s" * (len(skipped) != 1)
        yield f"{name}: {len(skipped):,} unreadable file{plural} left out (--skip-bad): {few(skipped)}"
    for none in splits:
        if isinstance(none, NoTest):
            yield f"{name} has no test split, so nothing can be trained and tested on it: {none.found}"


def _intact(path: Path, splits: Sequence[str] = SPLITS) -> bool:
    """Whether an entry is whole: the digests of its facts and of the files of some splits, and what they hold.

    Raises:
        UserError: it may not be read, or a newer version wrote it.
    """
    try:
        entry = Entry(path)
        return all(_whole(entry, which) for which in splits)
    except (Damaged, OSError, ValueError, KeyError):
        return False


def _whole(entry: Entry, which: str) -> bool:
    facts = _facts(entry, which)
    if isinstance(facts, NoTest):
        return True
    images, labels = entry[f"{which}-images"], entry[f"{which}-labels"]
    files = _names(entry, which)
    fits = images.shape == facts.shape and images.dtype == np.uint8 and len(files) in (0, len(labels))
    whole = content_digest(facts.shape, facts.classes, facts.labels, facts.pixels) == facts.digest
    return fits and whole and labels_digest(labels) == facts.labels


def _facts(entry: Entry, which: str) -> _Split | NoTest:
    """What an entry says of a split.

    Raises:
        ValueError: something else than it can say.
    """
    said = entry.meta.get(which)
    untested = isinstance(said, dict) and "mend" in said
    return fit(said, NoTest) if untested else fit(said, _Split)


def _names(entry: Entry, which: str) -> list[str]:
    return fit(parse(entry.file(f"{which}-files.json").read_bytes()), list[str])


def _discard(path: Path) -> None:
    """Move a damaged entry away under the store's lock, unless another process has mended it meanwhile."""
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            if path.exists() and not _intact(path):
                part = part_of(path)
                path.rename(part)
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise UserError(
            "a cached dataset is damaged and cannot be replaced",
            found=f"{path}: {error.strerror or error}",
            mend="delete that folder or set CCBENCH_CACHE to another one",
        ) from error
