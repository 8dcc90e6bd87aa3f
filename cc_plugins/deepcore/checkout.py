"""The checkout: where it is, what it holds, and whether a class is in it. Imports nothing of it."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccbench.plugin import UserError

VARIABLE = "CCBENCH_DEEPCORE"
MEND = f"git clone https://github.com/PatrickZH/DeepCore DIR && export {VARIABLE}=DIR"
ABSTRACT = {"CoresetMethod", "EarlyTrain"}
PRETRAINED = {"Cal"}  # ask for a network with ImageNet's weights, and a run downloads nothing


def home_of(params: Mapping[str, Any]) -> Path:
    """The folder of the checkout.

    Raises:
        UserError: none is named, or it holds no DeepCore.
    """
    home = params["home"] or os.environ.get(VARIABLE, "")
    if not home:
        raise UserError("no DeepCore checkout is named", mend=MEND)
    if not (Path(home) / "deepcore" / "methods" / "coresetmethod.py").is_file():
        raise UserError(f"{home} is no DeepCore checkout", found="no deepcore/methods/coresetmethod.py", mend=MEND)
    return Path(home).resolve()


def classes(home: Path) -> list[str]:
    """The selection classes of a checkout, read and not imported."""
    names = set()
    for file in sorted((home / "deepcore" / "methods").glob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue  # DeepCore's import will say so
        names |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    return sorted(names - ABSTRACT)


def check_class(home: Path, name: str) -> None:
    """Refuse a name that is no selection class of the checkout.

    Raises:
        UserError: with the classes that there are.
    """
    known = classes(home)
    if name not in known:
        raise UserError(f"DeepCore has no class {name!r}", found=f"in {home}", mend=f"one of {', '.join(known)}")
    if name in PRETRAINED:
        raise UserError(
            f"DeepCore's {name} looks for neighbours by a network with ImageNet's weights, and a run downloads nothing",
            mend="ccbench list methods shows ours",
        )


def content(params: Mapping[str, Any]) -> str:
    """The sha256 of the checkout's Python files.

    Raises:
        UserError: there is no checkout.
    """
    home = home_of(params)
    digest = hashlib.sha256()
    for file in sorted((home / "deepcore").rglob("*.py")):
        digest.update(file.relative_to(home).as_posix().encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def ready(params: Mapping[str, Any], device: str | None = None) -> str | None:
    """Why the class cannot run here and what mends it, or None."""
    try:
        check_class(home_of(params), params["argument"])
    except UserError as error:
        return f"{error.what}; {error.mend}"
    return None
