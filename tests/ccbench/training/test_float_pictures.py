"""Training on pictures of another space, and a test set that is brought into it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ccbench.archive import Channels, CompressedDataset, FloatImages, RawImages, Whitening
from ccbench.errors import UserError
from ccbench.training import Protocol, Recipe, evaluate

RECIPE = Recipe(architecture="quicknet", batch=16, lr=0.1, iterations=40)


def whitening(images):
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255
    values, vectors = np.linalg.eigh(np.cov((flat - flat.mean(0)).T))
    return Whitening(flat.mean(0), vectors @ np.diag((values + 0.1) ** -0.5) @ vectors.T)


def floats(train, space, n=60, **more):
    pixels = torch.from_numpy(train.images[:n].copy()).permute(0, 3, 1, 2)
    values = space.values(pixels).permute(0, 2, 3, 1).numpy()
    return CompressedDataset(
        FloatImages(values, space), np.full(n, -1), train.labels[:n], classes=train.classes, **more
    )


def run(kept, train, test_split, plugins, **changes):
    recipe = replace(RECIPE, **changes)
    protocol = Protocol(name="p", version="1", summary="", train=recipe, proxy=recipe)
    return evaluate(kept, test_split, protocol=protocol, full=train.shape, seed=1, plugins=plugins)


def test_the_test_set_goes_through_the_stored_transform(train, test_split, own_plugins):
    assert run(floats(train, whitening(train.images)), train, test_split, own_plugins).accuracy > 0.9
    negative = floats(train, Whitening(np.full(768, 0.5), -4 * np.eye(768)))
    assert run(negative, train, test_split, own_plugins).accuracy > 0.9
    # the same values without the transform: a test set that is not turned over
    wrong = FloatImages(negative.payload.values, Channels((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    kept = CompressedDataset(wrong, negative.ids, negative.labels, classes=negative.classes)
    assert run(kept, train, test_split, own_plugins).accuracy < 0.4


def test_floats_train_as_the_pixels_that_they_are(train, test_split, own_plugins):
    raw = CompressedDataset(RawImages(train.images[:60]), range(60), train.labels[:60], classes=train.classes)
    pixels = train.images[:60].reshape(-1, 3) / 255
    same = Channels(pixels.mean(0), pixels.std(0))
    changes = {"crop_padding": 1, "flip": True, "mix": "cutmix"}
    one = run(raw, train, test_split, own_plugins, **changes)
    two = run(floats(train, same), train, test_split, own_plugins, **changes)
    assert two.accuracy == one.accuracy
    assert two.final_loss == pytest.approx(one.final_loss, rel=1e-3)


def test_a_whitening_of_another_size_is_refused(train, test_split, own_plugins):
    small = replace_images(train, train.images[:, :8, :8])
    with pytest.raises(UserError, match="not for images of 16 x 16"):
        run(floats(small, whitening(small.images)), train, test_split, own_plugins)


def replace_images(dataset, images):
    return type(dataset).from_arrays(np.ascontiguousarray(images), dataset.labels, dataset.classes, name="other")


def test_a_learned_rate_is_used_where_the_protocol_allows_it(train, test_split, own_plugins):
    space = Channels((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    with_rate = floats(train, space, learning_rate=0.02)
    told = {learned: run(with_rate, train, test_split, own_plugins, learned_lr=learned) for learned in (False, True)}
    assert {learned: outcome.learned_lr for learned, outcome in told.items()} == {False: None, True: 0.02}
    losses = {learned: outcome.final_loss for learned, outcome in told.items()}
    without = floats(train, space)
    assert losses[False] == run(without, train, test_split, own_plugins, learned_lr=True).final_loss
    assert losses[True] == run(without, train, test_split, own_plugins, lr=0.02).final_loss
    assert losses[True] != losses[False]


def test_an_outcome_says_which_labels_were_learned_from(train, test_split, own_plugins):
    space = Channels((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    plain = floats(train, space)
    soft = np.full((len(plain), len(train.classes)), 1 / len(train.classes), np.float16)
    learned = floats(train, space, soft_labels=soft)
    told = {
        (given, labels): run(data, train, test_split, own_plugins, labels=labels).labels
        for given, data in (("none", plain), ("soft", learned))
        for labels in ("hard", "soft")
    }
    assert {pair for pair, word in told.items() if word == "soft"} == {("soft", "soft")}
    assert set(told.values()) == {"hard", "soft"}
