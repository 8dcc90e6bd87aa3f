"""How far the statistics of a batch are from those that a trained network keeps of its training images."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ccbench.plugin import UserError


class Statistics:
    """The inputs of a network's batch-norm layers, watched.

    Args:
        network: trained, in eval mode.
        name: of it, for errors.
        first: what its first layer counts for, where the others count 1.

    Raises:
        UserError: it keeps no statistics.
    """

    def __init__(self, network: nn.Module, name: str, first: float = 1.0) -> None:
        self._network, self._first = network, first
        self._found: list[torch.Tensor] = []
        layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
        if not layers:
            raise UserError(
                f"{name} keeps no statistics of its training images: it has no batch normalisation",
                mend="a squeezed network with it, such as resnet18, quicknet or convnet-d3-bn",
            )
        for layer in layers:
            layer.register_forward_pre_hook(self._watch)

    def _watch(self, layer: _BatchNorm, inputs: tuple[torch.Tensor, ...]) -> None:
        self._found.append(distance(inputs[0], layer))

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of normalised images (b, 3, H, W), and the distances of all layers, added up."""
        self._found.clear()
        logits = self._network(images)
        found = torch.stack(self._found)
        self._found.clear()
        return logits, self._first * found[0] + found[1:].sum()


def distance(values: torch.Tensor, layer: _BatchNorm) -> torch.Tensor:
    """Of the channels' means and variances from those that a layer keeps, each as a norm over channels.

    Args:
        values: (b, C, ...) that the layer is given.
        layer: with running statistics.
    """
    dims = [d for d in range(values.ndim) if d != 1]
    mean, variance = values.mean(dims), values.var(dims, unbiased=False)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    return (mean - layer.running_mean).norm() + (variance - layer.running_var).norm()
