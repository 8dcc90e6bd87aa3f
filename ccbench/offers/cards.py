"""The registry: TOML cards and published numbers, shipped as data beside the code."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ccbench.errors import UserError


def registry() -> Traversable:
    """The registry's folder: package data of an installed ccbench, or ``registry/`` beside the source tree."""
    try:
        folder = files("ccbench.registry")
        if (folder / "methods").is_dir():
            return folder
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        pass
    return Path(__file__).resolve().parents[2] / "registry"


def card(kind: str, name: str) -> dict[str, Any] | None:
    """The card of a method, dataset or protocol as a table, or None where there is none.

    Args:
        kind: ``"method"``, ``"dataset"`` or ``"protocol"``; other kinds have no cards.
        name: of the offer; the colon of a family is left out of the file's name.

    Raises:
        UserError: the card is not TOML.
    """
    file = registry() / f"{kind}s" / f"{name.rstrip(':')}.toml"
    if not file.is_file():
        return None
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"the card of {kind} {name} cannot be read", found=error, mend="install ccbench again"
        ) from error
