"""Figures of one GPU: ``python -m benchmarks gpu``.

Training images per second of the network, the batch and the augmentation of protocol ``dcq-cifar`` in both number
formats, and with ``torch.compile`` where ``CCBENCH_BENCH_COMPILE=1``, beside the loop in the classic style of
:mod:`benchmarks.training` on the same GPU. Then DCQ of all 50,000 training images of CIFAR-10, step by step, from
features and attention that are at hand (``python -m benchmarks.dcq 50000 2`` prints the same).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from benchmarks import training
from benchmarks.dcq import step_seconds
from ccbench.data import ImageDataset
from ccbench.offers.discovery import plugins
from ccbench.training import DeviceData, Recipe, fit, load_protocol

WARM, UPDATES = 30, 150


def speed(dataset: ImageDataset, recipe: Recipe, *, compiled: bool = False) -> float:
    """Training images per second on the GPU, after a warm-up."""
    held = DeviceData.from_dataset(dataset, "cuda")
    _ = held.normalise
    for updates in (WARM, UPDATES):
        report = fit(training.network(recipe), held, recipe, iterations=updates, seed=0, compile=compiled)
    return report.images_per_second


def rows() -> Iterator[dict[str, Any]]:
    """Rows as they are measured."""
    if not torch.cuda.is_available():
        yield {"name": "gpu", "note": "no GPU that torch can use"}
        return
    card = torch.cuda.get_device_name()
    name, images, labels = training.data(50_000)
    dataset = ImageDataset.from_arrays(images, labels, [str(i) for i in range(10)], name=name)
    recipe = load_protocol("dcq-cifar", plugins()).train
    peer = training.UPDATES * recipe.batch / training.classic(images, labels, recipe, "cuda")
    for compiled in (False, True)[: 1 + (os.environ.get("CCBENCH_BENCH_COMPILE") == "1")]:
        for precision in ("float32", "bfloat16"):
            ours = speed(dataset, replace(recipe, precision=precision), compiled=compiled)
            yield {
                "name": f"training, {recipe.architecture}, {precision}{', compiled' * compiled}",
                "ours": round(ours),
                "peer": round(peer),
                "ratio": ours / peer,
                "unit": "images/s",
                "note": f"peer: PIL transforms, DataLoader, float32, NCHW; {name}, batch {recipe.batch}; {card}",
            }
    for what, seconds in step_seconds(50_000, 2):
        yield {"name": f"DCQ of 50,000 images, {what}", "ours": seconds, "unit": "s", "note": f"2 bits; {card}"}
