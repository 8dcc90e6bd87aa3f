"""The loop against a plain loop, and what it promises about seeds, batches, labels and weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ccbench.archive import CompressedDataset, RawImages
from ccbench.training.images import DeviceData
from ccbench.training.loop import fit
from ccbench.training.order import batches
from ccbench.training.protocols import Recipe
from ccbench.training.schedule import learning_rate

RECIPE = Recipe(
    architecture="x", batch=16, lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True, iterations=8, warmup=0.25
)


class Tiny(torch.nn.Module):
    """No batch normalisation, so that a batch's images do not touch each other."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.conv = torch.nn.Conv2d(3, 4, 3, stride=2)
        self.head = torch.nn.Linear(4 * 49, 4)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) * 0.1)

    def forward(self, x):
        return self.head(self.conv(x).relu().flatten(1))


def weights_of(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def plain(network, data, recipe, iterations, seed, targets=None):
    """A second implementation, in the style of a tutorial."""
    optimizer = torch.optim.SGD(
        network.parameters(), lr=1, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
    )
    for i, pieces in enumerate(batches(len(data), recipe.batch, iterations, torch.Generator().manual_seed(seed))):
        ids = torch.cat([p for _, p in pieces])
        x = (data.decode(ids).float() - data.normalise.mean.view(3, 1, 1)) / data.normalise.std.view(3, 1, 1)
        y = data.labels[ids] if targets is None else targets[ids]
        losses = F.cross_entropy(network(x), y, reduction="none", label_smoothing=recipe.label_smoothing)
        w = torch.ones(len(ids)) if data.weights is None else data.weights[ids]
        optimizer.param_groups[0]["lr"] = learning_rate(recipe, i, iterations)
        optimizer.zero_grad()
        ((w * losses).sum() / w.sum()).backward()
        optimizer.step()


def test_equals_a_plain_loop(train):
    data = DeviceData.from_dataset(train)
    ours, theirs = Tiny(), Tiny()
    recipe = replace(RECIPE, label_smoothing=0.1)
    report = fit(ours, data, recipe, iterations=12, seed=3, precision="float32")
    plain(theirs, data, recipe, 12, 3)
    torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-4, atol=1e-5)
    assert report.iterations == 12
    assert report.precision == "float32"


def test_weights_and_soft_labels_equal_a_plain_loop(train):
    rng = np.random.default_rng(0)
    ids = np.arange(0, 160, 5)
    soft = rng.dirichlet(np.ones(4), len(ids)).astype(np.float16)
    weights = rng.uniform(0.1, 3, len(ids)).astype(np.float32)
    kept = CompressedDataset(
        RawImages(train.images[ids]), ids, train.labels[ids], classes=train.classes, soft_labels=soft, weights=weights
    )
    data = DeviceData.from_compressed(kept)
    for labels, targets in (("soft", data.soft_labels), ("hard", None)):
        ours, theirs = Tiny(), Tiny()
        fit(ours, data, replace(RECIPE, labels=labels), iterations=6, seed=1, precision="float32")
        plain(theirs, data, RECIPE, 6, 1, targets)
        torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-4, atol=1e-5)


def test_micro_batches_change_nothing(train):
    rng = np.random.default_rng(0)
    ids = np.arange(100)
    kept = CompressedDataset.subset(train, ids, weights=rng.uniform(0.1, 3, 100).astype(np.float32))
    data = DeviceData.from_compressed(kept)
    recipe = replace(RECIPE, crop_padding=2, flip=True)
    results = []
    for micro in (None, 5, 16, 100):
        network = Tiny()
        fit(network, data, recipe, iterations=5, seed=2, micro_batch=micro, precision="float32")
        results.append(weights_of(network))
    for other in results[1:]:
        torch.testing.assert_close(results[0], other, rtol=1e-4, atol=1e-6)


def test_same_seed_same_weights_other_seed_others(train, own_plugins):
    from ccbench.training.networks import build_network

    data = DeviceData.from_dataset(train)
    recipe = replace(RECIPE, crop_padding=2, flip=True)
    before = torch.get_rng_state()

    def run(seed):
        network = build_network("quicknet", classes=4, image_size=16, seed=seed, plugins=own_plugins)
        fit(network, data, recipe, iterations=8, seed=seed)
        return weights_of(network)

    one, two, other = run(1), run(1), run(2)
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_follows_the_seed_too(train):
    data = DeviceData.from_dataset(train)
    results = []
    for noise in (1, 2):
        torch.manual_seed(noise)  # whatever happened before
        network = torch.nn.Sequential(Tiny(), torch.nn.Dropout(0.5))
        fit(network, data, RECIPE, iterations=3, seed=4)
        results.append(weights_of(network))
    assert torch.equal(*results)


def test_a_set_smaller_than_a_batch_trains(train):
    data = DeviceData.from_dataset(train.subset(np.arange(5)))
    network = Tiny()
    seen = []

    class Watch:
        def update(self, epoch, ids, logits, labels):
            assert logits.shape == (len(ids), 4)
            assert labels.tolist() == [train.labels[i] for i in ids.tolist()]
            seen.extend((epoch, int(i)) for i in ids)

    fit(network, data, RECIPE, iterations=5, seed=0, observers=[Watch()])
    assert sorted(seen) == [(e, i) for e in range(16) for i in range(5)]  # 5 * 16 samples are 16 epochs of 5


def test_observers_see_what_trained(train):
    """With a learning rate of almost nothing, the logits are those of the plain network."""
    data = DeviceData.from_dataset(train)
    network = Tiny()
    before = copy.deepcopy(network).eval()
    shown = {}

    class Watch:
        def update(self, epoch, ids, logits, labels):
            for i, row in zip(ids.tolist(), logits, strict=True):
                shown[i] = row

    fit(
        network,
        data,
        replace(RECIPE, lr=1e-12),
        iterations=10,
        seed=0,
        observers=[Watch()],
        precision="float32",
        micro_batch=7,
    )
    with torch.no_grad():
        expected = before(data.normalise(data.decode(torch.arange(160))))
    torch.testing.assert_close(torch.stack([shown[i] for i in range(160)]), expected, rtol=1e-4, atol=1e-5)


def test_divergence_is_an_error_and_not_a_number(train):
    with pytest.raises(FloatingPointError, match="between iterations 1 and 8"):
        fit(Tiny(), DeviceData.from_dataset(train), replace(RECIPE, lr=1e30), iterations=8, seed=0)


def test_progress_reaches_the_end(train):
    told = []
    fit(Tiny(), DeviceData.from_dataset(train), RECIPE, iterations=60, seed=0, progress=lambda *a: told.append(a))
    assert told == [(50, 60, "train"), (60, 60, "train")]


def test_bfloat16_trains_as_well(train):
    network = Tiny()
    report = fit(network, DeviceData.from_dataset(train), RECIPE, iterations=40, seed=0, precision="bfloat16")
    assert report.precision == "bfloat16"
    assert report.final_loss < 1.0
    assert all(p.dtype == torch.float32 for p in network.parameters())
