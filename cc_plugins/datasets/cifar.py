"""CIFAR-10 and CIFAR-100, read through torchvision; CIFAR-10 with labels made wrong on purpose."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ccbench.plugin import DataSource, ImageStream, UserError

if TYPE_CHECKING:
    from torchvision import datasets


class CIFAR:
    """One of the two sets; see torchvision's class of the same name for the files.

    The files hold Python pickles. Nothing is unpickled before the MD5 sum of every file has been compared
    with the official one: here, and again in torchvision's constructor before each load.
    """

    name: str
    reader: str  # torchvision's class
    folder: str
    official: str  # MD5 of the official archive

    def fingerprint(self, source: DataSource) -> str:
        """A constant: only the official files are accepted, so what is cached stays right wherever they are."""
        return f"{self.name} md5 {self.official}"

    def splits(self, source: DataSource) -> dict[str, ImageStream]:
        """Images (50000, 32, 32, 3) and (10000, 32, 32, 3) uint8 in the official order.

        Raises:
            UserError: no root, files missing or damaged, or a download that failed.
        """
        if source.root is None:
            raise UserError(
                f"{self.name} needs a folder to be read from",
                found="neither --data-root nor CCBENCH_DATA",
                mend=self._command("DIR"),
            )
        root = source.root.expanduser().absolute()
        if not source.download and not (root / self.folder).is_dir():
            raise self._missing(root, f"no folder {root / self.folder}")
        import torchvision.datasets  # imports torch: only when the set is really read

        cls = getattr(torchvision.datasets, self.reader)
        if source.download:
            self._download(cls, root)
        self._check(cls, root)
        streams = {}
        for split in ("train", "test"):
            data = cls(root, train=split == "train")
            streams[split] = ImageStream.from_arrays(data.data, data.targets, data.classes)
        return streams

    def _command(self, root: Path | str) -> str:
        return (
            f"ccbench run --dataset {self.name} --data-root {root} --download ..., "
            f"or put the official files into {root}/{self.folder}/"
        )

    def _missing(self, root: Path, found: str) -> UserError:
        return UserError(f"{self.name} is not there", found=found, mend=self._command(root))

    def _check(self, cls: type[datasets.CIFAR10], root: Path) -> None:
        folder = root / cls.base_folder
        wanted = [*cls.train_list, *cls.test_list, (cls.meta["filename"], cls.meta["md5"])]
        missing = [name for name, _ in wanted if not (folder / name).is_file()]
        if missing:
            raise self._missing(root, f"{folder} lacks {', '.join(missing)}")
        for name, md5 in wanted:
            with (folder / name).open("rb") as file:
                actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if actual != md5:
                raise UserError(
                    f"{self.name}: {folder / name} is damaged",
                    found=f"MD5 {actual}, official {md5}",
                    mend=f"delete it, then {self._command(root)}",
                )

    def _download(self, cls: type[datasets.CIFAR10], root: Path) -> None:
        try:
            cls(root, download=True)  # does nothing where the official files are there
        except (OSError, RuntimeError, EOFError) as error:
            raise UserError(
                f"{self.name} could not be downloaded from {cls.url}",
                found=f"{type(error).__name__}: {error}",
                mend=f"put the official files into {root / cls.base_folder} and leave --download out",
            ) from error


class CIFAR10(CIFAR):
    """10 classes."""

    name, reader = "cifar10", "CIFAR10"
    folder, official = "cifar-10-batches-py", "c58f30108f718f92721af3b95e74349a"


class CIFAR100(CIFAR):
    """100 classes (the fine labels)."""

    name, reader = "cifar100", "CIFAR100"
    folder, official = "cifar-100-python", "eb9058c3a382ffc7106e4002c42a8d85"


class WrongCIFAR10(CIFAR10):
    """CIFAR-10, a share of whose training labels is wrong; test labels are as they were.

    Args:
        share: in [0, 1).
    """

    name = "cifar10-wrong-labels"

    def __init__(self, *, share: float) -> None:
        self.share = share

    def fingerprint(self, source: DataSource) -> str:
        """That of the official files, and the share."""
        return f"{super().fingerprint(source)}, share {self.share!r}"

    def splits(self, source: DataSource) -> dict[str, ImageStream]:
        """Those of CIFAR-10, see :func:`made_wrong`.

        Raises:
            UserError: as for CIFAR-10.
        """
        streams = super().splits(source)
        train = streams["train"]
        return streams | {"train": replace(train, labels=made_wrong(train.labels, self.share, len(train.classes)))}


def made_wrong(labels: np.ndarray, share: float, classes: int) -> np.ndarray:
    """Labels of which a share is another class, each other class equally likely: symmetric noise, always the same.

    What is wrong at some share is wrong in the same way at every larger one.

    Args:
        labels: (n,) int64.
        share: in [0, 1); so many are wrong, rounded to whole images.
        classes: how many, >= 2.
    """
    rng = np.random.default_rng(0)
    shifts, order = rng.integers(1, classes, len(labels)), rng.permutation(len(labels))
    chosen = order[: round(share * len(labels))]
    noisy = np.array(labels)
    noisy[chosen] = (noisy[chosen] + shifts[chosen]) % classes
    return noisy
