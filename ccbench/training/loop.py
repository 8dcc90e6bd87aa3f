"""The one training loop: proxies, teachers and evaluation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ccbench.errors import UserError
from ccbench.training.augment import augment
from ccbench.training.batchnorm import counted
from ccbench.training.curve import LOOK, Curve, ends
from ccbench.training.images import DeviceData, Inputs
from ccbench.training.learning_rate import learning_rate, look_now
from ccbench.training.losses import Objective
from ccbench.training.mixing import Mixed, mix
from ccbench.training.optimizers import build_optimizer
from ccbench.training.order import batches
from ccbench.training.parallel import Parallel, launched, own_device
from ccbench.training.precision import autocast, seeded
from ccbench.training.recipe import Recipe
from ccbench.training.siamese import draw, names_of
from ccbench.training.teacher import Teacher


class Observer(Protocol):
    """Whoever wants to see the training outputs."""

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take one batch: ids (b,) int64, logits (b, classes) float32, labels (b,) int64, on the device."""


@dataclass
class FitReport:
    """What a training was.

    Attributes:
        iterations: updates made.
        seconds: wall-clock seconds, from the first batch to the last update.
        images_per_second: images of all batches / seconds.
        final_loss: mean training loss of the last at most 50 iterations.
        curve: loss and learning rate on the way.
    """

    iterations: int
    seconds: float
    images_per_second: float
    final_loss: float
    curve: Curve


def fit(
    network: torch.nn.Module,
    data: DeviceData,
    recipe: Recipe,
    *,
    iterations: int,
    seed: int,
    device: str | torch.device | None = None,
    epoch_images: int | None = None,
    size: tuple[int, int] | None = None,
    normalise: Inputs | None = None,
    teacher: Teacher | None = None,
    observers: Iterable[Observer] = (),
    micro_batch: int | None = None,
    compile: bool = False,  # noqa: A002 - torch's word
    progress: Callable[[int, int, str], None] | None = None,
    look: Callable[[int], None] | None = None,
) -> FitReport:
    """Train a network in place.

    Args:
        network: takes (b, 3, H, W) float32, normalised; gives logits (b, classes). Left on the device, in train mode.
        data: what to train on.
        recipe: batch, optimiser, schedule, augmentation and labels, without rules (see ``Recipe.resolve``).
        iterations: updates to make, usually ``recipe.steps(images)``.
        seed: of the order, the augmentation, mixing and dropout. The same seed gives the same weights on the same
            machine.
        device: where to train; default: where the data is.
        epoch_images: images that the budget keeps, for ``epochs_of`` ``"budget"``; None: those of ``data``.
        size: (h, w) in pixels of random resized crops; None: that of ``data``.
        normalise: of the images; None: what the recipe names, of ``data``.
        teacher: for labels ``"teacher"``; moved to the device.
        observers: shown the training outputs of every batch, and the labels of its images before any mixing.
        micro_batch: images per forward pass; gradients accumulate to the recipe's batch, so the update is the
            same but for batch normalisation, whose statistics are those of the micro-batch.
        compile: put the network through ``torch.compile``.
        progress: told (iterations done, iterations, "train") after each.
        look: called with the number of iterations done whenever the recipe looks at the test set.

    Raises:
        FloatingPointError: the loss became infinite or not a number.
        UserError: the teacher knows another number of classes, or a batch has fewer images than there are processes.
        ValueError: labels ``"teacher"`` without one, or a recipe with rules.
    """
    if recipe.when:
        raise ValueError("the recipe still has rules: resolve it first")
    place = own_device(device or data.device)
    together = Parallel(place) if launched() else None
    network.to(place).to(memory_format=torch.channels_last).train()
    step = _Step(
        network,
        data,
        recipe,
        device=place,
        seed=seed,
        objective=Objective(recipe, data, teacher.to(place) if teacher else None),
        normalise=normalise or data.inputs(recipe.normalise),
        size=size or data.size,
        micro_batch=micro_batch or recipe.batch,
        compiled=compile,
        together=together,
    )
    epoch = (epoch_images or len(data)) if recipe.epochs_of == "budget" else None
    order = batches(len(data), recipe.batch, iterations, torch.Generator().manual_seed(seed), epoch)
    losses = _Losses(iterations)
    images = 0
    started = time.perf_counter()
    # cudnn's fastest algorithms change from run to run, and results with them
    deterministic = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
    with seeded(seed, place), deterministic, counted(network, recipe.batchnorm_updates):
        for iteration, pieces in enumerate(order):
            step.rate(learning_rate(recipe, iteration, iterations))
            losses.waiting.append(step(pieces, observers))
            images += sum(len(ids) for _, ids in pieces)
            done = iteration + 1
            if done % LOOK == 0 or done == iterations:
                losses.read(done)
            if progress:
                progress(done, iterations, "train")
            if look and look_now(recipe, done, iterations):
                look(done)
                network.train()
    seconds = time.perf_counter() - started
    rates = tuple(learning_rate(recipe, end - 1, iterations) for end in losses.ends)
    curve = Curve(iterations=tuple(losses.ends), loss=tuple(losses.points), lr=rates)
    return FitReport(iterations, seconds, images / seconds, losses.last, curve)


class _Step:
    """One update."""

    def __init__(
        self,
        network: torch.nn.Module,
        data: DeviceData,
        recipe: Recipe,
        *,
        device: torch.device,
        seed: int,
        objective: Objective,
        normalise: Inputs,
        size: tuple[int, int],
        micro_batch: int,
        compiled: bool,
        together: Parallel | None,
    ) -> None:
        self.data, self.recipe, self.device, self.together = data, recipe, device, together
        self.objective, self.normalise, self.size, self.micro = objective, normalise, size, micro_batch
        self.optimizer = build_optimizer(network, recipe)
        model = together.wrap(network) if together else network
        self.network: Any = torch.compile(model) if compiled else model
        rank = together.rank if together else 0
        self.generator = torch.Generator(device).manual_seed(seed + rank)
        self.boxes = np.random.default_rng(seed)  # all processes cut the same boxes
        self.transforms, self.views = names_of(recipe.siamese), np.random.default_rng([seed, rank])

    def rate(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def __call__(self, pieces: list[tuple[int, torch.Tensor]], observers: Iterable[Observer]) -> torch.Tensor:
        """Train on one batch and give its loss, a scalar on the device."""
        ids = torch.cat([p for _, p in pieces]) if len(pieces) > 1 else pieces[0][1]
        ids = ids.to(self.device, non_blocking=True)
        weights = self.data.weights
        share = weights[ids].sum() if weights is not None else torch.full((), float(len(ids)), device=self.device)
        mine = self._mine(ids)
        images, mixed = self._view(mine)
        partners = mine if mixed is None else mine[mixed.partners]
        kept = 1.0 if mixed is None else mixed.kept
        self.optimizer.zero_grad(set_to_none=True)
        view = draw(self.transforms, (images.shape[2], images.shape[3]), self.views, len(mine))
        total = torch.zeros((), device=self.device)
        outputs = []
        parts = range(0, len(mine), self.micro)
        for start in parts:
            part = slice(start, start + self.micro)
            last = start == parts[-1]
            with nullcontext() if last or not self.together else self.together.no_sync(self.network):
                with autocast(self.device, self.recipe.precision):
                    inputs = self.normalise(images[part])
                    logits = self.network(view.part(part)(inputs) if view else inputs).float()
                loss = self.objective(logits, images[part], mine[part], partners[part], kept) / share
                # the processes' gradients are averaged; their losses are shares of one sum
                (loss * self.together.world if self.together else loss).backward()
            total += loss.detach()
            if observers:
                outputs.append(logits.detach())
        self.optimizer.step()
        if observers:
            self._show(pieces, torch.cat(outputs), ids, observers)
        return self.together.sum(total) if self.together else total

    def _mine(self, ids: torch.Tensor) -> torch.Tensor:
        """This process's part of a batch."""
        if self.together is None:
            return ids
        if len(ids) < self.together.world:
            raise UserError(
                f"a batch of {len(ids)} images cannot be shared by {self.together.world} processes",
                mend="accelerate launch with fewer --num-processes",
            )
        return self.together.share(ids)

    def _view(self, ids: torch.Tensor) -> tuple[torch.Tensor, Mixed | None]:
        """Those images, augmented and mixed, in 0 .. 255."""
        images = augment(self.data.decode(ids), self.recipe, self.generator, self.size)
        if self.recipe.mix == "none":
            return images, None
        return mix(images, self.recipe.mix, self.recipe.mix_alpha, self.boxes, self.generator)

    def _show(
        self,
        pieces: list[tuple[int, torch.Tensor]],
        logits: torch.Tensor,
        ids: torch.Tensor,
        observers: Iterable[Observer],
    ) -> None:
        if self.together:  # shares come back rank by rank
            logits = self.together.gather(logits)
            ids = torch.cat([ids[rank :: self.together.world] for rank in range(self.together.world)])
            epochs = torch.cat([torch.full((len(p),), e) for e, p in pieces])
            epochs = torch.cat([epochs[rank :: self.together.world] for rank in range(self.together.world)])
            chosen: list[tuple[int, Any]] = [(e, (epochs == e).nonzero().squeeze(1).to(ids.device)) for e, _ in pieces]
        else:
            ends = torch.tensor([len(p) for _, p in pieces]).cumsum(0).tolist()
            chosen = [(e, slice(end - len(p), end)) for (e, p), end in zip(pieces, ends, strict=True)]
        for epoch, part in chosen:
            for observer in observers:
                observer.update(epoch, ids[part], logits[part], self.data.labels[ids[part]])


class _Losses:
    """The loss of every update, read from the device once in a while.

    Attributes:
        waiting: scalars on the device that nobody has read yet.
        last: mean of those that were read last.
        ends: after how many updates the curve has a point; ``points`` the mean losses there.
    """

    def __init__(self, iterations: int) -> None:
        self.waiting: list[torch.Tensor] = []
        self.last = math.nan
        self.ends = ends(iterations)
        self.points: list[float] = []
        self._since: list[float] = []

    def read(self, done: int) -> None:
        losses: list[float] = torch.stack(self.waiting).tolist()
        self.waiting.clear()
        first = done - len(losses) + 1
        self.last = _mean(losses)
        if not math.isfinite(self.last):
            raise FloatingPointError(f"the training loss became {self.last} between iterations {first} and {done}")
        for iteration, loss in enumerate(losses, first):
            self._since.append(loss)
            if iteration == self.ends[len(self.points)]:
                self.points.append(_mean(self._since))
                self._since.clear()


def _mean(losses: Sequence[float]) -> float:
    """Of float32 numbers, added up one after the other in float32 as a device would."""
    return float(np.cumsum(np.array(losses, np.float32))[-1]) / len(losses)
