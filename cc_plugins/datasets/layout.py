"""Which files of a folder are its images: splits, classes, order, what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

from cc_plugins.datasets.litter import is_litter, leads_up
from ccbench.data import TEST_SHARE
from ccbench.errors import few
from ccbench.files import special
from ccbench.plugin import NoTest, UserError, held_back

if TYPE_CHECKING:
    import numpy as np

# Formats that some Pillow cannot read stand here too: such a file is then named as unreadable, not passed over.
EXTENSIONS = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
})  # fmt: skip
# Names of the folders of a split, in any case; of several test splits the first one with class folders is taken.
TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")
LAYOUT = "make PATH/<class>/ with images in them, or PATH/train/<class>/ and PATH/test/<class>/ (or val/)"


@dataclass(frozen=True)
class Split:
    """One split's files in order.

    Attributes:
        files: paths relative to the dataset's folder with forward slashes, in the order of their class and path.
        labels: one per file.
    """

    files: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A dataset as files of a folder.

    Attributes:
        name: what errors call it.
        root: the folder.
        classes: one name per label.
        train, test: the splits, the second one perhaps missing.
        drawn: whether the test split was drawn from the images of the classes.
        note: what users should know of how the splits came about, or "".
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    train: Split
    test: Split | NoTest
    drawn: bool = False
    note: str = ""

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those that there are."""
        return (self.train, self.test) if isinstance(self.test, Split) else (self.train,)


def find(path: str, share: float = TEST_SHARE) -> Layout:
    """List a folder dataset, whose classes are folders, in the order of their names.

    - ``train/<class>/**`` with ``test/<class>/**``, or another name of :data:`TEST`. A folder of test images without
      class folders is passed over for another one with class folders. Without any, there is no test split.
    - ``<class>/**``, without a folder that is named like a split: a share of each class becomes the test split, see
      :func:`ccbench.data.held_back`.

    Args:
        path: of the folder; ``~`` is the home folder.
        share: the fraction of each class that is held back in the second layout.

    Raises:
        UserError: no such folder, another layout, fewer than two classes, a class without a file, or a test class
            that the training split lacks.
    """
    if not path:
        raise UserError("a folder dataset needs a path", found="folder:", mend="--dataset folder:PATH")
    root = Path(path).expanduser().absolute()
    with listing(f"folder:{path}"):
        if not root.is_dir():
            raise UserError(f"folder:{path} is not a folder", found=f"{root} {_there(root)}")
        train = _named(root, TRAIN)
        if len(train) > 1:
            raise UserError(f"folder:{path} has several training splits", found=", ".join(train), mend="keep one")
        if train:
            return _split(root, path, train[0], share)
        if _named(root, TEST):
            raise UserError(f"folder:{path} has no train/", found=", ".join(folders(root)[:8]), mend=LAYOUT)
        return _unsplit(root, path, share)


def _there(root: Path) -> str:
    """What is at a path that is no folder."""
    if what := special(root):
        return f"is {what}"
    if root.exists():
        return "is a file"
    return "is a link that leads nowhere, or back to itself" if root.is_symlink() else "does not exist"


@contextmanager
def listing(name: str) -> Iterator[None]:
    """Name the folder or the file that cannot be read while a dataset's files are listed."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{name} cannot be listed", found=f"{error.filename}: {error.strerror}") from error


def _split(root: Path, path: str, train: str, share: float) -> Layout:
    """The layout whose training split has a folder of its own."""
    classes = _classes(root / train, path, f"{train}/")
    files = by_class(root / train, classes)
    _none_empty(path, f"{train}/", classes, files)
    test, passed = None, list[str]()
    for name in _named(root, TEST):
        inside = folders(root / name)
        if set(inside) & set(classes):
            test = by_class(root / name, classes)
            _no_strangers(path, train, name, classes, inside)
            if test.files:
                break
            passed.append(f"{name}/ holds no image in a class folder")
        else:
            other = f": it holds {few(inside)}" if inside else f" but {_images_in(root / name)}"
            passed.append(f"{name}/ has no class folders{other}")
    else:
        found = "; ".join(passed) or f"{few(folders(root))}, but neither test/ nor val/"
        mend = (
            f"make {path}/test/<class>/ or {path}/val/<class>/, or name folder:{path}/{train}, of which "
            f"{share * 100:g} % of each class are held back (--test-share)"
        )
        return Layout(f"folder:{path}", root, classes, files, NoTest(found, mend))
    note = f"folder:{path}: the test split is {name}/; {'; '.join(passed)}" if passed else ""
    return Layout(f"folder:{path}", root, classes, files, test, note=note)


def _unsplit(root: Path, path: str, share: float) -> Layout:
    """The layout of class folders alone."""
    classes = _classes(root, path, "it")
    for name in classes:
        if _named(root / name, TRAIN):
            raise UserError(
                f"folder:{path} has no train/", found=f"{name}/ has", mend=f"--dataset folder:{path}/{name}"
            )
    files = by_class(root, classes, root)
    _none_empty(path, "it", classes, files)
    held = held_back(files.files, files.labels, share)
    train, test = _part(files, ~held), _part(files, held)
    note = (
        f"folder:{path} has no train/ and no test/: {share * 100:g} % of each class, {len(test.files):,} of "
        f"{len(held):,} images, are held back as the test split, the same in every run (--test-share)"
    )
    return Layout(f"folder:{path}", root, classes, train, test, drawn=True, note=note)


def _classes(folder: Path, path: str, where: str) -> tuple[str, ...]:
    classes = folders(folder)
    if len(classes) < 2:
        inner = folders(folder / classes[0]) if classes else []
        below = folder.joinpath(*classes).as_posix()
        raise UserError(
            f"folder:{path} has fewer than two classes",
            found=f"folders in {where}: {few(classes)}",
            mend=f"--dataset folder:{below}, which holds {few(inner)}" if len(inner) > 1 else LAYOUT,
        )
    return tuple(classes)


def _none_empty(path: str, where: str, classes: Sequence[str], split: Split) -> None:
    filled = set(split.labels)
    empty = [c for i, c in enumerate(classes) if i not in filled]
    if empty:
        raise UserError(
            f"folder:{path}: classes without an image in {where}",
            found=few(empty),
            mend=f"add images ({' '.join(sorted(EXTENSIONS))}) or remove those folders",
        )


def _no_strangers(path: str, train: str, test: str, classes: Sequence[str], inside: Sequence[str]) -> None:
    strangers = [name for name in inside if name not in set(classes)]
    if strangers:
        raise UserError(
            f"folder:{path}: {test}/ has classes that {train}/ lacks",
            found=few(strangers),
            mend="give both splits the same class folders",
        )


def _part(split: Split, mask: np.ndarray) -> Split:
    files, labels = compress(split.files, mask), compress(split.labels, mask)
    return Split(tuple(files), tuple(labels))


def _named(root: Path, names: Sequence[str]) -> list[str]:
    """The folders with one of some names in any case, in the order of those names."""
    return sorted((n for n in folders(root) if n.lower() in names), key=lambda n: names.index(n.lower()))


def _images_in(folder: Path) -> str:
    count = sum(is_image(entry.name) for entry in os.scandir(folder))
    return f"{count:,} image{'s' * (count != 1)} without one"


def by_class(folder: Path, names: Sequence[str], root: Path | None = None) -> Split:
    """The images below ``folder/<name>/``, whose label is the place of the name.

    Paths are relative to ``root``; without one they begin with the folder's name.

    Files are taken at any depth below a class, symbolic links followed. Names that begin with a dot, litter (see
    :mod:`.litter`) and names without one of :data:`EXTENSIONS` (in any case) are passed over. A folder that is not
    there has no files.
    """
    files, labels = [], []
    for label, name in enumerate(names):
        found = sorted(_images(folder / name, root or folder.parent)) if (folder / name).is_dir() else []
        files += found
        labels += [label] * len(found)
    return Split(tuple(files), tuple(labels))


def folders(folder: Path) -> list[str]:
    """The folders in a folder, sorted; those that begin with a dot and litter are passed over."""
    return sorted(e.name for e in os.scandir(folder) if not _passed_over(e.name) and e.is_dir())


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its name alone."""
    return not _passed_over(name) and os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 - a million names


def _passed_over(name: str) -> bool:
    return name.startswith(".") or is_litter(name)


def _images(folder: Path, root: Path) -> Iterator[str]:
    seen = set()  # two links to each other's folders would go round for ever
    for here, below, names in os.walk(folder, followlinks=True, onerror=_raise):
        stat = Path(here).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            below.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        below[:] = sorted(name for name in below if not (_passed_over(name) or leads_up(Path(here, name))))
        prefix = Path(here).relative_to(root).as_posix()
        for name in names:
            if is_image(name):
                yield f"{prefix}/{name}"


def _raise(error: OSError) -> None:
    raise error
