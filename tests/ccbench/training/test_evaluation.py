"""Evaluation sees the compressed set alone, and tests once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.transforms import functional as tv

from ccbench.archive import CompressedDataset, RawImages
from ccbench.errors import UserError
from ccbench.training import DeviceData, Protocol, Recipe, Teacher, accuracy, evaluate, fit
from ccbench.training.evaluation import middle
from ccbench.training.networks import build_network
from ccbench.training.rules import Rule

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


def enlarged(train, ids, factor=4):
    """The same images with every pixel repeated, as a method that works at another size stores them."""
    images = train.images[ids].repeat(factor, 1).repeat(factor, 2)
    return CompressedDataset(RawImages(images), ids, train.labels[ids], classes=train.classes)


def test_pictures_of_another_size_are_seen_at_the_test_splits(train, test_split, own_plugins):
    ids = np.arange(60)
    same = run(train, test_split, own_plugins)
    large = evaluate(enlarged(train, ids), test_split, protocol=PROTOCOL, full=train.shape, seed=1, plugins=own_plugins)
    assert large.accuracy > 0.9
    assert large.final_loss == pytest.approx(same.final_loss, rel=0.3)
    cropped = replace(PROTOCOL, train=replace(RECIPE, crop_scale=0.5, iterations=60))
    outcome = evaluate(
        enlarged(train, ids), test_split, protocol=cropped, full=train.shape, seed=1, plugins=own_plugins
    )
    assert outcome.accuracy > 0.8


def test_statistics_are_those_of_what_the_network_sees(train, test_split, own_plugins, monkeypatch):
    """Stripes of 0 and 255 pixels become grey when they are shrunk: their deviation is small and not 127."""
    stripes = np.zeros((4, 64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    stored = CompressedDataset(RawImages(stripes), [-1] * 4, np.arange(4), classes=train.classes)
    seen = []
    from ccbench.training import evaluation

    def watching(network, data, recipe, **more):
        seen.append(more["normalise"])
        return fit(network, data, recipe, **more)

    monkeypatch.setattr(evaluation, "fit", watching)
    for change in ({}, {"crop_scale": 0.9}, {"normalise": "imagenet"}):
        short = replace(PROTOCOL, train=replace(RECIPE, iterations=1, **change))
        evaluate(stored, test_split, protocol=short, full=train.shape, seed=1, plugins=own_plugins)
    for normalise in seen[:2]:
        assert max(normalise.std.tolist()) < 5  # the border has a little
        assert normalise.mean.tolist() == pytest.approx([127.5] * 3, abs=1)
    assert seen[2].std.tolist() == pytest.approx([0.229 * 255, 0.224 * 255, 0.225 * 255])


def test_updates_follow_what_the_budget_keeps(train, test_split, own_plugins):
    recipe = replace(RECIPE, iterations=None, epochs=2.0, epochs_of="budget", batch=50, crop_padding=1)
    rules = (Rule(min_ipc=10, overrides=(("batch", 30),)),)
    protocol = replace(PROTOCOL, train=replace(recipe, when=rules))
    one = run(train, test_split, own_plugins, protocol, kept_images=39)  # 9.75 per class: one batch of 39 an epoch
    two = run(train, test_split, own_plugins, protocol, kept_images=40)  # 10 per class: 30 and 10
    alone = run(train, test_split, own_plugins, protocol)  # as many as there are: 60
    assert (one.iterations, two.iterations, alone.iterations) == (2, 4, 4)


def test_a_teacher_teaches_and_is_asked_for(train, test_split, own_plugins):
    data = DeviceData.from_dataset(train)
    expert = build_network("quicknet", classes=4, image_size=16, seed=5, plugins=own_plugins)
    fit(expert, data, RECIPE, iterations=60, seed=5)
    teacher = Teacher(expert, data.normalise, "expert", 4, 0)
    wrong = type(train).from_arrays(train.images, (train.labels + 1) % 4, train.classes, name="wrong")
    soft = replace(
        RECIPE,
        optimizer="adamw",
        lr=0.01,
        labels="teacher",
        temperature=4.0,
        mix="cutmix",
        batchnorm_updates=2,
        center_crop=True,
        iterations=None,
        epochs=20.0,
        epochs_of="budget",
        evaluate_every_epochs=5,
        evaluate_from=0.4,
    )
    protocol = replace(PROTOCOL, train=soft)
    outcome = run(wrong, test_split, own_plugins, protocol, teacher=teacher, kept_images=60)
    assert outcome.accuracy > 0.9  # the labels of the file are wrong, the teacher's are not
    assert outcome.iterations == 80
    assert outcome.best_accuracy >= outcome.accuracy
    with pytest.raises(ValueError, match="needs a teacher"):
        run(train, test_split, own_plugins, protocol)
    with pytest.raises(UserError, match="10 instead of 4"):
        run(train, test_split, own_plugins, protocol, teacher=replace(teacher, classes=10))


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (70, 91), (32, 32), (30, 90)])
def test_the_middle_is_torchvisions(size):
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    expected = tv.center_crop(tv.resize(images.float(), min(size) // 7 * 8, antialias=True), list(size))
    torch.testing.assert_close(middle(images).float(), expected, atol=0.01, rtol=0)


def test_accuracy_looks_at_the_middle(train):
    """A network that is right where the first row is bright: enlarged and cut, the dark frame is gone."""
    images = np.full((10, 70, 70, 3), 200, np.uint8)
    images[:, :2] = 0
    framed = type(train).from_arrays(images, np.array([0] + [1] * 9), ["dark", "bright"], name="framed")

    class FirstRow(torch.nn.Module):
        def forward(self, x):
            bright = x[:, :, 0].mean((1, 2))
            return torch.stack((-bright, bright), 1)

    data = DeviceData.from_dataset(framed)
    assert accuracy(FirstRow(), data, data.normalise) == 0.1
    assert accuracy(FirstRow(), data, data.normalise, center_crop=True) == 0.9
