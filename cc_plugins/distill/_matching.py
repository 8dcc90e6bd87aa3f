"""What methods have in common that change pictures step by step: beginning, steps, going on after a kill, storing."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from cc_plugins.distill._networks import fresh
from cc_plugins.distill._real import RealImages
from cc_plugins.distill._start import start
from ccbench.plugin import Channels, CompressedDataset, FloatImages, RawImages, Task, UserError, Whitening
from ccbench.seeds import derive
from ccbench.store import Store

EVERY = 30.0  # seconds between two states that are kept
KIND = "distill"  # of blobs
MOMENTUM = 0.5  # of the pictures, in the released codes of DC, DSA and DM

State = dict[str, torch.Tensor]
"""All that a step changes, by name; ``pictures`` (classes * IPC, 3, H, W) float32, normalised, are among it."""


@dataclass
class Work:
    """One distillation.

    Attributes:
        task: see ``ccbench.methods.task.Task``.
        ipc: pictures of each class.
        architecture: of the networks.
        seed: of everything that is drawn.
        held: what a method keeps for itself from one step to the next and can make again from the state.
    """

    task: Task
    ipc: int
    architecture: str
    seed: int
    held: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def real(self) -> RealImages:
        """The training images."""
        return RealImages(self.task.dataset, self.task.device)

    @property
    def classes(self) -> int:
        """How many."""
        return len(self.task.dataset.classes)

    @cached_property
    def labels(self) -> torch.Tensor:
        """(classes * IPC,) int64 on the device: of the pictures, class after class."""
        return torch.arange(self.classes, device=self.task.device).repeat_interleave(self.ipc)

    def rng(self, step: int) -> np.random.Generator:
        """What a step draws from: its own, so that a distillation that goes on draws what it would have drawn."""
        return np.random.default_rng([self.seed, step])

    def network(self, number: int) -> torch.nn.Module:
        """A network with random weights, others for each number."""
        return fresh(self.task, self.architecture, derive(self.seed, network=number))


class Matching:
    """The base of a method; a subclass has :meth:`step`, and what else of it is its own.

    Args:
        steps: how many.
        lr: of the pictures.
        batch: real images of each class in a step.
        init: see :func:`cc_plugins.distill._start.start`.
        store: ``"float32"``, ``"float16"`` or ``"uint8"``.
        network: architecture.

    Pictures, networks and batches are drawn by the run's base seed and the seed's index alone: they are the same for
    all methods, and pictures begin alike for all budgets.

    Attributes:
        later: parameters that count when the pictures are finished.
    """

    later = frozenset({"store"})

    def __init__(self, *, steps: int, lr: float, batch: int, init: str, store: str, network: str) -> None:
        self.steps, self.lr, self.batch = steps, lr, batch
        self.init, self.store, self.network = init, store, network

    def skip(self, task: Task) -> str | None:
        """A class has fewer images than pictures begin with, or none."""
        ipc = task.images // len(task.dataset.classes)
        sizes = np.bincount(task.dataset.labels, minlength=len(task.dataset.classes))
        smallest = int(sizes.argmin())
        if self.init == "real" and ipc > sizes[smallest]:
            name, few = task.dataset.classes[smallest], sizes[smallest]
            return f"init=real begins with {ipc} images of each class, {name!r} has {few}; init=noise needs none"
        if not sizes[smallest]:
            return f"the class {task.dataset.classes[smallest]!r} has no images to match"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """IPC pictures of each class, IPC being the budget's images over the classes, rounded down.

        Args:
            task: see ``ccbench.methods.task.Task``.

        Returns:
            Pictures class after class; their ids are -1.

        Raises:
            UserError: the budget, the network or what ``init`` selects does not suit the images.
            Skipped: the method that ``init`` names declines.
            FloatingPointError: the pictures diverged.
        """
        if reason := self.skip(task):
            raise UserError(reason, mend="a smaller --ipc")
        work = Work(task, task.images // len(task.dataset.classes), self.network, task.shared_seed("distillation"))
        return self.stored(work, self.distilled(work))

    def distilled(self, work: Work) -> State:
        """The last state; what was kept of a distillation that was killed is where this one goes on.

        Raises:
            FloatingPointError: the pictures diverged.
        """
        task, total = work.task, self.total(work)
        blobs, key = task.blobs(KIND), self.key(work)
        state, done = _read(blobs.get(key), task.device) or (self.begin(work), 0)
        _laid_out(state)
        kept = time.monotonic()
        while done < total:
            # cudnn's fastest algorithms change from run to run, and results with them
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
                self.step(work, state, done)
            _laid_out(state)
            done += 1
            task.progress(done, total, "distillation")
            if done == total or time.monotonic() - kept > EVERY:
                if not torch.isfinite(state["pictures"]).all():
                    raise FloatingPointError(f"the pictures are no numbers any more after {done} steps")
                blobs.put(key, _written(state, done))
                kept = time.monotonic()
        return state

    def key(self, work: Work) -> str:
        """Of what is kept: all that can change the pictures. What is done with them at the end is none of it."""
        task = work.task
        return Store.key(
            method=type(self).__name__,
            depends=task.depends,
            params={name: str(value) for name, value in vars(self).items() if name not in self.later},
            data=[task.dataset.digest, task.bench.root.digest],
            network=self.matched_on(work),
            ipc=work.ipc,
            seed=work.seed,
        )

    def matched_on(self, work: Work) -> str:
        """A digest of the networks: another version of one, or of what draws it, is another one."""
        return digest_of(work.network(0))

    def space(self, work: Work) -> Channels:
        """That the pictures lie in."""
        return work.real.space

    def total(self, work: Work) -> int:
        """How often :meth:`step` is called."""
        return self.steps

    def begin(self, work: Work) -> State:
        """The first state."""
        pictures = start(work.task, work.real, self.init, work.ipc, work.seed)
        return {"pictures": pictures, "velocity": torch.zeros_like(pictures)}

    def step(self, work: Work, state: State, number: int) -> None:
        """Change the state.

        Args:
            work: what is distilled.
            state: in place; tensors may be replaced.
            number: 0 .. total - 1; all that the step draws depends on it and the seed alone.
        """
        raise NotImplementedError

    def move(self, state: State, gradient: torch.Tensor) -> None:
        """One update of the pictures by gradient descent with momentum."""
        state["velocity"] = MOMENTUM * state["velocity"] + gradient
        state["pictures"] = state["pictures"] - self.lr * state["velocity"]

    def stored(self, work: Work, state: State, **more: Any) -> CompressedDataset:
        """The file's content.

        Args:
            work, state: at the end.
            more: soft labels and a learned learning rate, as ``CompressedDataset`` takes them.
        """
        pictures, space = state["pictures"].detach().cpu(), self.space(work)
        return CompressedDataset(
            payload_of(pictures, space, self.store),
            ids=np.full(len(pictures), -1),
            labels=work.labels.cpu().numpy(),
            classes=work.task.dataset.classes,
            nominal="images",
            meta={"ipc": work.ipc, "steps": self.total(work)},
            **more,
        )


def payload_of(pictures: torch.Tensor, space: Channels | Whitening, store: str) -> FloatImages | RawImages:
    """Pictures (n, 3, H, W) float32 of a space as ``store`` says: as they are, in half of the bits, or as colours."""
    values = np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy())
    floats = FloatImages(values, space)
    if store == "uint8":
        return RawImages(floats.decode(slice(None)))
    return floats if store == "float32" else FloatImages(values.astype(np.float16), space)


def _laid_out(state: State) -> None:
    """As it comes back from a file, so that going on computes what would have been computed."""
    state.update({name: value.contiguous() for name, value in state.items()})


def digest_of(network: torch.nn.Module) -> str:
    """Of its weights."""
    return Store.key(
        **{name: value.detach().cpu().numpy().tobytes().hex() for name, value in network.named_parameters()}
    )


def _written(state: State, done: int) -> bytes:
    return save({name: value.detach().cpu() for name, value in state.items()}, {"done": json.dumps(done)})


def _read(blob: bytes | None, device: str) -> tuple[State, int] | None:
    if blob is None:
        return None
    length = int.from_bytes(blob[:8], "little")
    done = int(json.loads(blob[8 : 8 + length])["__metadata__"]["done"])
    return {name: value.to(device) for name, value in load(blob).items()}, done
