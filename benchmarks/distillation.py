"""Steps of distillation against the plain form: a Python loop over classes, one backward pass each.

``python -m benchmarks distillation`` prints a row per method and number of pictures per class; ``ipc=1,10``,
``batch=256``, ``classes=10`` and ``device=cpu`` are its options. Both sides match the same pictures to batches of the
same size, on networks with the same random weights, through views drawn in the same way, in float32 and as many threads
as torch takes. Medians of several steps, taken in turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks._measure import paired
from cc_plugins.distill._matching import Matching, State, Work
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.store import Store
from ccbench.training.protocols import load_protocol
from ccbench.training.siamese import draw, names_of

SIDE, ROUNDS = 32, 3
METHODS = ("dm", "dc", "dsa")


def rows(ipc: str = "1,10", batch: str = "256", classes: str = "10", device: str = "cpu") -> list[dict[str, Any]]:
    """A row per method and IPC: name, ours and peer (median seconds of a step), ratio (peer / ours), unit, note."""
    return [_row(name, int(n), int(batch), int(classes), device) for name in METHODS for n in ipc.split(",")]


def _row(name: str, ipc: int, batch: int, classes: int, device: str) -> dict[str, Any]:
    work, method = _work(name, ipc, batch, classes, device)
    state, plain = method.begin(work), {"pictures": method.begin(work)["pictures"].clone()}
    counts = [0, 0]

    def ours() -> None:
        # on a new network each time: the training between updates is the same for both
        number, counts[0] = counts[0], counts[0] + 1
        method.step(work, state, number * method.total(work) // method.steps)
        _wait(device)

    def released() -> None:
        number, counts[1] = counts[1], counts[1] + 1
        _plain(name, work, method, plain, number)
        _wait(device)

    seconds = paired(ours, released, ROUNDS)
    images = classes * (batch + ipc) / seconds[0]
    return {
        "name": f"{name}, a step at {ipc} pictures for each of {classes} classes, {batch} images of each",
        "ours": seconds[0],
        "peer": seconds[1],
        "ratio": seconds[1] / seconds[0],
        "unit": "s",
        "note": f"{images:,.0f} images/s; {device}, {torch.get_num_threads()} thread(s); peer: a loop over classes",
    }


def _work(name: str, ipc: int, batch: int, classes: int, device: str) -> tuple[Work, Any]:
    count = classes * max(batch, ipc)
    pixels = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    data = ImageDataset.from_arrays(pixels, np.arange(count) % classes, tuple(map(str, range(classes))), name="noise")
    plugins = Plugins()
    bench = Workbench(data, Store("unused"), plugins, load_protocol("quick", plugins).proxy, device=device)
    task = Task(bench, data, Budget.from_ipc(ipc, data.shape), np.arange(count), {"seed": 0})
    inner = "" if name == "dm" else ",inner=0"
    method: Matching = parse(f"{name}[batch={batch}{inner}]", plugins).steps[0].build()
    return Work(task, ipc, "convnet-d3", 0), method


def _plain(name: str, work: Work, method: Any, state: State, number: int) -> None:
    """One update as a tutorial would write it."""
    network, rng = work.network(number).requires_grad_(name != "dm"), np.random.default_rng(number)
    parameters = list(network.parameters())
    pictures = state["pictures"].requires_grad_()
    pictures.grad = None
    for label in range(work.classes):
        images = work.real.batch(label, method.batch, rng)
        mine = pictures[label * work.ipc : (label + 1) * work.ipc]
        view = draw(names_of(method.augment), (SIDE, SIDE), rng)
        if view:
            images, mine = view(images), view(mine)
        if name == "dm":
            loss = (_embed(network, images).mean(0).detach() - _embed(network, mine).mean(0)).square().sum()
        else:
            loss = torch.zeros((), device=pictures.device)
            of = [torch.full((len(x),), label, device=pictures.device) for x in (images, mine)]
            real = torch.autograd.grad(F.cross_entropy(network(images), of[0]), parameters)
            made = torch.autograd.grad(F.cross_entropy(network(mine), of[1]), parameters, create_graph=True)
            for one, other in zip(real, made, strict=True):
                if one.ndim > 1:
                    a, b = one.flatten(1), other.flatten(1)
                    loss = loss + (1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-6)).sum()
        loss.backward()
    assert pictures.grad is not None
    state["pictures"] = (pictures - method.lr * pictures.grad).detach()


def _embed(network: Any, images: torch.Tensor) -> torch.Tensor:
    for stage in network.stages:
        images = stage(images)
    return images.flatten(1)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
