"""A selection class of a DeepCore checkout as a method."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import torch

from cc_plugins.deepcore.bridge import Recorded, TrainSet, arguments, checkout
from cc_plugins.deepcore.checkout import check_class, home_of
from ccbench.plugin import CompressedDataset, DeviceData, Task, UserError, load_network
from ccbench.stages.proxy import normalisation
from ccbench.training import build_network
from ccbench.training.images import Normalise

_OFFLINE = {"torchvision_pretrain": False, "pretrained_model": False, "specific_model": None}  # nothing is downloaded


class DeepCore:
    """Keep what a class of DeepCore selects.

    Args:
        argument: its name.
        home .. uncertainty: see the spec.
    """

    def __init__(self, *, argument: str, home: str, proxy: str | None, **params: Any) -> None:
        self.name, self.home, self.proxy, self.params = argument, home, proxy, params

    def compress(self, task: Task) -> CompressedDataset:
        """Select, by the class as it is."""
        home, seed, kept = home_of({"home": self.home}), task.seed(), task.images
        check_class(home, self.name)
        args = arguments(self.name, task, self.params, seed)
        with checkout(home, lambda nets: self._network(task, nets, seed)) as methods:
            cls = getattr(methods, self.name)
            given = {
                "epochs": self.params["epochs"],
                "balance": self.params["balance"],
                "greedy": self.params["greedy"],
                "function": self.params["function"],
                "selection_method": self.params["uncertainty"],
                **{name: value for name, value in _OFFLINE.items() if name in _parameters(cls)},
            }
            chosen = cls(
                TrainSet(task.dataset, self._normalise(task)), args, kept / len(task.dataset.labels), seed, **given
            ).select()
        return self._subset(task, chosen, kept)

    def _network(self, task: Task, nets: ModuleType, seed: int) -> torch.nn.Module:
        shape = task.dataset.shape
        if not self.params["epochs"]:
            network = load_network(task, self.proxy)
        else:
            network = build_network(
                self.proxy or task.bench.recipe.architecture,
                classes=shape.classes,
                image_size=shape.height,
                seed=seed,
                plugins=task.bench.plugins,
            )
        return Recorded(network, nets.nets_utils.EmbeddingRecorder(False))

    def _normalise(self, task: Task) -> Normalise:
        """As the network wants its images: as our proxy does, otherwise by the training set's own statistics."""
        if not self.params["epochs"]:
            return normalisation(task, self.proxy)
        return DeviceData.from_dataset(task.dataset, "cpu").normalisation("own")

    def _subset(self, task: Task, chosen: Any, kept: int) -> CompressedDataset:
        """The images of DeepCore's answer, within the budget."""
        ids = np.asarray(chosen["indices"], np.int64).reshape(-1)
        n = len(task.dataset.labels)
        if len(np.unique(ids)) != len(ids) or not len(ids) or ids.min() < 0 or ids.max() >= n:
            raise UserError(f"DeepCore's {self.name} gave no selection of these images", found=f"{len(ids)} ids of {n}")
        ids = ids[:kept]
        order, weights = np.argsort(ids, kind="stable"), None
        if "weights" in chosen:
            weights = np.asarray(chosen["weights"], np.float32).reshape(-1)[: len(ids)][order]
        return CompressedDataset.subset(task.dataset, ids[order], weights=weights)


def _parameters(cls: type) -> set[str]:
    """The names of what a class and those it comes from are built with."""
    return {name for base in cls.__mro__[:-1] for name in inspect.signature(base).parameters}
