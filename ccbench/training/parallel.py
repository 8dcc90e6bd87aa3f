"""One network on several devices, through accelerate. A single process never comes here.

Start a script that calls ``evaluate`` or ``fit`` with ``accelerate launch`` (or ``torchrun``): each
process trains on its share of every batch, gradients are averaged, and the effective batch stays the
recipe's. Batch normalisation uses the statistics of each process's share. From the command line:
``accelerate launch --num-processes 4 -m ccbench evaluate FILE``. ``ccbench run`` is started plainly:
its work items are processes of their own, one device each.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line asks who leads, and imports no torch for it
    import torch


def launched() -> bool:
    """Whether this process is one of several that train one network together."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def leads() -> bool:
    """Whether this process writes files and speaks: the only one, or the first of several."""
    return not launched() or os.environ["RANK"] == "0"


def own_device(device: str | torch.device) -> torch.device:
    """The device of this process: the one asked for, or the GPU of its local rank where several train together."""
    import torch

    place = torch.device(device)
    if launched() and place.type == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return place


class Parallel:
    """The processes that share one training.

    Args:
        device: ``"cpu"`` or ``"cuda..."``; on CUDA each process takes the GPU of its local rank.
    """

    def __init__(self, device: str | torch.device) -> None:
        import torch
        from accelerate import Accelerator

        self.accelerator = Accelerator(cpu=torch.device(device).type == "cpu", mixed_precision="no")
        self.rank: int = self.accelerator.process_index
        self.world: int = self.accelerator.num_processes

    def wrap(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network whose gradients are averaged over all processes."""
        return self.accelerator.prepare_model(network)

    def share(self, ids: torch.Tensor) -> torch.Tensor:
        """This process's part of something (b, ...)."""
        return ids[self.rank :: self.world]

    def no_sync(self, network: torch.nn.Module) -> AbstractContextManager:
        """Accumulate without talking to the others."""
        return self.accelerator.no_sync(network)

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """Parts of all processes, one after the other; lengths may differ."""
        import torch

        padded = self.accelerator.pad_across_processes(values, dim=0)
        length = torch.tensor([len(values)], device=values.device)
        lengths: Any = self.accelerator.gather(length)
        whole: Any = self.accelerator.gather(padded)
        parts = whole.split(padded.shape[0])
        return torch.cat([part[: int(n)] for part, n in zip(parts, lengths, strict=True)])

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        total: Any = self.accelerator.reduce(value, reduction="sum")
        return total
