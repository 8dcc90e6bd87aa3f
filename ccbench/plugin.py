"""Everything that the author of a plugin imports, with types.

    from ccbench.plugin import MethodSpec, Param, hookimpl

The specs, budgets and errors are there at once. Whatever brings numpy or torch along is imported when it is first asked
for, so ask inside the functions that use it, or under ``TYPE_CHECKING`` where a name only stands in a signature:
``ccbench list`` reads the top of every plugin. ``docs/plugins.md`` has an example of each hook.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ccbench.budget import Budget, DataShape
from ccbench.errors import Unfit, UserError
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.modules import specs_of_modules
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
    from ccbench.archive import (
        Channels,
        CompressedDataset,
        EncodedImages,
        FloatImages,
        LevelImages,
        PaletteImages,
        PatchImages,
        RawImages,
        Whitening,
    )
    from ccbench.archive.codecs import missing_codec
    from ccbench.archive.encoded import size_of_files
    from ccbench.archive.mosaic import grid_of, mosaics
    from ccbench.data import DataSource, ImageDataset, ImageStream, NoTest, held_back
    from ccbench.executors import Executor, Finished, WorkItem
    from ccbench.machine import cores
    from ccbench.methods.per_image import PerImage
    from ccbench.methods.task import Room, StageContext, Task
    from ccbench.stages.proxy import load_network
    from ccbench.stages.teacher import load_teacher
    from ccbench.store import Blobs, Entry
    from ccbench.training.images import DeviceData
    from ccbench.training.resample import random_boxes, resize, resized_crop
    from ccbench.training.teacher import Teacher

_LAZY = {
    "Blobs": "store",
    "Channels": "archive",
    "CompressedDataset": "archive",
    "DataSource": "data",
    "DeviceData": "training.images",
    "EncodedImages": "archive",
    "Entry": "store",
    "Executor": "executors",
    "FloatImages": "archive",
    "Finished": "executors",
    "ImageDataset": "data",
    "ImageStream": "data",
    "LevelImages": "archive",
    "NoTest": "data",
    "PaletteImages": "archive",
    "PatchImages": "archive",
    "PerImage": "methods.per_image",
    "RawImages": "archive",
    "Room": "methods.task",
    "StageContext": "methods.task",
    "Task": "methods.task",
    "Teacher": "training.teacher",
    "Whitening": "archive",
    "WorkItem": "executors",
    "cores": "machine",
    "grid_of": "archive.mosaic",
    "held_back": "data",
    "load_network": "stages.proxy",
    "load_teacher": "stages.teacher",
    "missing_codec": "archive.codecs",
    "mosaics": "archive.mosaic",
    "random_boxes": "training.resample",
    "resize": "training.resample",
    "resized_crop": "training.resample",
    "size_of_files": "archive.encoded",
}

__all__ = [
    "Alias",
    "ArchitectureSpec",
    "Blobs",
    "Budget",
    "Channels",
    "CommandSpec",
    "CompressedDataset",
    "DataShape",
    "DataSource",
    "DatasetSpec",
    "DeviceData",
    "EncodedImages",
    "Entry",
    "Executor",
    "ExecutorSpec",
    "Finished",
    "FloatImages",
    "GroupSpec",
    "ImageDataset",
    "ImageStream",
    "LevelImages",
    "MethodSpec",
    "Need",
    "NoTest",
    "PaletteImages",
    "Param",
    "PatchImages",
    "PerImage",
    "ProtocolSpec",
    "RawImages",
    "Room",
    "ScoreSpec",
    "StageContext",
    "StageSpec",
    "SuiteSpec",
    "Task",
    "Teacher",
    "Unfit",
    "UserError",
    "Whitening",
    "WorkItem",
    "cores",
    "grid_of",
    "held_back",
    "hookimpl",
    "load_network",
    "load_teacher",
    "missing_codec",
    "mosaics",
    "random_boxes",
    "resize",
    "resized_crop",
    "size_of_files",
    "specs_of_modules",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"ccbench.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'ccbench.plugin' has no attribute {name!r}")
