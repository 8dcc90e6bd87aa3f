"""The course of a training, against losses that are reckoned a second time from what the network gave."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ccbench.archive import CompressedDataset
from ccbench.schema import fit as fits
from ccbench.training import DeviceData, Protocol, Recipe, evaluate, evaluation, fit
from ccbench.training.curve import LOOK, POINTS, Curve, ends, thinned, window
from ccbench.training.learning_rate import learning_rate
from ccbench.training.loop import _mean
from ccbench.training.networks import build_network

RECIPE = Recipe(architecture="quicknet[width=8]", batch=8, lr=0.05, warmup=0.1, iterations=120)


class Losses:
    """Every update's mean cross entropy, from its logits."""

    def __init__(self):
        self.told = []

    def update(self, _epoch, _ids, logits, labels):
        self.told.append(torch.nn.functional.cross_entropy(logits, labels, reduction="none").tolist())

    def of_batches(self, batch):
        every = [loss for piece in self.told for loss in piece]
        return [float(np.mean(every[start : start + batch])) for start in range(0, len(every), batch)]


def trained(train, plugins, iterations, seed=3):
    network = build_network(RECIPE.architecture, classes=4, image_size=16, seed=seed, plugins=plugins)
    seen = Losses()
    data = DeviceData.from_dataset(train)
    return fit(network, data, RECIPE, iterations=iterations, seed=seed, observers=[seen]), seen.of_batches(8)


@pytest.mark.parametrize("iterations", [7, 101, 120])
def test_each_point_is_the_mean_loss_since_the_one_before(train, own_plugins, iterations):
    report, losses = trained(train, own_plugins, iterations)
    curve = report.curve
    assert len(losses) == iterations == curve.iterations[-1]
    starts = (0, *curve.iterations)
    by_hand = [np.mean(losses[start:end]) for start, end in zip(starts, curve.iterations, strict=False)]
    assert curve.loss == pytest.approx(by_hand, rel=1e-4)
    assert curve.lr == tuple(learning_rate(RECIPE, end - 1, iterations) for end in curve.iterations)
    assert curve.last_loss == pytest.approx(report.final_loss, rel=1e-6)


def test_the_last_point_is_the_last_loss_where_it_stands_for_the_same_updates(train, own_plugins):
    report, _ = trained(train, own_plugins, 101)
    assert report.curve.iterations[-2:] == (100, 101)
    assert report.curve.loss[-1] == report.final_loss == report.curve.last_loss


def test_losses_add_up_to_the_last_digit_as_on_a_device():
    losses = torch.rand(50, generator=torch.Generator().manual_seed(0)) * 7
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    assert _mean(losses.tolist()) == float(total) / 50


def test_the_same_seed_gives_the_same_curve(train, own_plugins):
    one, other = (trained(train, own_plugins, 30, seed)[0].curve for seed in (3, 4))
    assert trained(train, own_plugins, 30)[0].curve == one != other


@given(st.integers(1, 10**6))
def test_points_are_few_and_end_where_the_training_and_its_last_loss_do(iterations):
    points = ends(iterations)
    assert points == sorted(set(points))
    assert points[-1] == iterations
    assert len(points) <= POINTS + 1
    assert max(b - a for a, b in zip([0, *points], points, strict=False)) <= -(-iterations // POINTS)
    assert window(iterations) in (0, *points)
    assert 0 < iterations - window(iterations) <= LOOK


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_thinned_looks_keep_the_first_the_last_and_the_best(accuracies):
    looks = [*enumerate(accuracies, 1)]
    kept = thinned(looks)
    assert len(kept) <= POINTS + 1
    assert kept == sorted(set(kept))
    assert set(kept) <= set(looks)
    assert (kept[0], kept[-1]) == (looks[0], looks[-1])
    assert max(share for _, share in kept) == max(accuracies)


def looked_at(train, test_split, plugins, monkeypatch, **changes):
    protocol = Protocol(name="p", version="1", summary="", train=replace(RECIPE, **changes), proxy=RECIPE)
    shares, plain = [], evaluation.accuracy

    def counted(*given, **more):
        shares.append(plain(*given, **more))
        return shares[-1]

    monkeypatch.setattr(evaluation, "accuracy", counted)
    kept = CompressedDataset.subset(train, np.arange(60))
    return evaluate(kept, test_split, protocol=protocol, full=train.shape, seed=1, plugins=plugins), shares


def test_looks_at_the_test_set_are_on_the_curve_and_there_are_no_more_of_them(
    train, test_split, own_plugins, monkeypatch
):
    plain, shares = looked_at(train, test_split, own_plugins, monkeypatch, iterations=7)
    assert len(shares) == 1
    assert (plain.curve.looked, plain.curve.accuracy, plain.best_accuracy) == ((), (), None)
    monkeypatch.undo()
    looking, shares = looked_at(train, test_split, own_plugins, monkeypatch, iterations=7, evaluate_every=2)
    assert looking.curve.looked == (2, 4, 6, 7)
    assert looking.curve.accuracy == tuple(shares)
    assert (looking.accuracy, looking.best_accuracy) == (shares[-1], max(shares))
    assert looking.curve.loss == plain.curve.loss  # looking changes nothing


GOOD = {"iterations": [1, 5], "loss": [2.0, 1.0], "lr": [0.1, 0.0], "looked": [5], "accuracy": [0.5]}


def test_a_curve_survives_its_file():
    curve = fits(GOOD, Curve)
    assert curve == Curve(iterations=(1, 5), loss=(2.0, 1.0), lr=(0.1, 0.0), looked=(5,), accuracy=(0.5,))
    assert fits(json.loads(json.dumps(asdict(curve))), Curve) == curve


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": [1.0]}, {"lr": []}, {"iterations": [], "loss": [], "lr": []}, {"iterations": [5, 5]},
        {"iterations": [0, 5]}, {"iterations": [1, 2**40]}, {"loss": [1.0, None]}, {"loss": [1.0, 1e301]},
        {"lr": [0.1, -0.1]}, {"accuracy": [1.5]}, {"looked": []}, {"loss": "12"}, {"iterations": [1.5, 5]},
        {name: [*range(1, 102)] for name in ("iterations", "loss", "lr")},
        {"looked": [5, 4], "accuracy": [0.5, 0.5]},
    ],
)  # fmt: skip
def test_a_curve_that_no_training_could_have_is_none(changes):
    with pytest.raises(ValueError, match=r"(?i)expected|curve"):
        fits({**GOOD, **changes}, Curve)
