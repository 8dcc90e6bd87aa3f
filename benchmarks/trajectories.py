"""What TESLA and MTT hold in memory, and how long a step takes them, over the student's updates.

``python -m benchmarks trajectories`` prints two rows per number of updates; ``inner=5,10,20,50``, ``ipc=1``,
``classes=10``, ``width=128`` and ``device=cpu`` are its options. Both follow the same way on the same pictures. Memory
is what autograd keeps at once for backward passes, counted tensor by tensor as it is kept and let go.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from cc_plugins.architectures.convnet import ConvNet
from cc_plugins.trajectories.experts import flat
from cc_plugins.trajectories.gradients import Way, unrolled, update_by_update
from ccbench.training.siamese import NAMES, draw

SIDE = 32


class _Kept:
    """A tensor that autograd keeps."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def most_held(compute: Callable[[], Any]) -> int:
    """The most bytes that autograd keeps at once while something is computed."""
    now, most = 0, 0

    def let_go(size: int) -> None:
        nonlocal now
        now -= size

    def keep(tensor: torch.Tensor) -> _Kept:
        nonlocal now, most
        kept, size = _Kept(tensor), tensor.numel() * tensor.element_size()
        now += size
        most = max(most, now)
        weakref.finalize(kept, let_go, size)
        return kept

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor):
        compute()
    return most


def rows(
    inner: str = "5,10,20,50", ipc: str = "1", classes: str = "10", width: str = "128", device: str = "cpu"
) -> Iterator[dict[str, Any]]:
    """Rows of name, ours (TESLA), peer (MTT), ratio (peer / ours), unit and note."""
    for updates in map(int, inner.split(",")):
        given = _given(updates, int(ipc), int(classes), int(width), device)
        both = [partial(update_by_update, *given, second_order=False), partial(unrolled, *given)]
        note = f"{ipc} pictures for each of {classes} classes, ConvNet-3 of width {width}; {device}; peer: MTT"
        name = f"tesla, {updates} updates of the student"
        for unit, (ours, peer) in {
            "MB held": [most_held(compute) / 1e6 for compute in both],
            "s": [_seconds(compute, device) for compute in both],
        }.items():
            yield {"name": name, "ours": ours, "peer": peer, "ratio": peer / ours, "unit": unit, "note": note}


def _given(updates: int, ipc: int, classes: int, width: int, device: str) -> tuple[Any, ...]:
    """A way, pictures, labels and a learning rate."""
    torch.manual_seed(0)
    network = ConvNet(classes=classes, image_size=SIDE, width=width, depth=3, norm="instance").to(device)
    start = flat(list(network.requires_grad_(False).parameters()))
    rng, count = np.random.default_rng(0), classes * ipc
    views = [draw(NAMES, (SIDE, SIDE), rng, count) for _ in range(updates)]
    batches = [torch.arange(count, device=device)] * updates
    way = Way(network, start, start + 0.01 * torch.randn_like(start), batches, views)
    pictures = torch.randn(count, 3, SIDE, SIDE, device=device)
    labels = torch.arange(classes, device=device).repeat_interleave(ipc)
    return way, pictures, labels, torch.tensor(0.01, device=device)


def _seconds(compute: Callable[[], Any], device: str) -> float:
    started = time.perf_counter()
    compute()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started
