"""What a method must leave alone while it runs: the test split and what others in its process depend on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

TEST_NAMES = {
    "test", "testing", "val", "valid", "validation", "test_batch", "test-images.npy", "test-labels.npy",
}  # fmt: skip
_watched: list[tuple[tuple[str, ...], list[str]]] = []
_hooked = False


def _audit(event: str, args: tuple) -> None:
    if not _watched or event not in {"open", "os.listdir", "os.scandir"}:
        return
    if not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    path = os.path.abspath(os.fsdecode(args[0]))  # noqa: PTH100 - pathlib is slower, and this sees every open()
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
    """Put random states, the working folder, torch's settings, the streams and replaced functions back.

    Yields:
        What had changed, each in a few words, once the block has ended.
    """
    import random

    import numpy as np
    import rich.style  # noqa: F401 - it draws a number when it is imported, as parts of scikit-learn do: no method's fault
    import torch

    folder = os.getcwd()  # noqa: PTH109
    settings = {name: get() for name, (get, _) in _SETTINGS.items()}
    functions = {owner: _functions(owner) for owner in _owners()}
    python, numpy, pytorch = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    changed: list[str] = []
    try:
        yield changed
    finally:
        if _folder() != folder:
            changed.append("the working folder")
            os.chdir(folder)
        for name, (get, put) in _SETTINGS.items():
            if get() != settings[name]:
                changed.append(name)
                put(settings[name])
        for owner, names in functions.items():
            for name, function in names.items():
                if vars(owner).get(name) is not function:
                    changed.append(f"{owner.__name__}.{name}")
                    setattr(owner, name, function)
        if random.getstate() != python:
            changed.append("Python's global random state")
            random.setstate(python)
        if str(np.random.get_state(legacy=False)) != str(numpy):
            changed.append("NumPy's global random state")
            np.random.set_state(numpy)
        if not torch.equal(torch.get_rng_state(), pytorch):
            changed.append("PyTorch's global random state")
            torch.set_rng_state(pytorch)


def _torch() -> Any:
    import torch

    return torch


# what others' training and printing depend on: how it is read, and how it is put back
_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "PyTorch's default dtype": (lambda: _torch().get_default_dtype(), lambda old: _torch().set_default_dtype(old)),
    "whether PyTorch computes gradients": (
        lambda: _torch().is_grad_enabled(),
        lambda old: _torch().set_grad_enabled(old),
    ),
    "PyTorch's number of threads": (lambda: _torch().get_num_threads(), lambda old: _torch().set_num_threads(old)),
    "sys.stdout": (lambda: sys.stdout, lambda old: setattr(sys, "stdout", old)),
    "sys.stderr": (lambda: sys.stderr, lambda old: setattr(sys, "stderr", old)),
}


def _owners() -> Iterator[ModuleType | type]:
    """Whose functions decide what others' numbers are: the modules and classes of the harness, and the losses."""
    for name, module in [*sys.modules.items()]:
        if name == "torch.nn.functional":
            yield module
        elif name.partition(".")[0] == "ccbench" and isinstance(module, ModuleType):
            yield module
            yield from (v for v in vars(module).values() if isinstance(v, type) and v.__module__ == name)


def _functions(owner: ModuleType | type) -> dict[str, Any]:
    kinds = (FunctionType, BuiltinFunctionType, property, classmethod, staticmethod, type)
    return {name: value for name, value in vars(owner).items() if isinstance(value, kinds)}


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except FileNotFoundError:  # it was deleted
        return None
