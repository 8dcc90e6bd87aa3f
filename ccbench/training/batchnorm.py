"""Batches that count more than once in the running statistics of batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def counted(network: torch.nn.Module, times: int) -> Iterator[None]:
    """Inside, one forward pass in train mode leaves the running statistics as ``times`` passes of the same images do.

    With momentum m, each pass keeps 1 - m of what was there: so many passes are one of momentum 1 - (1 - m)^times.
    Layers that average over all batches alike (momentum None) give each batch the same share anyway.
    """
    layers = [(m, m.momentum) for m in network.modules() if isinstance(m, _BatchNorm) and m.momentum is not None]
    for layer, momentum in layers:
        layer.momentum = 1 - (1 - momentum) ** times
    try:
        yield
    finally:
        for layer, momentum in layers:
            layer.momentum = momentum
