"""What storage boxes, desktops and notebooks leave in folders: thumbnails, indices, recycle bins. Never images."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

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
    """Say in one line what of a dataset's folder is left out as litter, where there is any."""
    found = _count(root)
    if found:
        listed = ", ".join(f"{name!a} ({count})" for name, count in sorted(found.items()))
        logging.getLogger("ccbench").warning(
            "%s: left out what a storage box or a desktop put there: %s", dataset, listed
        )


def _count(root: Path) -> Counter[str]:
    """Litter below a folder by name, those of one prefix together; what lies in a folder of litter is not counted."""
    found: Counter[str] = Counter()
    for _, below, names in os.walk(root):
        for name in filter(is_litter, (*below, *names)):
            prefix = next((p for p in _PREFIXES if name.lower().startswith(p)), None)
            found[f"{prefix}*" if prefix else name] += 1
        below[:] = [name for name in below if not is_litter(name)]
    return found
