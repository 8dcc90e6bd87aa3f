"""What the tests of stages share: a task whose answer is known: which quarter of the image is bright."""

from dataclasses import dataclass, field

import numpy as np

from ccbench import hookimpl
from ccbench.data import ImageDataset
from ccbench.methods.task import Workbench, run_stage
from ccbench.offers.discovery import Plugins
from ccbench.store import Store
from ccbench.training import Recipe

RECIPE = Recipe(architecture="quicknet", batch=32, lr=0.1, nesterov=True, epochs=12.5, crop_padding=1)


def quarters(n=96, size=16, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    images = rng.integers(0, 60, (n, size, size, 3))
    half = size // 2
    for image, y in zip(images, labels, strict=True):
        image[(y // 2) * half : (y // 2 + 1) * half, (y % 2) * half : (y % 2 + 1) * half] += 150
    return ImageDataset.from_arrays(images.astype(np.uint8), labels, ["a", "b", "c", "d"], name="quarters")


@dataclass
class Offers:
    """A plugin made of scores."""

    scores: list = field(default_factory=list)
    __name__ = "offers"

    @hookimpl
    def ccbench_scores(self):
        return self.scores


def plugins_with(*scores):
    modules = ("cc_plugins.architectures", "cc_plugins.coresets")
    return Plugins(discover=False, extra=(*modules, Offers(list(scores))) if scores else modules)


@dataclass
class Bench:
    """A workbench with short words."""

    store: Store
    plugins: Plugins
    root: ImageDataset
    recipe: Recipe = RECIPE

    def stage(self, name, dataset=None, seed=0, **params):
        bench = Workbench(self.root, self.store, self.plugins, self.recipe, seed)
        return run_stage(bench, dataset or self.root, name, params)
