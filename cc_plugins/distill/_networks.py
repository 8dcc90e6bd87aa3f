"""Networks that pictures are matched on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ccbench.plugin import StageContext, Task, UserError
from ccbench.stages.layers import last_linear
from ccbench.training import build_network

_CPU, _GPU = (
    8 * 32 * 32,
    4096 * 32 * 32,
)  # pixels that pass a network at once: what a core's cache holds, a GPU's memory


def fresh(task: Task | StageContext, architecture: str, seed: int) -> nn.Module:
    """A network with random weights, on the device of a task or a stage.

    Raises:
        UserError: there is no such network, it cannot take such images, or it normalises over its batch.
    """
    shape = task.dataset.shape
    network = build_network(
        architecture,
        classes=shape.classes,
        image_size=max(shape.height, shape.width),
        seed=seed,
        plugins=task.bench.plugins,
    )
    if any(isinstance(module, _BatchNorm) for module in network.modules()):
        raise UserError(
            "distillation matches classes one by one, and batch normalisation mixes the images of a batch",
            found=architecture,
            mend="network=convnet-d3, or another one without it",
        )
    # on a CPU small batches are faster so than channels_last
    return network.to(task.device).to(memory_format=torch.contiguous_format)


class Features:
    """What reaches the last linear layer of a network.

    Args:
        network: with a linear layer at its end.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._seen: list[torch.Tensor] = []
        last_linear(network).register_forward_pre_hook(lambda module, inputs: self._seen.append(inputs[0]))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(b, 3, H, W) normalised images to (b, d)."""
        self._network(images)
        return self._seen.pop()


def parts(images: torch.Tensor) -> Iterator[torch.Tensor]:
    """A batch in pieces that pass a network fastest."""
    yield from images.split(at_once(images))


def at_once(images: torch.Tensor) -> int:
    """How many images of (b, 3, H, W) pass a network at once; by their size and the kind of device alone."""
    pixels = _CPU if images.device.type == "cpu" else _GPU
    return max(1, pixels // (images.shape[2] * images.shape[3]))
