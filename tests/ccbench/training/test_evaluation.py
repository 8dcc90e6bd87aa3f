"""Evaluation sees the compressed set alone, and tests once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ccbench.archive import CompressedDataset
from ccbench.errors import UserError
from ccbench.training import DeviceData, Protocol, Recipe, accuracy, evaluate
from ccbench.training.precision import fastest

RECIPE = Recipe(architecture="quicknet", batch=16, lr=0.1, iterations=40)
PROTOCOL = Protocol(name="p", version="1", summary="", train=RECIPE, proxy=RECIPE)


def run(train, test_split, plugins, protocol=PROTOCOL, ids=range(60), **more):
    kept = CompressedDataset.subset(train, np.array(ids))
    return evaluate(kept, test_split, protocol=protocol, full=train.shape, seed=1, plugins=plugins, **more)


def test_it_learns_and_repeats(train, test_split, own_plugins):
    one = run(train, test_split, own_plugins)
    two = run(train, test_split, own_plugins)
    assert one.accuracy > 0.9
    assert (one.accuracy, one.final_loss) == (two.accuracy, two.final_loss)
    assert one.iterations == 40
    assert one.best_accuracy is None
    assert one.peak_memory > 1 << 20
    assert one.precision == fastest("cpu")


def test_wrong_labels_teach_wrong_answers(train, test_split, own_plugins):
    wrong = type(train).from_arrays(train.images, (train.labels + 1) % 4, train.classes, name="wrong")
    assert run(wrong, test_split, own_plugins).accuracy < 0.1


def test_another_architecture_and_the_peek(train, test_split, own_plugins):
    short = replace(PROTOCOL, train=replace(RECIPE, iterations=6))
    looking = replace(PROTOCOL, train=replace(RECIPE, iterations=6, evaluate_every=2))
    plain = run(train, test_split, own_plugins, short, architecture="convnet-d3")
    peeked = run(train, test_split, own_plugins, looking, architecture="convnet-d3")
    assert peeked.best_accuracy >= peeked.accuracy
    assert (peeked.accuracy, peeked.final_loss) == (plain.accuracy, plain.final_loss)  # looking changes nothing
    assert run(train, test_split, own_plugins, short).final_loss != plain.final_loss  # another network was trained


def test_foreign_test_splits_are_refused(train, test_split, own_plugins):
    other = type(train).from_arrays(
        test_split.images, test_split.labels, ["w", "x", "y", "z"], name="other", split="test"
    )
    with pytest.raises(UserError, match="not of the same dataset"):
        run(train, other, own_plugins)


def test_accuracy_by_hand(train):
    class First(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.one_hot(torch.zeros(len(x), dtype=torch.int64), 4).float()

    data = DeviceData.from_dataset(train)
    assert accuracy(First(), data, data.normalise) == (train.labels == 0).mean()
