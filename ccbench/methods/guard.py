"""What a method must leave alone while it runs: the test split, the global random state, the working folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEST_NAMES = {
    "test", "testing", "val", "valid", "validation", "test_batch", "test-images.npy", "test-labels.npy",
}  # fmt: skip
_watched: list[tuple[tuple[str, ...], list[str]]] = []
_hooked = False


def _audit(event: str, args: tuple) -> None:
    if not _watched or event not in {"open", "os.listdir", "os.scandir"} or not isinstance(args[0], (str, os.PathLike)):
        return
    path = os.path.abspath(os.fspath(args[0]))  # noqa: PTH100 - pathlib is slower, and this sees every open()
    for roots, seen in _watched:
        if any(path.startswith(root) and TEST_NAMES & set(Path(path[len(root) :]).parts) for root in roots):
            seen.append(path)


@contextmanager
def watch_test_split(*roots: str | os.PathLike[str] | None) -> Iterator[list[str]]:
    """Collect every path under the roots that is opened and belongs to a test split.

    Args:
        roots: data folders; None is ignored. A file counts when a part of its path
            below the root is one of TEST_NAMES.

    Yields:
        The list of such paths, filled while the block runs.
    """
    global _hooked
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    seen: list[str] = []
    folders = tuple(os.path.join(Path(r).absolute(), "") for r in roots if r)  # noqa: PTH118 - "/data" is not "/data2"
    entry = (folders, seen)
    _watched.append(entry)
    try:
        yield seen
    finally:
        _watched.remove(entry)


@contextmanager
def undisturbed() -> Iterator[list[str]]:
    """Put the global random states and the working folder back, and list what had changed."""
    import random

    import numpy as np
    import rich.style  # noqa: F401 - it draws a number when it is imported, as parts of scikit-learn do: no method's fault
    import torch

    folder = os.getcwd()  # noqa: PTH109
    python, numpy, pytorch = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    changed: list[str] = []
    try:
        yield changed
    finally:
        if _folder() != folder:
            changed.append("the working folder")
            os.chdir(folder)
        if random.getstate() != python:
            changed.append("Python's global random state")
            random.setstate(python)
        if str(np.random.get_state(legacy=False)) != str(numpy):
            changed.append("NumPy's global random state")
            np.random.set_state(numpy)
        if not torch.equal(torch.get_rng_state(), pytorch):
            changed.append("PyTorch's global random state")
            torch.set_rng_state(pytorch)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except FileNotFoundError:  # it was deleted
        return None
