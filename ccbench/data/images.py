"""A labelled set of images as everything above sees it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccbench.budget import DataShape
from ccbench.data.source import NoTest
from ccbench.errors import UserError


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """One split.

    Attributes:
        name: as the user wrote it, such as ``"cifar10"`` or ``"folder:PATH"``.
        split: ``"train"`` or ``"test"``.
        images: (N, H, W, 3) uint8, RGB in 0..255; read-only, often a memory map.
        labels: (N,) int64 in 0 .. len(classes) - 1; read-only.
        classes: one name per label.
        digest: sha256 of shape, classes, labels and pixels, or for a subset of the parent's digest and the ids.
        files: file names in the order of the images, for datasets that have them, otherwise empty.
        skipped: unreadable files that were left out under ``--skip-bad``.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    digest: str
    files: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise UserError(f"{self.name}: images must be (N, H, W, 3) uint8", found=describe(images))
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise UserError(f"{self.name}: labels must be ({len(images)},) int64", found=describe(labels))
        # whoever is handed this split shares it with others: a method that changed it would change their results
        object.__setattr__(self, "images", read_only(images))
        object.__setattr__(self, "labels", read_only(labels))

    @classmethod
    def from_arrays(
        cls,
        images: np.ndarray,
        labels: np.ndarray | Sequence[int],
        classes: Sequence[str],
        *,
        name: str,
        split: str = "train",
        files: Sequence[str] = (),
    ) -> ImageDataset:
        """A dataset from arrays in memory, its digest computed from the content."""
        labels, classes = np.asarray(labels, dtype=np.int64), tuple(classes)
        pixels = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
        digest = content_digest(images.shape, classes, labels_digest(labels), pixels)
        return cls(name, split, images, labels, classes, digest, tuple(files))

    @property
    def shape(self) -> DataShape:
        """Images, height, width and classes, as budgets need them."""
        n, height, width, _ = self.images.shape
        return DataShape(n, height, width, len(self.classes))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width = self.images.shape[1:3]
        return (
            f"ImageDataset({self.name!r}, {self.split}, {len(self):,} images of {width}x{height}, "
            f"{len(self.classes)} classes, digest {self.digest[:12]})"
        )

    def subset(self, ids: Sequence[int] | np.ndarray) -> ImageDataset:
        """The images of some ids, in their order, copied into memory; classes stay.

        Args:
            ids: (n,) whole numbers in 0 .. N-1; repeats are allowed.

        Raises:
            UserError: an id is out of range or not a whole number.
        """
        chosen = np.asarray(ids)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64).reshape(-1)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise UserError("ids must be a list of whole numbers", found=describe(chosen))
        chosen = chosen.astype(np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise UserError(f"{self.name} has the ids 0 to {len(self) - 1}", found=f"{chosen.min()} to {chosen.max()}")
        digest = hashlib.sha256(f"{self.digest} subset ".encode() + chosen.astype("<i8").tobytes()).hexdigest()
        files = tuple(self.files[i] for i in chosen) if self.files else ()
        images = np.asarray(self.images)[chosen]
        return ImageDataset(self.name, self.split, images, self.labels[chosen], self.classes, digest, files)


@dataclass(frozen=True)
class Splits:
    """A dataset's splits; both have the same classes and image size.

    Attributes:
        train: what is compressed.
        tested: the test split, or why there is none.
        drawn: whether the test split was drawn from the images of the classes: then only what was compressed from this
            train split, by its digest, is tested on it.
        notes: what users should know of the data.
        key: of its entry in the cache; "" where it has none.
    """

    train: ImageDataset
    tested: ImageDataset | NoTest
    drawn: bool = False
    notes: tuple[str, ...] = ()
    key: str = ""

    @property
    def test(self) -> ImageDataset:
        """The test split.

        Raises:
            UserError: there is none.
        """
        if isinstance(self.tested, NoTest):
            raise UserError(f"{self.train.name} has no test split", found=self.tested.found, mend=self.tested.mend)
        return self.tested


def read_only(array: np.ndarray) -> np.ndarray:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def labels_digest(labels: np.ndarray) -> str:
    """The sha256 of labels as little-endian int64."""
    return hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()


def content_digest(shape: Sequence[int], classes: Sequence[str], labels: str, pixels: str) -> str:
    """The digest of a dataset from its shape, class names and the sha256 of its labels and of its pixels.

    A hash of hashes, so that the pixels can stream by before their number is known.
    """
    text = json.dumps([[int(s) for s in shape], list(classes), labels, pixels])
    return hashlib.sha256(text.encode()).hexdigest()


def describe(value: object) -> str:
    """What something is, for an error: shape and dtype of an array, the type of anything else."""
    return (
        f"{value.dtype} of shape {value.shape}"
        if isinstance(value, np.ndarray)
        else f"{type(value).__name__} {value!r:.60}"
    )
