"""Tiny-ImageNet-200: 64x64 pixels, its validation images in one folder beside a file of annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cc_plugins.datasets.layout import Split, folders
from cc_plugins.datasets.published import Published


class TinyImageNet(Published):
    """``train/<wnid>/images/*.JPEG``; ``val/images/*.JPEG`` with ``val/val_annotations.txt``.

    The validation images are the test split: the published test images have no labels. A ``val`` that was sorted
    into class folders is taken as well.
    """

    name = "tiny-imagenet"
    locations = ("tiny-imagenet-200",)
    page = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    size = 64
    counts = (100_000, 10_000)

    def names(self, root: Path) -> Mapping[str, str]:
        """The ids of ``wnids.txt`` with their names in ``words.txt``.

        Raises:
            UserError: one of the two is missing, or an id has no name.
        """
        wnids = self._lines(root / "wnids.txt")
        words = dict(line.partition("\t")[::2] for line in self._lines(root / "words.txt"))
        unnamed = [wnid for wnid in wnids if not words.get(wnid)]
        if unnamed:
            raise self.wrong(f"words.txt lacks {len(unnamed)} of the classes in wnids.txt", ", ".join(unnamed[:8]))
        return {wnid: words[wnid] for wnid in wnids}

    def test(self, root: Path, wnids: Sequence[str]) -> Split:
        """The validation images of some classes, by their annotations.

        Raises:
            UserError: annotations that are missing or malformed, or that do not fit the images.
        """
        if set(folders(root / "val")) & set(wnids):
            return super().test(root, wnids)
        if not (root / "val" / "images").is_dir():
            raise self.wrong(
                "val/ has no folder images/", f"{root / 'val'} holds {folders(root / 'val') or 'no folders'}"
            )
        return self.annotated(root, "val/images", self._annotations(root), wnids)

    def _annotations(self, root: Path) -> dict[str, str]:
        known, labels = set(self._lines(root / "wnids.txt")), dict[str, str]()
        for number, line in enumerate(self._lines(root / "val" / "val_annotations.txt"), 1):
            name, _, rest = line.partition("\t")
            wnid = rest.partition("\t")[0].strip()
            if wnid not in known or name in labels:
                raise self.wrong(
                    f"line {number} of val/val_annotations.txt is no annotation",
                    f"{line[:80]!r}" + (", an image that has one already" if name in labels else ""),
                    "a line holds the file's name, a tab and one of the ids of wnids.txt; extract the file again",
                )
            labels[name] = wnid
        return labels

    def _lines(self, file: Path) -> list[str]:
        if not file.is_file():
            raise self.wrong(f"there is no {file.name}", f"{file.parent} without it")
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise self.wrong(f"{file.name} is damaged", f"{error}") from error
        return [line for line in lines if line.strip()]
