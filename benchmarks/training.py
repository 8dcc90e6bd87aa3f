"""Training images per second: our loop against a loop in the classic style, same network and recipe.

The classic loop: a torchvision-style dataset that hands out PIL images, RandomCrop,
RandomHorizontalFlip, ToTensor and Normalize per image, a DataLoader with one worker per core,
float32, NCHW. Both make the same number of updates of the same batch in each round, and take turns.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from ccbench.data import ImageDataset
from ccbench.machine import cores
from ccbench.offers.discovery import plugins
from ccbench.training import DeviceData, Recipe, build_network, fit, load_protocol
from ccbench.training.learning_rate import learning_rate

ROUNDS = 3
UPDATES = 40


class PilImages(Dataset):
    """What torchvision's CIFAR10 does: an array row becomes a PIL image, then the transforms run."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Any) -> None:
        self.images, self.labels, self.transform = images, labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def data(count: int = 10_000, *, train: bool = True) -> tuple[str, np.ndarray, np.ndarray]:
    """The first images of a split of CIFAR-10 and their labels where it is there, otherwise noise of the same shape."""
    root = os.environ.get("CCBENCH_DATA", "")
    if root and (Path(root) / "cifar-10-batches-py").exists():
        split = datasets.CIFAR10(root, train=train)
        return "CIFAR-10", split.data[:count], np.array(split.targets[:count])
    rng = np.random.default_rng(0)
    return "noise", rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, count)


def network(recipe: Recipe) -> torch.nn.Module:
    """The same start for both."""
    return build_network(recipe.architecture, classes=10, image_size=32, seed=0, plugins=plugins())


def classic(
    images: np.ndarray, labels: np.ndarray, recipe: Recipe, device: str = "cpu", updates: int = UPDATES
) -> float:
    """Seconds of some updates, the first batch of the workers not counted."""
    steps = [transforms.RandomCrop(32, padding=recipe.crop_padding)]
    steps += [transforms.RandomHorizontalFlip()] if recipe.flip else []
    steps += [transforms.ToTensor(), transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))]
    dataset = PilImages(images, labels, transforms.Compose(steps))
    loader = DataLoader(dataset, recipe.batch, shuffle=True, drop_last=True, num_workers=cores())
    model = network(recipe).to(device).to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.SGD(
        model.parameters(),
        recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
    )
    started = 0.0
    for done, (x, y) in enumerate(_forever(loader)):
        if done == 1:
            started = time.perf_counter()
        optimizer.param_groups[0]["lr"] = learning_rate(recipe, min(done, updates - 1), updates)
        loss = F.cross_entropy(model(x.to(device)), y.to(device), label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        if done == updates:
            return time.perf_counter() - started
    raise AssertionError("a loader without images")


def ours(dataset: ImageDataset, recipe: Recipe) -> float:
    """Seconds of UPDATES updates."""
    held = DeviceData.from_dataset(dataset)
    _ = held.normalise
    return fit(network(recipe), held, recipe, iterations=UPDATES, seed=0).seconds


def rows() -> list[dict[str, Any]]:
    """One row: images per second of both, the median of rounds that take turns."""
    name, images, labels = data()
    recipe = load_protocol("quick", plugins()).train
    dataset = ImageDataset.from_arrays(images, labels, [str(i) for i in range(10)], name=name)
    ours(dataset, recipe)  # libraries warm up
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(UPDATES * recipe.batch / ours(dataset, recipe))
        theirs.append(UPDATES * recipe.batch / classic(images, labels, recipe))
    fast, slow = statistics.median(mine), statistics.median(theirs)
    return [
        {
            "name": f"training, {recipe.architecture}",
            "ours": round(fast),
            "peer": round(slow),
            "ratio": fast / slow,
            "unit": "images/s",
            "note": f"peer: PIL transforms, DataLoader, float32, NCHW; {name}, batch {recipe.batch}",
        }
    ]


def _forever(loader: DataLoader) -> Iterator[Any]:
    while True:
        yield from loader


if __name__ == "__main__":
    for row in rows():
        print(row)
