"""Matching distributions: Zhao and Bilen, Dataset Condensation with Distribution Matching, WACV 2023."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from cc_plugins.distill._matching import Matching, State, Work
from cc_plugins.distill._networks import Features, at_once, parts
from cc_plugins.distill._views import checked, each_seen, seen
from ccbench.training.siamese import View, draw, names_of

Embedding = Callable[[torch.Tensor], torch.Tensor]


class DistributionMatching(Matching):
    """In each step the pictures move towards the mean features of real images on a network with random weights.

    Args:
        augment: siamese augmentation, see :mod:`ccbench.training.siamese`.
        matched: all others, see :class:`Matching`.
    """

    def __init__(self, *, augment: str, **matched: Any) -> None:
        super().__init__(**matched)
        self.augment = checked(augment)

    def step(self, work: Work, state: State, number: int) -> None:
        """One update, on a network of its own (algorithm 1 of the paper)."""
        rng, network = work.rng(number), work.network(number).requires_grad_(False)
        features, size = self.features(network), work.task.dataset.shape
        views, targets = [], []
        for label in range(work.classes):
            images = work.real.batch(label, self.batch, rng)
            views.append(draw(names_of(self.augment), (size.height, size.width), rng))
            targets.append(mean_features(features, seen(views[-1], images)))
        self.move(state, gradient(features, state["pictures"], torch.stack(targets), views))

    def features(self, network: torch.nn.Module) -> Embedding:
        """What means are taken of."""
        return Features(network)


@torch.no_grad()
def mean_features(features: Embedding, images: torch.Tensor) -> torch.Tensor:
    """(d,): of (b, 3, H, W) images, b >= 1."""
    return torch.stack([features(part).sum(0) for part in parts(images)]).sum(0) / len(images)


def loss(made: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The sum over classes of squared distances of mean features.

    Args:
        made: (classes, IPC, d) features of the pictures.
        targets: (classes, d) mean features of real images.
    """
    return (made.mean(1) - targets).square().sum()


def gradient(
    features: Embedding, pictures: torch.Tensor, targets: torch.Tensor, views: Sequence[View | None]
) -> torch.Tensor:
    """Of :func:`loss` with respect to the pictures, as many classes at once as pass the network fastest.

    Args:
        features: of a network, (b, 3, H, W) to (b, d).
        pictures: (classes * IPC, 3, H, W), class after class.
        targets: (classes, d) mean features of real images.
        views: of each class.
    """
    ipc = len(pictures) // len(targets)
    together = max(1, at_once(pictures) // ipc)
    found: list[torch.Tensor] = []
    for first in range(0, len(targets), together):
        some = pictures[first * ipc : (first + together) * ipc].detach().requires_grad_()
        made = features(each_seen(views[first : first + together], some)).unflatten(0, (-1, ipc))
        found += torch.autograd.grad(loss(made, targets[first : first + together]), some)
    return torch.cat(found)
