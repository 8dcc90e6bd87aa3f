"""Matching gradients: Zhao, Mopuri and Bilen, Dataset Condensation with Gradient Matching, ICLR 2021.

With one view for pictures and images it is DSA: Zhao and Bilen, ICML 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap

from cc_plugins.distill._matching import Matching, State, Work
from cc_plugins.distill._networks import at_once, parts
from cc_plugins.distill._views import checked, each_seen, seen
from ccbench.training.siamese import View, draw, names_of

LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10)}  # outer, inner by IPC
TINY = 1e-6
TRAINED = 256  # pictures in a batch of the networks' own training

Weights = dict[str, torch.Tensor]


class GradientMatching(Matching):
    """The pictures of a class move until the weights' gradient on them points where it does on images of the class.

    Args:
        outer: updates of the pictures on a network; None: of the nearest lower IPC in :data:`LOOPS`.
        inner: epochs of training it on the pictures between two of them; None: as ``outer``.
        lr_net: of that training.
        matched: all others, see :class:`Matching`.
    """

    augment = "none"

    def __init__(self, *, outer: int | None, inner: int | None, lr_net: float, **matched: Any) -> None:
        super().__init__(**matched)
        self.outer, self.inner, self.lr_net = outer, inner, lr_net

    def loops(self, ipc: int) -> tuple[int, int]:
        """Updates on each network, and epochs between them."""
        outer, inner = LOOPS[max(most for most in LOOPS if most <= ipc)]
        return self.outer or outer, inner if self.inner is None else self.inner

    def total(self, work: Work) -> int:
        """Updates on all networks."""
        return self.steps * self.loops(work.ipc)[0]

    def step(self, work: Work, state: State, number: int) -> None:
        """One update of the pictures, on a new network or on one that was trained since (algorithm 1 of DC)."""
        outer, inner = self.loops(work.ipc)
        network = work.held.setdefault("network", work.network(0))
        if number % outer == 0:
            fresh = work.network(number // outer).named_parameters()
            state |= {f"net.{name}": value.detach() for name, value in fresh}
        weights = {name[4:]: value for name, value in state.items() if name.startswith("net.")}
        rng = work.rng(number)
        views, targets = [], []
        for label in range(work.classes):
            images = work.real.batch(label, self.batch, rng)
            views.append(self._view(work, rng, 1))
            targets.append(mean_gradient(network, weights, seen(views[-1], images), label))
        self.move(state, gradient(network, weights, state["pictures"], targets, views))
        if (number + 1) % outer:
            for _ in range(inner):
                self._epoch(work, network, weights, state["pictures"], rng)
            state |= {f"net.{name}": value for name, value in weights.items()}

    def _epoch(self, work: Work, network: torch.nn.Module, weights: Weights, pictures: torch.Tensor, rng: Any) -> None:
        """Train the weights on all pictures once, each seen through numbers of its own."""
        for rows in torch.from_numpy(rng.permutation(len(pictures))).to(pictures.device).split(TRAINED):
            images = seen(self._view(work, rng, len(rows)), pictures[rows])
            moved = weights_gradient(network, weights, images, work.labels[rows])
            for name, value in moved.items():
                weights[name] = weights[name] - self.lr_net * value

    def _view(self, work: Work, rng: Any, images: int) -> View | None:
        shape = work.task.dataset.shape
        return draw(names_of(self.augment), (shape.height, shape.width), rng, images)


class SiameseGradientMatching(GradientMatching):
    """The same with one view for the pictures and the images of a class (DSA).

    Args:
        augment: siamese augmentation, see :mod:`ccbench.training.siamese`.
        matched: all others, see :class:`GradientMatching`.
    """

    def __init__(self, *, augment: str, **matched: Any) -> None:
        super().__init__(**matched)
        self.augment = checked(augment)


def weights_gradient(
    network: torch.nn.Module, weights: Mapping[str, torch.Tensor], images: torch.Tensor, labels: torch.Tensor
) -> Weights:
    """Of the mean cross entropy, by the names of the weights."""
    leaves = {name: value.detach().requires_grad_() for name, value in weights.items()}
    error = F.cross_entropy(functional_call(network, leaves, (images,)), labels)
    return dict(zip(leaves, torch.autograd.grad(error, list(leaves.values())), strict=True))


def mean_gradient(
    network: torch.nn.Module, weights: Mapping[str, torch.Tensor], images: torch.Tensor, label: int
) -> Weights:
    """As :func:`weights_gradient`, of images of one class, in pieces that pass the network fastest."""
    total: Weights = {}
    for part in parts(images):
        labels = torch.full((len(part),), label, device=part.device)
        for name, value in weights_gradient(network, weights, part, labels).items():
            share = value * (len(part) / len(images))
            total[name] = total[name] + share if name in total else share
    return total


def distance(made: Iterable[torch.Tensor], real: Iterable[torch.Tensor]) -> torch.Tensor:
    """The sum over layers and their outputs of one less the cosine of two gradients (eq. 10 of DC).

    Args:
        made, real: the gradients of one class, layer by layer, (outputs, ...) each; those of one dimension (biases,
            normalisation) do not count, as in the released code.
    """
    total: Any = 0.0
    for one, other in zip(made, real, strict=True):
        if one.ndim > 1:
            a, b = one.flatten(1), other.flatten(1)
            total = total + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + TINY)).sum()
    return total


def gradient(
    network: torch.nn.Module,
    weights: Mapping[str, torch.Tensor],
    pictures: torch.Tensor,
    targets: Sequence[Weights],
    views: Sequence[View | None],
) -> torch.Tensor:
    """Of the distances of all classes, added up, with respect to the pictures; several classes at once.

    Args:
        network, weights: of the network.
        pictures: (classes * IPC, 3, H, W), class after class.
        targets: the weights' gradient on real images of each class.
        views: of each class.
    """
    classes = len(targets)
    ipc = len(pictures) // classes
    together = max(1, at_once(pictures) // ipc)
    found: list[torch.Tensor] = []
    for first in range(0, classes, together):
        several = range(first, min(first + together, classes))
        labels = torch.tensor(several, device=pictures.device).repeat_interleave(ipc)
        some = pictures[first * ipc : several.stop * ipc].detach().requires_grad_()
        through = each_seen(views[first : several.stop], some)
        made = gradients_by_class(network, weights, through, labels, len(several))
        total = torch.zeros((), device=pictures.device, dtype=pictures.dtype)
        for i, target in enumerate(targets[first : several.stop]):
            total = total + distance([value[i] for value in made.values()], [target[name] for name in made])
        found += torch.autograd.grad(total, some)
    return torch.cat(found)


def gradients_by_class(
    network: torch.nn.Module,
    weights: Mapping[str, torch.Tensor],
    pictures: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
) -> Weights:
    """The gradient of the weights on the pictures of each class, (classes, ...) by name, differentiable."""

    def error(values: Weights, images: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(network, values, (images,)), of)

    images, of = pictures.unflatten(0, (classes, -1)), labels.unflatten(0, (classes, -1))
    return vmap(grad(error), in_dims=(None, 0, 0))(dict(weights), images, of)
