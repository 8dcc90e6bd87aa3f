"""Experts: trainings on the training images, of which the weights after every epoch are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F

from cc_plugins.distill._networks import fresh
from cc_plugins.distill._real import RealImages
from cc_plugins.distill._views import checked, seen
from cc_plugins.trajectories.disk import WEIGHT
from ccbench.plugin import StageContext, UserError
from ccbench.seeds import derive
from ccbench.training.siamese import draw, names_of


def run(
    context: StageContext,
    expert: int,
    epochs: int,
    lr_expert: float,
    expert_batch: int,
    expert_augment: str,
    network: str,
) -> dict[str, np.ndarray]:
    """Train one network by plain SGD.

    The weights go to ``weights.npy`` of the entry's folder, (epochs + 1, P) float32: those it begins with and those
    after every epoch, parameter after parameter.

    Args:
        context: see ``ccbench.methods.task.StageContext``.
        expert: names the random weights, order and views.
        epochs: of the training.
        lr_expert: without momentum or weight decay.
        expert_batch: images.
        expert_augment: siamese augmentation, one transform for each batch and numbers for each image.
        network: architecture.

    Returns:
        ``losses`` (epochs,) float64, mean training loss of each.

    Raises:
        UserError: the network does not suit the images, or the disk has no room.
        FloatingPointError: the training diverged.
    """
    seed = context.seed(f"expert {expert}")
    student, real = fresh(context, network, derive(seed, of="weights")), RealImages(context.dataset, context.device)
    names, rng = names_of(checked(expert_augment)), np.random.default_rng(seed)
    size, labels = (context.dataset.shape.height, context.dataset.shape.width), np.array(context.dataset.labels)
    parameters: list[torch.Tensor] = list(student.parameters())
    weights = sum(p.numel() for p in parameters)
    needed, free = (epochs + 1) * weights * WEIGHT, shutil.disk_usage(context.folder).free
    if needed > free:
        raise UserError(
            "the disk has no room for an expert's weights",
            found=f"{needed:,} bytes are needed for each, {free:,} are free",
            mend="ccbench cache clear, or set CCBENCH_CACHE to a folder with space",
        )
    kept = np.lib.format.open_memmap(context.folder / "weights.npy", "w+", np.float32, (epochs + 1, weights))
    kept[0] = flat(parameters).cpu().numpy()
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        total = torch.zeros((), device=context.device)
        order = rng.permutation(len(labels))
        for first in range(0, len(order), expert_batch):
            ids = order[first : first + expert_batch]
            images = seen(draw(names, size, rng, len(ids)), real.at(ids))
            # cudnn's fastest algorithms change from run to run, and results with them
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
                error = F.cross_entropy(student(images), torch.from_numpy(labels[ids]).to(images.device))
                gradients = torch.autograd.grad(error, parameters)
            with torch.no_grad():
                torch._foreach_add_(parameters, gradients, alpha=-lr_expert)
            total += error.detach() * len(ids)
        kept[epoch + 1], losses[epoch] = flat(parameters).cpu().numpy(), float(total) / len(order)
        if not np.isfinite(losses[epoch]):
            raise FloatingPointError(f"expert {expert} diverged in epoch {epoch + 1}: a smaller lr_expert")
        context.progress(epoch + 1, epochs, f"expert {expert + 1}")
    kept.flush()
    return {"losses": losses}


def flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """(P,): parameter after parameter, each in the order of its own dimensions."""
    return torch.cat([value.detach().reshape(-1) for value in tensors])
