"""What the published sets of photographs have in common: where they lie, whether they are whole, how they are read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from cc_plugins.datasets.layout import Layout, Split, by_class, folders, is_image, listing
from cc_plugins.datasets.reading import Reader, fingerprint
from ccbench.errors import few
from ccbench.plugin import DataSource, ImageStream, NoTest, UserError


class Published:
    """A set in its published layout below ``--data-root``: class folders named by WordNet ids.

    Classes stand in the order of their ids, as torchvision's ``ImageFolder`` puts them, so that labels mean the same
    as in other people's networks. ``--image-size S`` makes images S x S; see :mod:`.pictures` for the rules.

    Args:
        partial: take a folder with some of the classes or images; the test split is then that of its classes.

    Attributes:
        name: of the dataset.
        locations: where it may lie below the root, first come, first taken.
        page: where to get it.
        size: pixels on a side without ``--image-size``.
        counts: training and test images of the whole set.
    """

    name: ClassVar[str]
    locations: ClassVar[tuple[str, ...]]
    page: ClassVar[str]
    size: ClassVar[int] = 224
    counts: ClassVar[tuple[int, int]]

    def __init__(self, *, partial: bool) -> None:
        self.partial = partial

    def fingerprint(self, source: DataSource) -> str:
        """See :func:`.reading.fingerprint`."""
        return fingerprint(self._layout(source))

    def splits(self, source: DataSource) -> dict[str, ImageStream | NoTest]:
        """Both splits, S x S, decoded while they stream.

        Raises:
            UserError: no root, no such folder, another layout, missing classes, images or annotations, or files
                that cannot be read (each is named) without ``--skip-bad``.
        """
        size = source.image_size or self.size
        return Reader(self._layout(source), size, size, size, source.skip_bad, draft=True).streams()

    def names(self, root: Path) -> Mapping[str, str]:
        """The readable name of every class of the whole set, by its WordNet id."""
        raise NotImplementedError

    def test(self, root: Path, wnids: Sequence[str]) -> Split:
        """The test images of some classes: those of ``val/<wnid>/``, unless a set has them otherwise."""
        val = root / "val"
        if not folders(val):
            raise self.wrong("val/ has no class folders", f"{len(_images(val)):,} images directly in {val}")
        return by_class(val, wnids)

    def annotated(self, root: Path, folder: str, labels: Mapping[str, str], wnids: Sequence[str]) -> Split:
        """The images of one flat folder whose classes a file lists, in the order of their class and name.

        Args:
            root: the set's folder.
            folder: where the images are, below the root.
            labels: WordNet ids by file name.
            wnids: the classes that count; images of others are left out.

        Raises:
            UserError: an image without a line, or a line without its image.
        """
        there = _images(root / folder)
        if self.partial:
            labels = {name: wnid for name, wnid in labels.items() if name in there}
        for what, names in (
            ("images without an annotation", there - set(labels)),
            ("annotations without their image", set(labels) - there),
        ):
            if names:
                raise self.wrong(f"{folder}/ has {len(names):,} {what}", few(sorted(names)))
        place = {wnid: label for label, wnid in enumerate(wnids)}
        chosen = sorted((place[wnid], name) for name, wnid in labels.items() if wnid in place)
        return Split(tuple(f"{folder}/{name}" for _, name in chosen), tuple(label for label, _ in chosen))

    def wrong(self, what: str, found: str, mend: str = "") -> UserError:
        """An error of the files below the root."""
        return UserError(f"{self.name}: {what}", found=found, mend=mend or f"extract it again; it is at {self.page}")

    def place(self, found: list[Path], source: DataSource) -> Path:
        """Which of the folders that are there is taken."""
        return found[0]

    def _layout(self, source: DataSource) -> Layout:
        with listing(self.name):
            root = self._root(source)
            names = self.names(root)
            wnids = self._classes(root, names)
            split = by_class(root / "train", wnids), self.test(root, wnids)
            self._check(root, wnids, split)
            return Layout(self.name, root, readable(wnids, names), *split)

    def _root(self, source: DataSource) -> Path:
        wanted = (
            f"extract it so that DIR/{self.locations[0]}/train/ is there, with --data-root DIR; it is at {self.page}"
        )
        if source.root is None:
            raise UserError(
                f"{self.name} needs a folder to be read from",
                found="neither --data-root nor CCBENCH_DATA",
                mend=wanted,
            )
        root = source.root.expanduser().absolute()
        found = [root / name for name in self.locations if (root / name / "train").is_dir()]
        if not found and (root / "train").is_dir():
            found = [root]
        if not found:
            raise UserError(f"{self.name} is not there", found=_holding(root), mend=wanted)
        place = self.place(found, source)
        if not (place / "val").is_dir():
            raise self.wrong("there is no val/ beside train/", f"{place} holds {few(folders(place))}")
        return place

    def _classes(self, root: Path, names: Mapping[str, str]) -> list[str]:
        there = folders(root / "train")
        strangers = [name for name in there if name not in names]
        if strangers:
            raise self.wrong(
                "train/ holds folders that are none of its classes",
                f"{few(strangers)} in {root / 'train'}",
                f"--dataset folder:{root} takes any classes, or give the folder that holds {self.name}",
            )
        missing = sorted(set(names) - set(there))
        if missing and not self.partial:
            raise self._partly(
                f"train/ lacks {len(missing)} of {len(names)} classes",
                f"{len(there)} class folders in {root / 'train'}; missing: {few(missing)}",
            )
        if len(there) < 2:
            raise self.wrong("train/ holds fewer than two classes", few(there))
        return there

    def _check(self, root: Path, wnids: Sequence[str], split: tuple[Split, Split]) -> None:
        for what, part, count in zip(("train", "val"), split, self.counts, strict=True):
            held = Counter(part.labels)
            empty = [wnid for label, wnid in enumerate(wnids) if not held[label]]
            if empty and (what == "train" or not self.partial):
                raise self.wrong(f"{what}/ has classes without an image", f"{few(empty)} in {root / what}")
            if not part.files:
                raise self.wrong(f"{what}/ holds no image of its classes", f"{root / what}")
            if len(part.files) != count and not self.partial:
                fewest = sorted(held.items(), key=lambda item: item[1])[:3]
                raise self._partly(
                    f"{what}/ has {len(part.files):,} images, the whole set {count:,}",
                    f"{root / what}; fewest in " + ", ".join(f"{wnids[label]} ({n})" for label, n in fewest),
                )

    def _partly(self, what: str, found: str) -> UserError:
        return self.wrong(
            what, found, f"extract it again, or --dataset '{self.name}[partial=true]', which is a set of its own"
        )


def readable(wnids: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """The first of each class's names; classes that share it carry their id as well."""
    short = [names[wnid].partition(",")[0].strip() for wnid in wnids]
    held = Counter(short)
    return tuple(name if held[name] == 1 else f"{name} ({wnid})" for wnid, name in zip(wnids, short, strict=True))


def _images(folder: Path) -> set[str]:
    return {entry.name for entry in os.scandir(folder) if is_image(entry.name)}


def _holding(root: Path) -> str:
    if not root.is_dir():
        return f"{root} {'is a file' if root.exists() else 'does not exist'}"
    return f"{root} holds {few(folders(root))}"
