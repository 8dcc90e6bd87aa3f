"""What a network is trained towards: hard labels, a file's soft labels, or a teacher's."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ccbench.errors import UserError
from ccbench.training.images import DeviceData
from ccbench.training.recipe import Recipe
from ccbench.training.teacher import Teacher


class Objective:
    """The loss of a recipe on a set of images.

    Args:
        recipe: its ``labels``, ``label_smoothing``, ``temperature`` and ``precision``, that of the teacher too.
        data: labels, soft labels and weights.
        teacher: on the data's device; needed under labels ``"teacher"``, not used otherwise.

    Raises:
        ValueError: labels ``"teacher"`` without one.
        UserError: the teacher knows another number of classes.
    """

    def __init__(self, recipe: Recipe, data: DeviceData, teacher: Teacher | None) -> None:
        if recipe.labels == "teacher":
            if teacher is None:
                raise ValueError("labels = 'teacher' needs a teacher")
            if teacher.classes != data.classes:
                raise UserError(
                    f"the teacher {teacher.name} has another number of classes than the dataset",
                    found=f"{teacher.classes} instead of {data.classes}",
                )
        self.recipe, self.data = recipe, data
        self.teacher = teacher if recipe.labels == "teacher" else None
        self.soft = data.soft_labels if recipe.labels == "soft" else None

    def __call__(
        self, logits: torch.Tensor, images: torch.Tensor, ids: torch.Tensor, partners: torch.Tensor, kept: float
    ) -> torch.Tensor:
        """The weighted sum of the losses of some images, a scalar with gradients.

        Args:
            logits: (b, classes) float32, the network's.
            images: (b, 3, H, W) in 0 .. 255, as the network saw them before normalisation.
            ids: (b,) int64, the images' places in the data.
            partners: (b,) int64, the places of the images mixed into them; ``ids`` where nothing was mixed.
            kept: share of each image that is its own; 1 where nothing was mixed.
        """
        weights = self.data.weights
        if self.teacher is not None:
            losses = divergence(logits, self.teacher(images, precision=self.recipe.precision), self.recipe.temperature)
            if weights is not None:
                losses = losses * (kept * weights[ids] + (1 - kept) * weights[partners])
            return losses.sum()
        own = self._towards(logits, ids).sum()
        return own if kept == 1 else kept * own + (1 - kept) * self._towards(logits, partners).sum()

    def _towards(self, logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """(b,) weighted cross entropies with the labels of those images."""
        if self.soft is not None:
            losses = F.cross_entropy(logits, self.soft[ids], reduction="none")
        else:
            smoothing = self.recipe.label_smoothing
            losses = F.cross_entropy(logits, self.data.labels[ids], reduction="none", label_smoothing=smoothing)
        return losses if self.data.weights is None else losses * self.data.weights[ids]


def divergence(logits: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    """Kullback-Leibler divergence of softmax(logits / T) from softmax(target / T), image by image.

    Without the factor T^2 of Hinton et al. (2015): RDED's released code leaves it out.

    Args:
        logits, target: (b, classes) float32; gradients flow to ``logits`` alone.
        temperature: T > 0.

    Returns:
        (b,) float32 >= 0; their mean is KLDivLoss(reduction="batchmean").
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(target / temperature, dim=1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)
