"""MTT (Cazenavette et al., CVPR 2022) and TESLA (Cui et al., ICML 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.func import functional_call

from cc_plugins.distill._matching import MOMENTUM, Matching, State, Work
from cc_plugins.distill._views import checked
from cc_plugins.trajectories.gradients import Found, Way, shaped, unrolled, update_by_update
from ccbench.plugin import CompressedDataset, Entry, Task
from ccbench.store import Store
from ccbench.training.siamese import draw, names_of


class MTT(Matching):
    """In each step a student begins where an expert was, and its training on the pictures is to end where that went.

    Args:
        lr_lr: of the student's learning rate.
        lr_net: the student's learning rate at first.
        inner: updates of the student.
        stride: epochs of the expert.
        start: a student begins at one of the expert's first so many epochs.
        batch: pictures in an update; None: all.
        experts: how many.
        expert_epochs, lr_expert, expert_batch, expert_augment: see :func:`cc_plugins.trajectories.experts.run`.
        augment: siamese augmentation of the pictures.
        matched: all others, see :class:`Matching`.
    """

    def __init__(
        self,
        *,
        lr_lr: float,
        lr_net: float,
        inner: int,
        stride: int,
        start: int,
        batch: int | None,
        experts: int,
        expert_epochs: int,
        lr_expert: float,
        expert_batch: int,
        expert_augment: str,
        augment: str,
        **matched: Any,
    ) -> None:
        super().__init__(batch=batch or 0, **matched)
        self.lr_lr, self.lr_net, self.inner, self.stride, self.start = lr_lr, lr_net, inner, stride, start
        self.experts, self.expert_epochs = experts, expert_epochs
        self.lr_expert, self.expert_batch, self.expert_augment = lr_expert, expert_batch, checked(expert_augment)
        self.augment = checked(augment)

    def skip(self, task: Task) -> str | None:
        """As for all methods; or experts end before a student that begins last has been followed."""
        last = self.start - 1 + self.stride
        if last > self.expert_epochs:
            return (
                f"a student that begins after {self.start - 1} epochs is followed for {self.stride} more, and experts "
                f"end after {self.expert_epochs}; expert_epochs={last} is enough"
            )
        return super().skip(task)

    def matched_on(self, work: Work) -> str:
        """A digest of the network and of an expert."""
        last = np.ascontiguousarray(self.expert(work, 0)["weights"][-1])
        return Store.key(network=super().matched_on(work), expert=last.tobytes().hex())

    def expert(self, work: Work, number: int) -> Entry:
        """The weights of an expert, (expert_epochs + 1, P), trained where nobody did yet."""
        found = work.held.setdefault("experts", {})
        if number not in found:
            found[number] = work.task.stage(
                "expert",
                expert=number,
                epochs=self.expert_epochs,
                lr_expert=self.lr_expert,
                expert_batch=self.expert_batch,
                expert_augment=self.expert_augment,
                network=self.network,
            )
        return found[number]

    def begin(self, work: Work) -> State:
        """The first state."""
        for number in range(self.experts):
            self.expert(work, number)
        lr = torch.tensor(self.lr_net, device=work.task.device)
        return super().begin(work) | {"lr": lr, "lr_velocity": torch.zeros_like(lr)}

    def step(self, work: Work, state: State, number: int) -> None:
        """One update of the pictures and of the student's learning rate (algorithm 1 of the paper)."""
        rng = work.rng(number)
        weights = self.expert(work, int(rng.integers(self.experts)))["weights"]
        first = int(rng.integers(self.start))
        batches = list(self._batches(work, rng))
        shape = work.task.dataset.shape
        size, names = (shape.height, shape.width), names_of(self.augment)
        views = [draw(names, size, rng, len(rows)) for rows in batches]
        network = work.held.setdefault("network", work.network(0).requires_grad_(False))
        way = Way(network, self._at(work, weights, first), self._at(work, weights, first + self.stride), batches, views)
        found = self.gradients(way, state, state.get("labels", work.labels))
        self.move(state, found.pictures)
        follow(state, "lr", found.lr, self.lr_lr)
        if not float(state["lr"]) > 0:
            raise FloatingPointError(
                f"the student's learning rate came to {float(state['lr']):g} after {number + 1} steps: a smaller lr_lr"
            )
        self.learn(state, found)

    def gradients(self, way: Way, state: State, labels: torch.Tensor) -> Found:
        """Of the distance to the expert."""
        return unrolled(way, state["pictures"], labels, state["lr"])

    def learn(self, state: State, found: Found) -> None:
        """What else is learned: nothing."""

    def stored(self, work: Work, state: State, **more: Any) -> CompressedDataset:
        """The file's content, with the student's learning rate."""
        return super().stored(work, state, learning_rate=float(state["lr"]), **more)

    def _at(self, work: Work, weights: np.ndarray, epoch: int) -> torch.Tensor:
        """(P,) of an expert on the device."""
        return torch.from_numpy(np.array(weights[epoch])).to(work.task.device)

    def _batches(self, work: Work, rng: np.random.Generator) -> Iterator[torch.Tensor]:
        """Which pictures each update is made on: all of them once before any comes again."""
        count, left = work.classes * work.ipc, np.zeros(0, np.int64)
        for _ in range(self.inner):
            if not len(left):
                left = rng.permutation(count)
            yield torch.from_numpy(left[: self.batch or count].copy()).to(work.labels.device)
            left = left[self.batch or count :]


class TESLA(MTT):
    """The same, one update of the student in memory at a time.

    Args:
        second_order: see :func:`cc_plugins.trajectories.gradients.update_by_update`.
        soft_labels: whether labels are learned; they begin as what the first expert predicts at its end.
        lr_labels: of their logits.
        matched: all others, see :class:`MTT`.
    """

    def __init__(self, *, second_order: bool, soft_labels: bool, lr_labels: float, **matched: Any) -> None:
        super().__init__(**matched)
        self.second_order, self.soft_labels, self.lr_labels = second_order, soft_labels, lr_labels

    def begin(self, work: Work) -> State:
        """The first state."""
        state = super().begin(work)
        if self.soft_labels:
            network = work.network(0)
            with torch.no_grad():
                weights = shaped(self._at(work, self.expert(work, 0)["weights"], -1), network)
                state["labels"] = functional_call(network, weights, (state["pictures"],))
            state["labels_velocity"] = torch.zeros_like(state["labels"])
        return state

    def gradients(self, way: Way, state: State, labels: torch.Tensor) -> Found:
        """Of the distance to the expert."""
        return update_by_update(way, state["pictures"], labels, state["lr"], second_order=self.second_order)

    def learn(self, state: State, found: Found) -> None:
        """The labels."""
        if found.labels is not None:
            follow(state, "labels", found.labels, self.lr_labels)

    def stored(self, work: Work, state: State, **more: Any) -> CompressedDataset:
        """The file's content, with the labels that were learned."""
        if self.soft_labels:
            more["soft_labels"] = state["labels"].double().softmax(1).half().cpu().numpy()
        return super().stored(work, state, **more)


def follow(state: State, name: str, gradient: torch.Tensor, lr: float) -> None:
    """One update of a part of the state by gradient descent with momentum."""
    state[f"{name}_velocity"] = MOMENTUM * state[f"{name}_velocity"] + gradient
    state[name] = state[name] - lr * state[f"{name}_velocity"]
