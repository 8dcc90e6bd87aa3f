"""Losses against torch's own modules and by hand."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ccbench.errors import UserError
from ccbench.training.images import DeviceData, Normalise
from ccbench.training.losses import Objective, divergence
from ccbench.training.recipe import Recipe
from ccbench.training.teacher import Teacher

RECIPE = Recipe(architecture="x", batch=4, lr=0.1, epochs=1.0)
LOGITS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 5
TARGET = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)) * 5
IDS = torch.tensor([3, 0, 2, 1])
PARTNERS = torch.tensor([0, 3, 2, 4])
IMAGES = torch.zeros(4, 3, 2, 2)


def data(**more):
    labels = torch.tensor([0, 1, 2, 1, 0])
    return DeviceData(decode=lambda ids: None, labels=labels, classes=3, device=torch.device("cpu"), **more)


class Answers(torch.nn.Module):
    def forward(self, x):
        return TARGET[: len(x)]


def teacher(classes=3):
    return Teacher(Answers(), Normalise(torch.zeros(3), torch.ones(3)), "answers", classes, 0)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_divergence_is_torchs_batchmean(temperature):
    student = LOGITS.clone().requires_grad_()
    ours = divergence(student, TARGET, temperature)
    theirs = torch.nn.KLDivLoss(reduction="batchmean")(
        F.log_softmax(LOGITS / temperature, 1), F.softmax(TARGET / temperature, 1)
    )
    torch.testing.assert_close(ours.mean(), theirs)
    ours.sum().backward()
    gradient = (F.softmax(LOGITS / temperature, 1) - F.softmax(TARGET / temperature, 1)) / temperature  # no T^2
    torch.testing.assert_close(student.grad, gradient, atol=1e-6, rtol=1e-4)


def test_divergence_by_hand_and_at_its_extremes():
    even, sure = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])  # (1/2, 1/2) and (3/4, 1/4)
    assert divergence(even, sure, 1.0).item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert divergence(sure, sure, 7.0).item() == 0
    assert divergence(torch.tensor([[0.0, 500.0]]), torch.tensor([[500.0, 0.0]]), 1.0).item() == pytest.approx(500)


def test_a_teachers_batch():
    recipe = replace(RECIPE, labels="teacher", temperature=20.0)
    losses = divergence(LOGITS, TARGET, 20.0)
    plain = Objective(recipe, data(), teacher())
    torch.testing.assert_close(plain(LOGITS, IMAGES, IDS, IDS, 1.0), losses.sum())
    torch.testing.assert_close(plain(LOGITS, IMAGES, IDS, PARTNERS, 0.3), losses.sum())  # the mixed image is labelled
    weighted = Objective(recipe, data(weights=torch.tensor([1.0, 2, 4, 8, 16])), teacher())
    expected = losses @ torch.tensor([0.75 * 8 + 0.25, 0.75 + 0.25 * 8, 4.0, 0.75 * 2 + 0.25 * 16])
    torch.testing.assert_close(weighted(LOGITS, IMAGES, IDS, PARTNERS, 0.75), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hard_labels_are_mixed_by_area(smoothing):
    objective = Objective(replace(RECIPE, label_smoothing=smoothing), data(), None)
    hot = F.one_hot(data().labels, 3).float()
    target = 0.75 * hot[IDS] + 0.25 * hot[PARTNERS]
    expected = F.cross_entropy(LOGITS, target, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(objective(LOGITS, IMAGES, IDS, PARTNERS, 0.75), expected)
    torch.testing.assert_close(
        objective(LOGITS, IMAGES, IDS, IDS, 1.0),
        F.cross_entropy(LOGITS, hot[IDS], reduction="sum", label_smoothing=smoothing),
    )


def test_stored_soft_labels_are_mixed_and_an_image_takes_its_weight_along():
    soft = torch.tensor([[0.5, 0.5, 0], [0.1, 0.2, 0.7], [1, 0, 0], [0.3, 0.3, 0.4], [0, 1, 0]])
    weights = torch.tensor([1.0, 2, 4, 8, 16])
    objective = Objective(replace(RECIPE, labels="soft"), data(soft_labels=soft, weights=weights), None)
    logs = F.log_softmax(LOGITS, 1)
    own, others = -(soft[IDS] * logs).sum(1) * weights[IDS], -(soft[PARTNERS] * logs).sum(1) * weights[PARTNERS]
    torch.testing.assert_close(objective(LOGITS, IMAGES, IDS, PARTNERS, 0.6), (0.6 * own + 0.4 * others).sum())
    # stored labels stand back behind a teacher, and hard labels ignore both
    taught = Objective(replace(RECIPE, labels="teacher"), data(soft_labels=soft), teacher())
    torch.testing.assert_close(taught(LOGITS, IMAGES, IDS, IDS, 1.0), divergence(LOGITS, TARGET, 1.0).sum())
    hard = Objective(RECIPE, data(soft_labels=soft), teacher())
    torch.testing.assert_close(
        hard(LOGITS, IMAGES, IDS, IDS, 1.0), F.cross_entropy(LOGITS, data().labels[IDS], reduction="sum")
    )


def test_without_a_teacher_and_with_another_datasets():
    recipe = replace(RECIPE, labels="teacher")
    with pytest.raises(ValueError, match="needs a teacher"):
        Objective(recipe, data(), None)
    with pytest.raises(UserError, match="10 instead of 3"):
        Objective(recipe, data(), teacher(10))
