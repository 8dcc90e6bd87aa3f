"""Train on a compressed set, test once: what every cell of a leaderboard is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from ccbench import seeds
from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.training.curve import Curve, thinned
from ccbench.training.images import DeviceData, Inputs
from ccbench.training.loop import fit
from ccbench.training.networks import build_network
from ccbench.training.parallel import own_device
from ccbench.training.precision import autocast
from ccbench.training.protocols import Protocol
from ccbench.training.resample import resize
from ccbench.training.teacher import Teacher

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
        peak_memory: bytes; of the GPU during this training, or of the process on a CPU.
        labels: what it learned from: ``"hard"``, ``"soft"`` (those of the file) or ``"teacher"``.
        learned_lr: the learning rate that came with the images, where it was used.
        curve: loss, learning rate, and the looks at the test set.
    """

    accuracy: float
    best_accuracy: float | None
    train_seconds: float
    images_per_second: float
    iterations: int
    final_loss: float
    peak_memory: int
    labels: str
    learned_lr: float | None
    curve: Curve


def evaluate(
    compressed: CompressedDataset,
    test: ImageDataset,
    *,
    protocol: Protocol,
    architecture: str | None = None,
    full: DataShape,
    kept_images: int | None = None,
    teacher: Teacher | None = None,
    seed: int,
    device: str = "cpu",
    micro_batch: int | None = None,
    compile: bool = False,  # noqa: A002 - torch's word
    progress: Callable[[int, int, str], None] | None = None,
    plugins: Plugins,
) -> Outcome:
    """Train a fresh network on a compressed set under a protocol and test it on the untouched test split.

    Args:
        compressed: all that the network sees in training. Images of another size than the test split's are
            resampled to it on the device; where the recipe crops at random, in one go with the crop.
        test: never compressed.
        protocol: whose ``train`` recipe is followed.
        architecture: the network; None is the protocol's.
        full: the whole training set, from which the number of updates follows, and which rules apply.
        kept_images: as many as a selection of the cell's budget keeps, whatever a method made of it; the number of
            updates follows from it where epochs are of the budget. None: those of ``compressed``.
        teacher: labels each batch where the recipe's labels are ``"teacher"``.
        seed: of the weights, the order and the augmentation.
        device: ``"cpu"`` or ``"cuda:0"``.
        micro_batch: images per forward pass, where the batch does not fit.
        compile: put the network through ``torch.compile``.
        progress: told (iterations done, iterations, "train").

    Raises:
        UserError: the two splits or the teacher do not belong together, or the network cannot take such images.
        ValueError: the recipe's labels are ``"teacher"`` and there is none.
        FloatingPointError: the training diverged.
    """
    if tuple(compressed.classes) != tuple(test.classes):
        raise UserError(
            "the compressed set and the test split are not of the same dataset",
            found=f"{len(compressed.classes)} classes ({', '.join(compressed.classes[:3])}, ...) against "
            f"{len(test.classes)} ({', '.join(test.classes[:3])}, ...)",
        )
    kept = len(compressed) if kept_images is None else kept_images
    recipe = protocol.train.resolve(architecture, full, kept)
    learned = compressed.learning_rate if recipe.learned_lr else None
    if learned is not None:
        recipe = replace(recipe, lr=learned)
    size = (test.images.shape[1], test.images.shape[2])
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
    stored = DeviceData.from_compressed(compressed, place)
    if stored.space:
        stored.space.check(size)
    plain = stored.resized(size)
    normalise = plain.inputs(recipe.normalise)
    iterations = recipe.updates(kept, full.images)
    looks: list[tuple[int, float]] = []
    held: list[DeviceData] = []

    def test_now() -> float:
        if not held:
            held.append(DeviceData.from_dataset(test, place))
        return accuracy(network, held[0], normalise, precision=recipe.precision, center_crop=recipe.center_crop)

    def look(done: int) -> None:
        if done < iterations:  # the last look is the test itself
            looks.append((done, test_now()))

    report = fit(
        network,
        stored if recipe.crop_scale else plain,
        recipe,
        iterations=iterations,
        seed=seeds.derive(seed, name="training"),
        device=place,
        epoch_images=kept,
        size=size,
        normalise=normalise,
        teacher=teacher,
        micro_batch=micro_batch,
        compile=compile,
        progress=progress,
        look=look,
    )
    final = test_now()
    curve = report.curve
    looking = bool(recipe.evaluate_every or recipe.evaluate_every_epochs)
    if looking:
        looks.append((iterations, final))
        looked, accuracies = zip(*thinned(looks), strict=True)
        curve = replace(curve, looked=looked, accuracy=accuracies)
    return Outcome(
        accuracy=final,
        best_accuracy=max(share for _, share in looks) if looking else None,
        train_seconds=report.seconds,
        images_per_second=report.images_per_second,
        iterations=report.iterations,
        final_loss=report.final_loss,
        peak_memory=_peak(place),
        labels="hard" if recipe.labels == "soft" and compressed.soft_labels is None else recipe.labels,
        learned_lr=learned,
        curve=curve,
    )


@torch.no_grad()
def accuracy(
    network: torch.nn.Module,
    data: DeviceData,
    normalise: Inputs,
    *,
    precision: str = "float32",
    center_crop: bool = False,
) -> float:
    """The share of images, in [0, 1], whose largest logit is their label's; one plain pass in eval mode.

    Args:
        network: left in eval mode.
        data: images and labels.
        normalise: of the data the network was trained on.
        precision: of the forward pass.
        center_crop: look at the middle of images enlarged from size to size // 7 * 8.
    """
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=data.device)
    for ids, images in data.batches(TEST_BATCH):
        if center_crop:
            images = middle(images)
        with autocast(data.device, precision):
            logits = network(normalise(images))
        right += (logits.argmax(1) == data.labels[ids]).sum()
    return int(right) / len(data)


def middle(images: torch.Tensor) -> torch.Tensor:
    """The middle of images whose shorter side s was enlarged to s // 7 * 8, at the old size.

    Args:
        images: (b, 3, H, W) uint8.

    Returns:
        (b, 3, H, W): float32 in 0 .. 255, or the images themselves below 8 pixels more (sizes up to 62).
    """
    height, width = images.shape[2:]
    short = min(height, width)
    long = short // 7 * 8
    if long <= short:
        return images
    tall, wide = height * long // short, width * long // short
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    return resize(images, (tall, wide))[:, :, top : top + height, left : left + width]


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # not a POSIX system
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
