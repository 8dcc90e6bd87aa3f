"""How far a student that is trained on the pictures ends from where an expert went, and the gradients of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from cc_plugins.distill._views import seen
from ccbench.training.siamese import View


@dataclass
class Way:
    """One student's way.

    Attributes:
        network: of the student and the expert.
        start: (P,) weights of the expert where the student begins.
        target: (P,) weights of the expert some epochs later.
        batches: of each update, which pictures it is made on, (b,) int64.
        views: of each update, what they are seen through.
    """

    network: nn.Module
    start: torch.Tensor
    target: torch.Tensor
    batches: Sequence[torch.Tensor]
    views: Sequence[View | None]

    def __len__(self) -> int:
        return len(self.batches)

    def error(self, number: int, weights: torch.Tensor, pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The student's cross entropy in an update.

        Args:
            number: of the update, from 0.
            weights: (P,).
            pictures: (n, 3, H, W).
            labels: (n,) int64, or (n, C) logits of soft labels.
        """
        rows = self.batches[number]
        wanted = labels[rows] if labels.ndim == 1 else labels[rows].softmax(1)
        images = seen(self.views[number], pictures[rows])
        return F.cross_entropy(functional_call(self.network, shaped(weights, self.network), (images,)), wanted)

    def distance(self, weights: torch.Tensor) -> torch.Tensor:
        """Squared, of weights (P,) to the target, where the start's is 1 (eq. 2 of MTT)."""
        return (weights - self.target).square().sum() / self.whole

    @property
    def whole(self) -> torch.Tensor:
        """The squared distance from the start to the target."""
        return (self.start - self.target).square().sum()


@dataclass
class Found:
    """A distance and its gradients.

    Attributes:
        distance: (), see :meth:`Way.distance`.
        pictures: (n, 3, H, W).
        lr: ().
        labels: (n, C), or None for labels that are none.
    """

    distance: torch.Tensor
    pictures: torch.Tensor
    lr: torch.Tensor
    labels: torch.Tensor | None


def unrolled(way: Way, pictures: torch.Tensor, labels: torch.Tensor, lr: torch.Tensor) -> Found:
    """MTT: through all updates at once, which all are in memory.

    Args:
        way: of the student.
        pictures: (n, 3, H, W).
        labels: (n,) int64, or (n, C) logits that are learned.
        lr: () of the student.
    """
    leaves = _leaves(pictures, labels, lr)
    weights = way.start.detach().requires_grad_()
    for number in range(len(way)):
        error = way.error(number, weights, leaves[0], leaves[2] if len(leaves) > 2 else labels)
        (gradient,) = torch.autograd.grad(error, weights, create_graph=True)
        weights = weights - leaves[1] * gradient
    distance = way.distance(weights)
    return _found(distance, torch.autograd.grad(distance, leaves))


def update_by_update(
    way: Way, pictures: torch.Tensor, labels: torch.Tensor, lr: torch.Tensor, *, second_order: bool
) -> Found:
    """TESLA: one update in memory at a time.

    The student is trained without a graph; then each update is made once more, and adds what its own gradient does to
    the distance.

    Args:
        way, pictures, labels, lr: as of :func:`unrolled`.
        second_order: also follow what an update changes in the gradients of later ones, which makes it the gradient of
            :func:`unrolled`; the student's weights at every update are then kept.
    """
    leaves = _leaves(pictures, labels, lr)
    soft = leaves[2] if len(leaves) > 2 else labels
    path = [way.start.detach()]
    weights = path[0]
    for number in range(len(way)):
        weights = weights - lr * _plain(way, number, weights, pictures, labels)
        if second_order:
            path.append(weights)
    distance = way.distance(weights)
    pull = 2 * (weights - way.target) / way.whole  # of the distance by the student's last weights
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    weights = path[0]
    for number in reversed(range(len(way))) if second_order else range(len(way)):
        here = (path[number] if second_order else weights).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(way.error(number, here, leaves[0], soft), here, create_graph=True)
        share = -(leaves[1] * gradient) @ pull
        found = torch.autograd.grad(share, [*leaves, *([here] if second_order else [])])
        for total, part in zip(sums, found, strict=False):
            total += part
        if second_order:
            pull = pull + found[-1]
        else:
            weights = weights - lr * gradient.detach()
    return _found(distance, sums)


def shaped(weights: torch.Tensor, network: nn.Module) -> dict[str, torch.Tensor]:
    """(P,) as the parameters of a network, by name."""
    named = dict(network.named_parameters())
    parts = weights.split([value.numel() for value in named.values()])
    return {name: part.view(value.shape) for part, (name, value) in zip(parts, named.items(), strict=True)}


def _plain(way: Way, number: int, weights: torch.Tensor, pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    leaf = weights.detach().requires_grad_()
    return torch.autograd.grad(way.error(number, leaf, pictures, labels), leaf)[0]


def _leaves(pictures: torch.Tensor, labels: torch.Tensor, lr: torch.Tensor) -> list[torch.Tensor]:
    learned = [pictures, lr, *([labels] if labels.ndim == 2 else [])]
    return [value.detach().requires_grad_() for value in learned]


def _found(distance: torch.Tensor, gradients: Sequence[torch.Tensor]) -> Found:
    pictures, lr, *labels = (value.detach() for value in gradients)
    return Found(distance.detach(), pictures, lr, labels[0] if labels else None)
