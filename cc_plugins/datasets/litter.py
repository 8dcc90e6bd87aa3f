"""What storage boxes, desktops and notebooks leave in folders: thumbnails, indices, recycle bins. Never images."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

from ccbench.errors import few

_NAMES = frozenset({
    "@eadir", "#recycle", "#snapshot", "@tmp", "@sharebin",  # Synology
    "@recycle", "@recently-snapshot",  # QNAP
    ".appledouble", ".ds_store", ".fseventsd", ".spotlight-v100", ".temporaryitems", ".trashes", "__macosx", "icon\r",
    "$recycle.bin", "desktop.ini", "ehthumbs.db", "recycler", "system volume information", "thumbs.db",
    ".directory", ".thumbnails", "lost+found",
    ".ipynb_checkpoints", "__pycache__",
})  # fmt: skip
_PREFIXES = ("._", ".trash-", ".nfs", ".fuse_hidden")


def is_litter(name: str) -> bool:
    """Whether a folder or file of that name, in any case, was left by a system and not by its user."""
    lower = name.lower()
    return lower in _NAMES or lower.startswith(_PREFIXES)


def name_litter(dataset: str, root: Path) -> None:
    """Say in one line what of a dataset's folder is left out as litter, and in one which links lead in a circle."""
    found, loops = _count(root), _loops(root)
    if loops:
        logging.getLogger("ccbench").warning(
            "%s: links to folders that they lie in are not followed: %s", dataset, few([ascii(loop) for loop in loops])
        )
    if found:
        listed = ", ".join(f"{name!a} ({count})" for name, count in sorted(found.items()))
        logging.getLogger("ccbench").warning(
            "%s: left out what a storage box or a desktop put there: %s", dataset, listed
        )


def leads_up(path: Path) -> bool:
    """Whether a folder is a link to one that it lies in: whoever follows it goes in a circle, through other classes."""
    if not path.is_symlink():
        return False
    place = path.parent.resolve()
    return path.resolve() in (place, *place.parents)


def _loops(root: Path) -> list[str]:
    """Links below a folder that lead to a folder above them."""
    found = []
    for here, below, _ in os.walk(root):
        for path in (Path(here, name) for name in below if not is_litter(name)):
            if leads_up(path):
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def _count(root: Path) -> Counter[str]:
    """Litter below a folder by name, those of one prefix together; what lies in a folder of litter is not counted."""
    found: Counter[str] = Counter()
    for _, below, names in os.walk(root):
        for name in filter(is_litter, (*below, *names)):
            prefix = next((p for p in _PREFIXES if name.lower().startswith(p)), None)
            found[f"{prefix}*" if prefix else name] += 1
        below[:] = [name for name in below if not is_litter(name)]
    return found
