"""A toy dataset plugin, for the tests beside it and for the processes they start."""

import types
from pathlib import Path

import numpy as np

from ccbench.data import ImageStream
from ccbench.offers.discovery import Plugins
from ccbench.offers.hookspecs import hookimpl
from ccbench.offers.specs import DatasetSpec, Param

CLASSES = ("cat", "dog", "eel")


def pixels(n, height=5, width=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def good():
    return {
        "train": ImageStream.from_arrays(pixels(7), [0, 1, 2, 0, 1, 2, 0], CLASSES, [f"f{i}.png" for i in range(7)]),
        "test": ImageStream.from_arrays(pixels(3, seed=1), [2, 0, 2], CLASSES),
    }


class Toy:
    make = staticmethod(good)
    mark = "1"
    built = 0
    source = None

    def __init__(self, size=3):
        self.size = size

    def fingerprint(self, source):
        return type(self).mark

    def splits(self, source):
        Toy.built += 1
        Toy.source = source
        return type(self).make()


def stream(n=4, labels=(0, 1, 2, 0), classes=CLASSES, height=5, width=4, batches=None, **more):
    return ImageStream(
        np.asarray(labels), classes, height, width, iter([pixels(n)] if batches is None else batches), **more
    )


def offer(shape=None, cls="Toy", imports=()):
    target = cls if ":" in cls else f"{__name__}:{cls}"
    params = (Param(name="size", default=3, doc=""),)
    more = {"target": target, "version": "1", "summary": "", "params": params}
    specs = [DatasetSpec(name="toy", shape=shape, imports=imports, **more), DatasetSpec(name="toys:", **more)]
    module = types.ModuleType("toy_plugin")
    vars(module)["ccbench_datasets"] = hookimpl(lambda: specs)
    return Plugins(extra=(module,), discover=False)


def entries(cache):
    return list((Path(cache) / "datasets").glob("*"))


def leftovers(cache):
    return [p for p in entries(cache) if not p.name.endswith(".lock")]


class NoFingerprint:
    def __init__(self, size): ...


class OddFingerprint(Toy):
    def fingerprint(self, source):
        return 3


class Raises(Toy):
    def splits(self, source):
        raise KeyError("oops")


class Forbidden(Toy):
    def splits(self, source):
        raise PermissionError(13, "Permission denied", "/data/x")
