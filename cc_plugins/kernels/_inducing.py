"""Kernel inducing points: Nguyen, Chen and Lee, Dataset Meta-Learning from Kernel Ridge-Regression, ICLR 2021."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cc_plugins.distill._matching import Matching, State, Work
from cc_plugins.kernels._fully_connected import predict
from ccbench.plugin import CompressedDataset, Task

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam
MOST = 5000  # pictures that one linear system is solved for


class KernelInducingPoints(Matching):
    """Pictures follow the gradient of the error with which regression on them predicts training images (algorithm 1).

    Args:
        kernel: ``"fc"``.
        depth, function: of the kernel, see :func:`cc_plugins.kernels._fully_connected.kernel`.
        targets: training images that a step predicts, as many of each class.
        ridge: see :func:`cc_plugins.kernels._fully_connected.predict`.
        labels: ``"fixed"`` or ``"learned"``.
        shared: ``steps``, ``lr``, ``init`` and ``store``, see :class:`Matching`.
    """

    def __init__(
        self, *, kernel: str, depth: int, function: str, targets: int, ridge: float, labels: str, **shared: Any
    ) -> None:
        super().__init__(batch=targets, network=kernel, **shared)
        self.depth, self.function, self.ridge, self.labels = depth, function, ridge, labels

    def skip(self, task: Task) -> str | None:
        """As of any; or the pictures are too many for one linear system."""
        count = task.images // len(task.dataset.classes) * len(task.dataset.classes)
        if count > MOST:
            return f"{count} pictures are one linear system, of at most {MOST}; a smaller --ipc"
        return super().skip(task)

    def matched_on(self, work: Work) -> str:
        """No network: the kernel is among the parameters."""
        return ""

    def begin(self, work: Work) -> State:
        """Pictures and centred labels in float64, and what Adam remembers of both."""
        pictures = super().begin(work)["pictures"].double()
        state = {"pictures": pictures, "labels": centred(work.labels, work.classes)}
        for name in tuple(state):
            state |= {f"{name}.mean": torch.zeros_like(state[name]), f"{name}.square": torch.zeros_like(state[name])}
        return state

    def step(self, work: Work, state: State, number: int) -> None:
        """One update by the error on other targets."""
        moved = ["pictures"] + ["labels"] * (self.labels == "learned")
        given = {name: state[name].detach().requires_grad_(name in moved) for name in ("pictures", "labels")}
        error = self.error(given, *self.targets_of(work, number))
        for name, slope in zip(moved, torch.autograd.grad(error, [given[name] for name in moved]), strict=True):
            self.adam(state, name, slope, number + 1)

    def targets_of(self, work: Work, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What a step predicts: (m, 3, H, W) float64, normalised, and (m,) int64; made once where it is every image."""
        members, each = work.real.members, max(1, self.batch // work.classes)
        whole = each >= max(map(len, members))
        if whole and "targets" in work.held:
            return work.held["targets"]
        rng = work.rng(number)
        rows = [own if whole else rng.choice(own, min(each, len(own)), replace=False) for own in members]
        owners = torch.arange(work.classes).repeat_interleave(torch.tensor([len(own) for own in rows]))
        made = work.real.at(np.concatenate(rows)).double(), owners.to(work.task.device)
        if whole:
            work.held["targets"] = made
        return made

    def error(self, state: State, targets: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Half of the mean square with which regression on the pictures misses the targets.

        Args:
            state: ``pictures`` (n, 3, H, W) and ``labels`` (n, C), float64.
            targets: (m, 3, H, W) normalised.
            labels: (m,) int64 of the targets.
        """
        flat = state["pictures"].flatten(1), targets.double().flatten(1)
        found = predict(self.ridge, *flat, state["labels"], depth=self.depth, function=self.function)
        return (found - centred(labels, found.shape[1])).square().mean() / 2

    def adam(self, state: State, name: str, slope: torch.Tensor, count: int) -> None:
        """One update of a tensor of the state; ``count`` begins with 1."""
        mean = state[f"{name}.mean"] = BETAS[0] * state[f"{name}.mean"] + (1 - BETAS[0]) * slope
        square = state[f"{name}.square"] = BETAS[1] * state[f"{name}.square"] + (1 - BETAS[1]) * slope.square()
        spread = (square / (1 - BETAS[1] ** count)).sqrt()
        state[name] = state[name] - self.lr * mean / (1 - BETAS[0] ** count) / (spread + EPSILON)

    def stored(self, work: Work, state: State, **more: Any) -> CompressedDataset:
        """The pictures as float32 or less, learned labels as probabilities."""
        if self.labels == "learned":
            more["soft_labels"] = probabilities(state["labels"]).cpu().numpy()
        return super().stored(work, state | {"pictures": state["pictures"].float()}, **more)


def centred(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """(n,) int64 to (n, classes) float64: 1 at the class, 0 elsewhere, less the mean of both."""
    return torch.nn.functional.one_hot(labels, classes).double() - 1 / classes


def probabilities(labels: torch.Tensor) -> torch.Tensor:
    """Learned labels (n, C), centred, as rows that sum to 1: raised, cut below 0; all alike where none is left."""
    raised = (labels + 1 / labels.shape[1]).clamp(min=0)
    total = raised.sum(1, keepdim=True)
    return torch.where(total > 0, raised / total.clamp(min=1e-300), 1 / labels.shape[1])
