"""Train on a compressed set, test once: what every cell of a leaderboard is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ccbench import seeds
from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.plugins import Plugins
from ccbench.training.images import DeviceData, Normalise
from ccbench.training.loop import fit
from ccbench.training.networks import build_network
from ccbench.training.parallel import own_device
from ccbench.training.precision import autocast
from ccbench.training.protocols import Protocol

if TYPE_CHECKING:
    from ccbench.archive import CompressedDataset
    from ccbench.data import ImageDataset

TEST_BATCH = 500


@dataclass
class Outcome:
    """What one training on a compressed set gave.

    Attributes:
        accuracy: share of the test images classified rightly after the last update, in [0, 1].
        best_accuracy: the best of all looks at the test set, where the recipe looks during training; never ranked.
        train_seconds: wall-clock seconds of training, without building the network and testing.
        images_per_second: training images per second.
        iterations: updates made.
        final_loss: mean training loss of the last at most 50 updates.
        precision: ``"float32"`` or ``"bfloat16"``.
        peak_memory: bytes; of the GPU during this training, or of the process on a CPU.
    """

    accuracy: float
    best_accuracy: float | None
    train_seconds: float
    images_per_second: float
    iterations: int
    final_loss: float
    precision: str
    peak_memory: int


def evaluate(
    compressed: CompressedDataset,
    test: ImageDataset,
    *,
    protocol: Protocol,
    architecture: str | None = None,
    full: DataShape,
    seed: int,
    device: str = "cpu",
    micro_batch: int | None = None,
    compile: bool = False,  # noqa: A002 - torch's word
    progress: Callable[[int, int, str], None] | None = None,
    plugins: Plugins,
) -> Outcome:
    """Train a fresh network on a compressed set under a protocol and test it on the untouched test split.

    Args:
        compressed: all that the network sees in training; its own mean and deviation normalise both splits.
        test: never compressed.
        protocol: whose ``train`` recipe is followed.
        architecture: the network; None is the protocol's.
        full: the whole training set, from which the number of updates follows.
        seed: of the weights, the order and the augmentation.
        device: ``"cpu"`` or ``"cuda:0"``.
        micro_batch: images per forward pass, where the batch does not fit.
        compile: put the network through ``torch.compile``.
        progress: told (iterations done, iterations, "train").

    Raises:
        UserError: the two splits do not belong together, or the network cannot take such images.
        FloatingPointError: the training diverged.
    """
    if compressed.shape != test.images.shape[1:3] or tuple(compressed.classes) != tuple(test.classes):
        raise UserError(
            "the compressed set and the test split are not of the same dataset",
            found=f"{compressed.shape} pixels and {len(compressed.classes)} classes against "
            f"{tuple(test.images.shape[1:3])} pixels and {len(test.classes)} classes",
        )
    recipe = protocol.train.using(architecture)
    place = own_device(device)
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
    network = build_network(
        recipe.architecture,
        classes=len(test.classes),
        image_size=max(full.height, full.width),
        seed=seeds.derive(seed, name="weights"),
        plugins=plugins,
    )
    data = DeviceData.from_compressed(compressed, place)
    looks: list[float] = []
    held: list[DeviceData] = []

    def look(_: int) -> None:
        if not held:
            held.append(DeviceData.from_dataset(test, place))
        looks.append(accuracy(network, held[0], data.normalise))

    report = fit(
        network,
        data,
        recipe,
        iterations=recipe.steps(full.images),
        seed=seeds.derive(seed, name="training"),
        device=place,
        micro_batch=micro_batch,
        compile=compile,
        progress=progress,
        look=look,
    )
    final = accuracy(network, DeviceData.from_dataset(test, place), data.normalise, precision=report.precision)
    return Outcome(
        accuracy=final,
        best_accuracy=max([*looks, final]) if recipe.evaluate_every else None,
        train_seconds=report.seconds,
        images_per_second=report.images_per_second,
        iterations=report.iterations,
        final_loss=report.final_loss,
        precision=report.precision,
        peak_memory=_peak(place),
    )


@torch.no_grad()
def accuracy(network: torch.nn.Module, data: DeviceData, normalise: Normalise, *, precision: str = "float32") -> float:
    """The share of images, in [0, 1], whose largest logit is their label's; one plain pass in eval mode.

    Args:
        network: left in eval mode.
        data: images and labels.
        normalise: of the data the network was trained on.
        precision: of the forward pass.
    """
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=data.device)
    for ids, images in data.batches(TEST_BATCH):
        with autocast(data.device, precision):
            logits = network(normalise(images))
        right += (logits.argmax(1) == data.labels[ids]).sum()
    return int(right) / len(data)


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not a POSIX system
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
