"""Pictures recovered from trained networks.

SRe2L: Yin, Xing and Shen, NeurIPS 2023. G-VBSM: Shao et al., CVPR 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cc_plugins.decoupled.relabel import fkd_bytes, soft_labels
from cc_plugins.decoupled.statistics import Statistics
from cc_plugins.distill._matching import Matching, State, Work, digest_of, payload_of
from ccbench.plugin import Channels, CompressedDataset, Task, Teacher, load_teacher, random_boxes

BETAS, EPS = (0.5, 0.9), 1e-8  # of Adam
SMALL, MEDIUM = 32, 64  # pixels: CIFAR, Tiny-ImageNet
SCALE, SHAPE = (0.08, 1.0), (3 / 4, 4 / 3)  # of a crop, torchvision's defaults


@dataclass(frozen=True)
class Settings:
    """What a recovery goes by, nothing of it open any more; see :class:`Recovery`."""

    steps: int
    lr: float
    r_bn: float
    jitter: int
    crop: bool


class Recovery(Matching):
    """Pictures that trained networks recognise and whose statistics are those of the training images there.

    Args:
        steps: updates of each batch; None, as for ``lr`` and ``r_bn``: the authors', by the images' size.
        lr: of Adam, falling to 0 along a cosine.
        batch: pictures at once, each of another class.
        r_bn: weight of the statistics' distance beside the cross entropy.
        first: see :class:`Statistics`.
        jitter: pixels by which a batch is rolled at most; None: 4 up to 64 pixels, 32 above.
        crop: random resized crops and flips; None: above 64 pixels.
        init, store: see :class:`Matching`.
        soft_labels: ``"stored"`` or ``"none"``.
        temperature: of the stored labels.
    """

    later = Matching.later | {"soft_labels", "temperature"}
    relabelled = (300, 1024)  # epochs and batch of the authors' labels (FKD)

    def __init__(
        self,
        *,
        steps: int | None,
        lr: float | None,
        batch: int,
        r_bn: float | None,
        first: float,
        jitter: int | None,
        crop: bool | None,
        init: str,
        store: str,
        soft_labels: str,
        temperature: float,
    ) -> None:
        self.init, self.store, self.network = init, store, ""
        self.batch, self.first, self.soft_labels, self.temperature = batch, first, soft_labels, temperature
        self._asked = {"steps": steps, "lr": lr, "r_bn": r_bn, "jitter": jitter, "crop": crop}

    def squeezed(self, task: Task) -> list[Teacher]:
        """The trained networks."""
        raise NotImplementedError

    def settings(self, work: Work) -> Settings:
        """What was asked for, and the authors' for the rest."""
        side = max(work.task.dataset.shape.height, work.task.dataset.shape.width)
        tiny = SMALL < side <= MEDIUM
        known: dict[str, Any] = {
            "steps": 1000 if side <= SMALL else 4000,
            "lr": 0.1 if tiny else 0.25,
            "r_bn": 1.0 if tiny else 0.01,
            "jitter": 4 if side <= MEDIUM else 32,
            "crop": side > MEDIUM,
        }
        return Settings(**known | {name: value for name, value in self._asked.items() if value is not None})

    def teachers(self, work: Work) -> list[tuple[Teacher, Statistics]]:
        """The trained networks, each watched; loaded once."""
        if "squeezed" not in work.held:
            found = self.squeezed(work.task)
            work.held["squeezed"] = [
                (t, Statistics(t.network.requires_grad_(False), t.name, self.first)) for t in found
            ]
        return work.held["squeezed"]

    def matched_on(self, work: Work) -> str:
        """A digest of the trained networks."""
        return " ".join(digest_of(teacher.network) for teacher, _ in self.teachers(work))

    def space(self, work: Work) -> Channels:
        """That of the trained networks."""
        normalise = self.teachers(work)[0][0].normalise
        return Channels(normalise.mean.double().cpu().numpy() / 255, normalise.std.double().cpu().numpy() / 255)

    def total(self, work: Work) -> int:
        """Updates of all batches."""
        return self.settings(work).steps * len(self.batches(work))

    def batches(self, work: Work) -> list[np.ndarray]:
        """The pictures that are recovered together: the first of every class, then the second."""
        rows = np.arange(work.classes * work.ipc).reshape(work.classes, work.ipc)
        return [rows[c : c + self.batch, k] for k in range(work.ipc) for c in range(0, work.classes, self.batch)]

    def begin(self, work: Work) -> State:
        """The first state."""
        pictures = super().begin(work)["pictures"]
        if self.init != "noise":
            pictures = self.space(work).values(work.real.space.pixels(pictures))
        return {"pictures": pictures, "mean": torch.zeros_like(pictures), "square": torch.zeros_like(pictures)}

    def step(self, work: Work, state: State, number: int) -> None:
        """One update of one batch by Adam, clipped to colours."""
        settings, rng = self.settings(work), work.rng(number)
        rows = torch.from_numpy(self.batches(work)[number // settings.steps]).to(work.labels.device)
        teachers = self.teachers(work)
        _, watched = teachers[int(rng.integers(len(teachers)))]
        pictures = state["pictures"][rows].requires_grad_()
        logits, statistics = watched(moved(pictures, settings.jitter, settings.crop, rng))
        error = F.cross_entropy(logits, work.labels[rows]) + settings.r_bn * statistics
        (gradient,) = torch.autograd.grad(error, pictures)
        done = number % settings.steps
        lr = settings.lr * 0.5 * (1 + math.cos(math.pi * done / settings.steps))
        adam(state, rows, gradient, lr, done + 1)
        state["pictures"][rows] = shown(state["pictures"][rows], self.space(work))

    def stored(self, work: Work, state: State, **more: Any) -> CompressedDataset:
        """The file's content, labelled where that is asked for; its ``meta`` says what FKD's labels would take."""
        if self.soft_labels == "stored":
            payload = payload_of(state["pictures"].cpu(), self.space(work), self.store)
            networks = [teacher for teacher, _ in self.teachers(work)]
            more["soft_labels"] = soft_labels(networks, payload, self.temperature, work.task.device)
        made = super().stored(work, state, **more)
        epochs, batch = self.relabelled
        made.meta["fkd_bytes"] = fkd_bytes(len(made), work.classes, epochs=epochs, batch=batch)
        return made


class SRe2L(Recovery):
    """From one network, the teacher.

    Args:
        teacher: architecture; None is the run's.
        recovery: all others, see :class:`Recovery`.
    """

    def __init__(self, *, teacher: str | None, **recovery: Any) -> None:
        super().__init__(**recovery)
        self.teacher = teacher

    def squeezed(self, task: Task) -> list[Teacher]:
        """The teacher."""
        return [load_teacher(task, self.teacher)]


class GVBSM(Recovery):
    """From several networks: each step draws one of them.

    Args:
        networks: how many.
        recovery: ``network1`` and so on, their architectures; all others, see :class:`Recovery`.
    """

    relabelled = (1000, 100)

    def __init__(self, *, networks: int, **recovery: Any) -> None:
        names = {name: recovery.pop(name) for name in sorted(recovery) if name.startswith("network")}
        super().__init__(**recovery)
        self.networks = tuple(names.values())[:networks]

    def squeezed(self, task: Task) -> list[Teacher]:
        """A teacher for each architecture."""
        return [load_teacher(task, name) for name in self.networks]


def moved(pictures: torch.Tensor, jitter: int, crop: bool, rng: np.random.Generator) -> torch.Tensor:
    """Pictures (b, 3, H, W) as a network sees them in a step, all of them moved alike; differentiable.

    Args:
        jitter: pixels by which they are rolled at most.
        crop: whether they are cropped, resized and flipped before.
    """
    size = (pictures.shape[2], pictures.shape[3])
    if crop:
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        top, left, height, width = random_boxes(1, size, generator, SCALE, SHAPE)[0].tolist()
        part = pictures[:, :, top : top + height, left : left + width]
        pictures = F.interpolate(part, size, mode="bilinear", align_corners=False, antialias=True)
        if rng.random() < 0.5:
            pictures = pictures.flip(3)
    by = rng.integers(-jitter, jitter + 1, 2)
    return torch.roll(pictures, (int(by[0]), int(by[1])), (2, 3))


def adam(state: State, rows: torch.Tensor, gradient: torch.Tensor, lr: float, number: int) -> None:
    """The ``number``-th update (from 1) of some pictures, in place."""
    mean = BETAS[0] * state["mean"][rows] + (1 - BETAS[0]) * gradient
    square = BETAS[1] * state["square"][rows] + (1 - BETAS[1]) * gradient.square()
    state["mean"][rows], state["square"][rows] = mean, square
    root = (square / (1 - BETAS[1] ** number)).sqrt() + EPS
    state["pictures"][rows] -= lr * mean / (1 - BETAS[0] ** number) / root


def shown(pictures: torch.Tensor, space: Channels) -> torch.Tensor:
    """Pictures of a space, clipped to colours."""
    return space.values(space.pixels(pictures).clamp(0, 255))
