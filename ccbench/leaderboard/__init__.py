"""From result records to tables and a figure. The names here import pandas when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccbench.leaderboard.papers import published
    from ccbench.leaderboard.rendering import read_csv, render
    from ccbench.leaderboard.tables import table
    from ccbench.leaderboard.writing import write

__all__ = ["published", "read_csv", "render", "table", "write"]
_HOMES = {
    "published": "papers",
    "read_csv": "rendering",
    "render": "rendering",
    "table": "tables",
    "write": "writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"ccbench.leaderboard.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ccbench.leaderboard' has no attribute {name!r}")
