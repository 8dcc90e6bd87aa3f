"""What DeepCore's code expects around it: a dataset, arguments, networks, and what later releases took away."""

from __future__ import annotations

import contextlib
import importlib
import io
import random
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ccbench.plugin import ImageDataset, Task, UserError
from ccbench.stages.layers import last_linear
from ccbench.training.images import Normalise


class TrainSet(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A training set as DeepCore reads one.

    Args:
        dataset: ours.
        normalise: by which mean and deviation.

    Attributes:
        targets: (N,) int64.
        classes: their names.
    """

    transform = None  # images are tensors already

    def __init__(self, dataset: ImageDataset, normalise: Normalise) -> None:
        self.images, self.classes = dataset.images, list(dataset.classes)
        self.targets = torch.from_numpy(np.array(dataset.labels, np.int64))
        self.mean, self.std = (part.reshape(3, 1, 1).float().cpu() for part in (normalise.mean, normalise.std))

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = torch.from_numpy(np.array(self.images[int(i)])).permute(2, 0, 1).float()
        return (image - self.mean) / self.std, self.targets[int(i)]


class Recorded(torch.nn.Module):
    """One of our networks with what DeepCore reads: its last layer, and a recorder of what enters that.

    Args:
        network: gives logits.
        recorder: DeepCore's EmbeddingRecorder.
    """

    def __init__(self, network: torch.nn.Module, recorder: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.embedding_recorder, self.no_grad = network, recorder, False
        last_linear(network).register_forward_pre_hook(self._record)

    def _record(self, _layer: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (self.embedding_recorder(given[0]), *given[1:])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (b, C) of normalised images (b, 3, H, W)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.no_grad):
            return self.network(images)

    def get_last_layer(self) -> torch.nn.Linear:
        """The classifier."""
        layer = last_linear(self.network)
        assert isinstance(layer, torch.nn.Linear)
        return layer


def arguments(name: str, task: Task, params: dict[str, Any], seed: int) -> Namespace:
    """What DeepCore's main program would have read from its command line, for the class of a name."""
    data = task.dataset
    size = tuple(data.images.shape[1:3])
    # .to("cpu:0") copies as .to("cuda") does: DeepFool changes in place what it so made from a leaf
    device = "cpu:0" if task.device == "cpu" and name == "DeepFool" else task.device
    return Namespace(
        channel=3, im_size=size, num_classes=len(data.classes), class_names=list(data.classes), device=device,
        gpu=None, model="ccbench", print_freq=1 << 30, workers=0, seed=seed, lr=params["lr"], min_lr=1e-4,
        momentum=0.9, weight_decay=5e-4, nesterov=True, optimizer="SGD", batch=params["batch"],
        train_batch=params["batch"], selection_batch=params["batch"], selection_epochs=params["epochs"],
        selection_optimizer="SGD", selection_lr=params["lr"], selection_momentum=0.9, selection_weight_decay=5e-4,
        selection_nesterov=True, selection_test_interval=0, selection_test_fraction=1.0, balance=params["balance"],
        submodular=params["function"], submodular_greedy=params["greedy"], uncertainty=params["uncertainty"],
    )  # fmt: skip


@contextlib.contextmanager
def checkout(home: Path, network: Callable[[ModuleType], torch.nn.Module]) -> Iterator[ModuleType]:
    """DeepCore's methods, importable and able to run on today's libraries while the block lasts.

    What numpy and torch took away is put where its old code looks for it, and taken away again; so are the random
    states that it sets. What it prints is dropped.

    Args:
        home: of the checkout.
        network: builds ours; it gets ``deepcore.nets``.

    Raises:
        UserError: it cannot be imported.
    """
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    with contextlib.ExitStack() as stack:
        stack.callback(random.setstate, states[0])
        stack.callback(np.random.set_state, states[1])
        stack.callback(torch.random.set_rng_state, states[2])
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        for name, old in (("in1d", np.isin), ("float", float), ("int", int), ("bool", bool)):
            if name not in vars(np):
                setattr(np, name, old)
                stack.callback(delattr, np, name)
        stack.callback(setattr, torch, "lstsq", torch.lstsq)  # today's only says that it is gone
        vars(torch)["lstsq"] = _lstsq
        stack.callback(_forget)
        sys.path.insert(0, str(home))
        stack.callback(sys.path.remove, str(home))
        try:
            methods, nets = importlib.import_module("deepcore.methods"), importlib.import_module("deepcore.nets")
        except Exception as error:
            raise UserError(
                f"the checkout {home} cannot be imported", found=f"{type(error).__name__}: {error}"
            ) from None
        vars(nets)["ccbench"] = lambda *_, **__: network(nets)
        yield methods


def _forget() -> None:
    """Another checkout must not find this one's modules."""
    for name in [n for n in sys.modules if n == "deepcore" or n.startswith("deepcore.")]:
        del sys.modules[name]


def _lstsq(b: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, None]:
    """``torch.lstsq`` as it was until torch 1.9: min ||A X - B||."""
    return torch.linalg.lstsq(a, b).solution, None
