"""The loop against a plain loop, and what it promises about seeds, batches, labels and weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ccbench.archive import CompressedDataset, RawImages
from ccbench.training.images import DeviceData
from ccbench.training.learning_rate import learning_rate
from ccbench.training.loop import fit
from ccbench.training.order import batches
from ccbench.training.protocols import Recipe
from ccbench.training.teacher import Teacher

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
    report = fit(ours, data, recipe, iterations=12, seed=3)
    plain(theirs, data, recipe, 12, 3)
    torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-4, atol=1e-5)
    assert report.iterations == 12


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
        fit(ours, data, replace(RECIPE, labels=labels), iterations=6, seed=1)
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
        fit(network, data, recipe, iterations=5, seed=2, micro_batch=micro)
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
        micro_batch=7,
    )
    with torch.no_grad():
        expected = before(data.normalise(data.decode(torch.arange(160))))
    torch.testing.assert_close(torch.stack([shown[i] for i in range(160)]), expected, rtol=1e-4, atol=1e-5)


def test_divergence_is_an_error_and_not_a_number(train):
    with pytest.raises(FloatingPointError, match="between iterations 1 and 8"):
        fit(Tiny(), DeviceData.from_dataset(train), replace(RECIPE, lr=1e30), iterations=8, seed=0)


def test_progress_is_told_of_every_update(train):
    """A network that takes seconds for one would otherwise say nothing for minutes."""
    told = []
    fit(Tiny(), DeviceData.from_dataset(train), RECIPE, iterations=60, seed=0, progress=lambda *a: told.append(a))
    assert told == [(done, 60, "train") for done in range(1, 61)]


def test_bfloat16_trains_as_well(train):
    network = Tiny()
    report = fit(network, DeviceData.from_dataset(train), replace(RECIPE, precision="bfloat16"), iterations=40, seed=0)
    assert report.final_loss < 1.0
    assert all(p.dtype == torch.float32 for p in network.parameters())


SOFT = Recipe(
    architecture="x",
    batch=50,
    lr=0.01,
    epochs=4.0,
    epochs_of="budget",
    optimizer="adamw",
    decay="matrices",
    weight_decay=0.1,
    cosine_length=2.0,
    schedule_step="epoch",
    normalise="imagenet",
    labels="teacher",
    temperature=20.0,
)
EVERYTHING = replace(SOFT, crop_scale=0.5, shuffle_patches=2, flip=True, mix="cutmix", batchnorm_updates=2)


def tutor(data, scale=3.0):
    """A teacher that is another Tiny, sure of itself."""
    network = Tiny()
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(scale).neg_()
    return Teacher(network, data.normalise, "tiny", 4, 0)


def test_a_teachers_training_equals_a_plain_loop(train):
    """A loader in the classic style, KLDivLoss, AdamW in two groups and LambdaLR, as RDED's evaluation is written."""
    data = DeviceData.from_dataset(train.subset(np.arange(120)))
    ours, theirs = Tiny(), Tiny()
    report = fit(ours, data, SOFT, iterations=SOFT.steps(120), seed=3, teacher=tutor(data))
    teacher = tutor(data).network
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    decaying = [p for p in theirs.parameters() if p.ndim > 1]
    others = [p for p in theirs.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decaying, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=0.01
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 0.5 * (1 + np.cos(np.pi * e / 4 / 2)))
    generator = torch.Generator().manual_seed(3)
    updates = 0
    for _ in range(4):
        order = torch.randperm(120, generator=generator)
        for ids in order.split(50):
            pixels = data.decode(ids).float()
            own = (pixels - data.normalise.mean.view(3, 1, 1)) / data.normalise.std.view(3, 1, 1)
            with torch.no_grad():
                soft = F.softmax(teacher(own) / 20, 1)
            logits = theirs((pixels / 255 - mean) / std)
            optimizer.zero_grad()
            torch.nn.KLDivLoss(reduction="batchmean")(F.log_softmax(logits / 20, 1), soft).backward()
            optimizer.step()
            updates += 1
        scheduler.step()
    assert report.iterations == updates == 12
    torch.testing.assert_close(weights_of(ours), weights_of(theirs), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(weights_of(ours), weights_of(Tiny()), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("labels", ["teacher", "hard"])
@pytest.mark.parametrize("mixing", ["cutmix", "mixup"])
def test_micro_batches_change_nothing_with_all_of_it(train, labels, mixing):
    rng = np.random.default_rng(0)
    kept = CompressedDataset.subset(train, np.arange(100), weights=rng.uniform(0.1, 3, 100).astype(np.float32))
    data = DeviceData.from_compressed(kept)
    recipe = replace(EVERYTHING, batch=30, mix=mixing, labels=labels, temperature=20.0 if labels == "teacher" else 1.0)
    results = []
    for micro in (None, 7):
        network = Tiny()
        fit(network, data, recipe, iterations=6, seed=2, teacher=tutor(data), micro_batch=micro)
        results.append(weights_of(network))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)  # AdamW divides rounding errors by small numbers


def test_same_seed_same_weights_with_all_of_it(train, own_plugins):
    from ccbench.training.networks import build_network

    data = DeviceData.from_dataset(train)

    def run(seed, recipe=EVERYTHING):
        network = build_network("quicknet", classes=4, image_size=16, seed=0, plugins=own_plugins)
        fit(network, data, recipe, iterations=3, seed=seed, teacher=tutor(data), size=(16, 16))
        return weights_of(network)

    one, two, other = run(1), run(1), run(2)
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)
    for change in ({"mix": "none"}, {"shuffle_patches": 1}, {"crop_scale": 0.0}, {"flip": False}, {"temperature": 1.0}):
        assert not torch.equal(run(1, replace(EVERYTHING, **change)), one), change


def test_a_batch_that_counts_twice_moves_only_statistics(train, own_plugins):
    from ccbench.training.networks import build_network

    data = DeviceData.from_dataset(train)
    states = []
    for updates in (1, 2):
        network = build_network("quicknet", classes=4, image_size=16, seed=0, plugins=own_plugins)
        fit(network, data, replace(EVERYTHING, batchnorm_updates=updates), iterations=2, seed=0, teacher=tutor(data))
        assert {m.momentum for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.1}
        states.append(
            (weights_of(network), torch.cat([b.flatten() for b in network.buffers() if b.is_floating_point()]))
        )
    assert torch.equal(states[0][0], states[1][0])
    assert not torch.allclose(states[0][1], states[1][1])


def test_a_network_learns_from_a_teacher_what_labels_do_not_say(train):
    """The stored labels are all wrong; the teacher's answers are followed nevertheless."""
    data = DeviceData.from_dataset(train)
    expert = Tiny()
    fit(expert, data, RECIPE, iterations=60, seed=0)
    wrong = replace(data, labels=(data.labels + 1) % 4)
    pupil = Tiny()
    recipe = replace(SOFT, normalise="own", temperature=4.0, mix="cutmix", weight_decay=0.0)
    fit(pupil, wrong, recipe, iterations=80, seed=1, teacher=Teacher(expert, data.normalise, "expert", 4, 0))
    with torch.no_grad():
        answers = pupil(data.normalise(data.decode(torch.arange(160)))).argmax(1)
    assert (answers == data.labels).float().mean() > 0.9


def test_what_a_caller_must_give(train):
    from ccbench.training.rules import Rule

    data = DeviceData.from_dataset(train)
    with pytest.raises(ValueError, match="needs a teacher"):
        fit(Tiny(), data, SOFT, iterations=1, seed=0)
    with pytest.raises(ValueError, match="resolve it first"):
        fit(Tiny(), data, replace(RECIPE, when=(Rule(min_ipc=1, overrides=(("batch", 2),)),)), iterations=1, seed=0)


def test_looks_and_samples_by_epochs(train):
    looked = []
    recipe = replace(SOFT, labels="hard", temperature=1.0, evaluate_every_epochs=2, evaluate_from=0.4)
    data = DeviceData.from_dataset(train.subset(np.arange(70)))
    report = fit(Tiny(), data, recipe, iterations=recipe.steps(120), seed=0, epoch_images=120, look=looked.append)
    assert looked == [6, 12]  # after the second and the fourth epoch of three updates
    assert report.images_per_second * report.seconds == pytest.approx(4 * 120)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(train):
    data = DeviceData.from_dataset(train)
    results = []
    for compiled in (False, True):
        network = Tiny()
        fit(network, data, EVERYTHING, iterations=5, seed=0, teacher=tutor(data), compile=compiled)
        results.append(weights_of(network))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)
