"""What a dataset plugin is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.errors import UserError

BATCH = 1024  # images
LARGEST = 16384  # pixels on a side
TEST_SHARE = 0.2  # of each class, where a dataset has no split of its own
_NOT_DATA = frozenset({"root", "download", "argument", "given"})  # where the data are and who says so, not which


@dataclass(frozen=True)
class DataSource:
    """Where a dataset plugin looks, and what the user allows it.

    Attributes:
        root: ``--data-root`` or CCBENCH_DATA, or None.
        download: whether it may use the network.
        argument: what follows the colon of a family, ``"PATH"`` of ``"folder:PATH"``; otherwise empty.
        image_size: ``--image-size``, pixels on a side, or None.
        skip_bad: whether unreadable files are left out instead of being an error.
        test_share: ``--test-share``, the fraction of each class that is held back as the test split of a dataset
            without a split of its own; above 0 and below 1.
        given: names of the fields that the user gave, at their defaults too: what a file remembers does not replace
            them. It changes no data.
    """

    root: Path | None = None
    download: bool = False
    argument: str = ""
    image_size: int | None = None
    skip_bad: bool = False
    test_share: float = TEST_SHARE
    given: frozenset[str] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        if self.image_size is not None and not 1 <= self.image_size <= LARGEST:
            raise UserError(
                f"the image size is pixels on a side, from 1 to {LARGEST}",
                found=self.image_size,
                mend="for example --image-size 64",
            )
        if not 0 < self.test_share < 1:
            raise UserError(
                "the test share is the fraction of each class that is held back, above 0 and below 1",
                found=self.test_share,
                mend="for example --test-share 0.2",
            )

    def for_dataset(self, name: str) -> DataSource:
        """The same source with the argument that a dataset's name carries after its colon."""
        return replace(self, argument=name.partition(":")[2])

    def options(self) -> dict[str, Any]:
        """What changes the data beside their name, JSON-able: the fields that are not at their defaults.

        ``root``, ``download``, ``argument`` and ``given`` are not among them: they do not say which data.
        """
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in _NOT_DATA and getattr(self, f.name) != f.default
        }

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, for another process; :meth:`from_plain` reads them back."""
        return {**asdict(self), "root": str(self.root) if self.root else None, "given": sorted(self.given)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DataSource:
        """The source that :meth:`plain` wrote down."""
        root, given = plain.get("root"), frozenset(plain.get("given", ()))
        return cls(**{**plain, "root": Path(root) if root else None, "given": given})


@dataclass(frozen=True)
class NoTest:
    """What a dataset plugin gives instead of a test split: compressing works, training and testing say this.

    Attributes:
        found: why there is none.
        mend: how to give one.
    """

    found: str
    mend: str


@dataclass
class ImageStream:
    """One split as a dataset plugin gives it.

    Attributes:
        labels: (M,) whole numbers in 0 .. len(classes) - 1, one for every image that was found.
        classes: one name per label; the same for both splits.
        height, width: pixels of every image.
        batches: arrays (b, H, W, 3) uint8 RGB in the order of the labels; consumed once, so that a set
            larger than memory works.
        files: M names, or empty.
        skipped: positions in ``labels`` that ``batches`` leaves out. It may grow while the batches are
            consumed: whether an image is whole is only known once it is read.
        notes: what users should know of these images, such as how the split came about. It may grow likewise.
        drawn: of a test split: it was drawn from the images of the classes, see :func:`ccbench.data.held_back`.
            Then only what was compressed from the other split may be tested on it.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    height: int
    width: int
    batches: Iterable[np.ndarray]
    files: tuple[str, ...] = ()
    skipped: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    drawn: bool = False

    @classmethod
    def from_arrays(
        cls, images: np.ndarray, labels: np.ndarray | Sequence[int], classes: Sequence[str], files: Sequence[str] = ()
    ) -> ImageStream:
        """A stream over arrays in memory: images (M, H, W, 3) uint8, labels (M,)."""
        images = np.asarray(images)
        if images.ndim != 4:
            raise UserError("images must have the shape (N, H, W, 3)", found=f"shape {images.shape}")
        _, height, width, _ = images.shape
        return cls(np.asarray(labels), tuple(classes), height, width, _slices(images), tuple(files))


def _slices(images: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BATCH):
        yield images[start : start + BATCH]
