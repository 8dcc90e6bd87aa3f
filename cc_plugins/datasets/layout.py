"""Which files of a folder are its images: classes, order, what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cc_plugins.datasets.litter import is_litter
from ccbench.errors import UserError

# Formats that some Pillow cannot read stand here too: such a file is then named as unreadable, not passed over.
EXTENSIONS = frozenset({
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
})  # fmt: skip
LAYOUT = "make PATH/train/<class>/ and PATH/test/<class>/ (or val/) with images in them"


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
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    train: Split
    test: Split


def find(path: str) -> Layout:
    """List a folder dataset: ``train/<class>/**`` and ``test/<class>/**`` or ``val/<class>/**``.

    Classes are the folders of ``train`` in the order of their names.

    Raises:
        UserError: no such folder, no ``train`` or no ``test`` or ``val``, fewer than two classes, a class
            without a file, or a test class that ``train`` lacks.
    """
    if not path:
        raise UserError("a folder dataset needs a path", found="folder:", mend="--dataset folder:PATH")
    root = Path(path).expanduser().absolute()
    if not root.is_dir():
        raise UserError(
            f"folder:{path} is not a folder", found=f"{root} {'is a file' if root.exists() else 'does not exist'}"
        )
    with listing(f"folder:{path}"):
        return _find(root, path)


@contextmanager
def listing(name: str) -> Iterator[None]:
    """Name the folder or the file that cannot be read while a dataset's files are listed."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{name} cannot be listed", found=f"{error.filename}: {error.strerror}") from error


def _find(root: Path, path: str) -> Layout:
    holds = ", ".join(folders(root)[:8]) or "no folders"
    if not (root / "train").is_dir():
        raise UserError(f"folder:{path} has no train/", found=holds, mend=LAYOUT)
    test = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if test is None:
        raise UserError(f"folder:{path} has no test split", found=f"{holds}, but neither test/ nor val/", mend=LAYOUT)
    classes = tuple(folders(root / "train"))
    if len(classes) < 2:
        raise UserError(
            f"folder:{path} has fewer than two classes",
            found=f"folders in train/: {', '.join(classes) or 'none'}",
            mend=LAYOUT,
        )
    known = set(classes)
    strangers = [name for name in folders(test) if name not in known]
    if strangers:
        raise UserError(
            f"folder:{path}: {test.name}/ has classes that train/ lacks",
            found=", ".join(strangers[:8]),
            mend="give both splits the same class folders",
        )
    layout = Layout(f"folder:{path}", root, classes, by_class(root / "train", classes), by_class(test, classes))
    filled = set(layout.train.labels)
    empty = [c for i, c in enumerate(classes) if i not in filled]
    if empty:
        raise UserError(
            f"folder:{path}: classes without an image in train/",
            found=", ".join(empty[:8]),
            mend=f"add images ({' '.join(sorted(EXTENSIONS))}) or remove those folders",
        )
    if not layout.test.files:
        raise UserError(f"folder:{path}: {test.name}/ holds no image in a class folder", mend=LAYOUT)
    return layout


def by_class(folder: Path, names: Sequence[str]) -> Split:
    """The images below ``folder/<name>/``, whose label is the place of the name; paths begin with the folder's name.

    Files are taken at any depth below a class, symbolic links followed. Names that begin with a dot, litter (see
    :mod:`.litter`) and names without one of :data:`EXTENSIONS` (in any case) are passed over. A folder that is not
    there has no files.
    """
    files, labels = [], []
    for label, name in enumerate(names):
        found = sorted(_images(folder / name, folder.parent)) if (folder / name).is_dir() else []
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
    seen = set()  # a link to a folder above would go round for ever
    for here, below, names in os.walk(folder, followlinks=True, onerror=_raise):
        stat = Path(here).stat()
        if (stat.st_dev, stat.st_ino) in seen:
            below.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        below[:] = sorted(name for name in below if not _passed_over(name))
        prefix = Path(here).relative_to(root).as_posix()
        for name in names:
            if is_image(name):
                yield f"{prefix}/{name}"


def _raise(error: OSError) -> None:
    raise error
