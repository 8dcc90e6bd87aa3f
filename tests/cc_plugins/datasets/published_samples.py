"""Small folders in the layouts of the published sets, and plugins that take them for the whole."""

import hashlib
import types
from pathlib import Path

import numpy as np
from PIL import Image

from cc_plugins import datasets
from ccbench.budget import DataShape
from ccbench.data import DataSource, open_dataset
from ccbench.offers.discovery import Plugins
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import DatasetSpec, Param

PLUGINS = Plugins(extra=(datasets,), discover=False)


def colour(name):
    """The colour of a test image follows from its name."""
    return tuple(int(c) for c in hashlib.sha256(Path(name).name.encode()).digest()[:3])


def put(root, name, size=(40, 30), **options):
    """A JPEG file of one colour; the format does not follow the name."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour(name)).save(path, **{"format": "JPEG", "quality": 95, **options})
    return path


def whole(target, counts, size, classes, name="small"):
    """Plugins that offer a set under a small one's numbers, as the real spec does under the published ones."""
    partial = Param(name="partial", default=False, doc="")
    spec = DatasetSpec(
        name=name,
        target=target,
        version="1",
        summary="",
        shape=DataShape(counts[0], size, size, classes),
        resizable=True,
        params=(partial,),
    )
    module = types.ModuleType("small_plugin")
    vars(module)["ccbench_datasets"] = hookimpl(lambda: [spec])
    return Plugins(extra=(module,), discover=False)


def opener(cache, plugins=PLUGINS):
    """``open_(name, root, ...)`` gives the splits."""

    def open_(name, root, **more):
        return open_dataset(name, plugins=plugins, source=DataSource(root=root, **more), cache=cache)

    return open_


def of_their_colours(split, tolerance=4):
    """Whether every image has the colour that its file's name says."""
    wanted = np.array([colour(name) for name in split.files])[:, None, None]
    return len(split.files) and np.abs(np.asarray(split.images).astype(int) - wanted).max() <= tolerance
