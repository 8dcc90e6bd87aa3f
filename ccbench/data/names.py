"""Lists of datasets as people write them: a comma separates two, and may be part of a folder's path."""

from __future__ import annotations

from pathlib import Path

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import base_name, split


def split_names(text: str, plugins: Plugins) -> tuple[str, ...]:
    """The datasets of a list; commas inside brackets and inside the path of a folder that exists are no separators.

    Raises:
        UserError: what follows a path is neither a dataset nor a part of a folder that exists.
    """
    pieces, names = split(text), list[str]()
    while pieces:
        many = _folder(pieces, plugins)
        if not many and names and ":" in names[-1] and not _is_dataset(pieces[0], plugins):
            raise UserError(
                f"a comma separates datasets, and no dataset is called {pieces[0]!r}",
                found=text,
                mend="if the comma belongs to a folder's path, look whether that folder exists; otherwise "
                "ccbench list datasets",
            )
        names.append(",".join(pieces[: many or 1]))
        pieces = pieces[many or 1 :]
    return tuple(names)


def _folder(pieces: list[str], plugins: Plugins) -> int:
    """How many pieces, the first of them ``NAME:PATH``, make the path of a folder that a dataset or nothing follows."""
    for n in range(1, len(pieces) + 1 if ":" in pieces[0] else 1):
        path = ",".join(pieces[:n]).partition(":")[2]
        if _is_folder(path) and all(_is_dataset(piece, plugins) for piece in pieces[n : n + 1]):
            return n
    return 0


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # a name that is too long
        return False


def _is_dataset(text: str, plugins: Plugins) -> bool:
    return ":" in text or base_name(text) in plugins.names("dataset")
