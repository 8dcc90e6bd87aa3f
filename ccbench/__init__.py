"""ccbench: compress image datasets at one matched budget, train on what is left, publish an honest leaderboard."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ccbench.budget import Budget, DataShape
from ccbench.errors import UserError
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import (
    Alias,
    ArchitectureSpec,
    CommandSpec,
    DatasetSpec,
    ExecutorSpec,
    GroupSpec,
    MethodSpec,
    Need,
    Param,
    ProtocolSpec,
    ScoreSpec,
    StageSpec,
    SuiteSpec,
)

if TYPE_CHECKING:
    from ccbench.api import run
    from ccbench.archive import (
        CompressedDataset,
        EncodedImages,
        LevelImages,
        PaletteImages,
        PatchImages,
        RawImages,
        load,
    )
    from ccbench.archive.export import export

# numpy, torch and pandas take seconds to import: these names wait until they are asked for
_LAZY = {
    "CompressedDataset": "ccbench.archive",
    "EncodedImages": "ccbench.archive",
    "LevelImages": "ccbench.archive",
    "PaletteImages": "ccbench.archive",
    "PatchImages": "ccbench.archive",
    "RawImages": "ccbench.archive",
    "export": "ccbench.archive",
    "load": "ccbench.archive",
    "run": "ccbench.api",
}

__all__ = [
    "Alias",
    "ArchitectureSpec",
    "Budget",
    "CommandSpec",
    "CompressedDataset",
    "DataShape",
    "DatasetSpec",
    "EncodedImages",
    "ExecutorSpec",
    "GroupSpec",
    "LevelImages",
    "MethodSpec",
    "Need",
    "PaletteImages",
    "Param",
    "PatchImages",
    "ProtocolSpec",
    "RawImages",
    "ScoreSpec",
    "StageSpec",
    "SuiteSpec",
    "UserError",
    "export",
    "hookimpl",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("ccbench")
        except PackageNotFoundError:  # a source tree that was never installed
            return "0+unknown"
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'ccbench' has no attribute {name!r}")
