"""Herding, k-center, contextual diversity and GLISTER against their definitions written out."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.coresets._choosing import Group
from cc_plugins.coresets.contextual_diversity import ContextualDiversity, Divergences
from cc_plugins.coresets.glister import Glister
from cc_plugins.coresets.herding import Herding
from cc_plugins.coresets.k_center import KCenter
from cc_plugins.submodular.distances import SquaredDistances
from cc_plugins.submodular.farthest import farthest_first
from cc_plugins.submodular.farthest_rows import Nearest, farthest_rows


def group(features, logits=None, labels=None, seed=0):
    n = len(features)
    logits = np.zeros((n, 2)) if logits is None else np.asarray(logits, float)
    labels = np.zeros(n, np.int64) if labels is None else labels
    layer = {"features": np.asarray(features, float), "logits": logits}
    return Group(np.arange(n), labels, layer, np.random.default_rng(seed))


def herding(features, budget, compat="none"):
    return Herding(compat=compat, balanced=True, proxy=None).choose(group(features), budget).tolist()


def plain_herding(features, budget, best):
    mean, chosen = features.mean(0), []
    for t in range(budget):
        target = (t + 1) * mean - features[chosen].sum(0)
        distances = {i: np.linalg.norm(target - features[i]) for i in range(len(features)) if i not in chosen}
        chosen.append(best(distances, key=lambda i: distances[i]))
    return chosen


@given(st.integers(1, 25), st.integers(0, 10**6), st.sampled_from(["none", "deepcore"]))
@settings(max_examples=40, deadline=None)
def test_herding_is_its_definition(n, seed, compat):
    features = np.random.default_rng(seed).normal(5, 1, (n, 4))
    if n > 2:  # two images lie equally far from their mean
        assert herding(features, n, compat) == plain_herding(features, n, max if compat == "deepcore" else min)


def test_herding_by_hand():
    # the mean is 2; 2 * 2 - 1 = 3 is next; then 3 * 2 - 1 - 3 = 2 lies 2 from 0 and 2 from 4: the lower position
    assert herding([[0.0], [1.0], [3.0], [4.0]], 3) == [1, 2, 0]
    assert herding([[0.0], [1.0], [3.0], [9.0]], 2, "deepcore") == [3, 2]  # mean 3.25; then 6.5 - 9 = -2.5


def test_the_mean_of_a_herd_is_nearer_than_a_random_one():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 10))
    off = np.linalg.norm(features[herding(features, 20)].mean(0) - features.mean(0))
    draws = [np.linalg.norm(features[rng.choice(300, 20, False)].mean(0) - features.mean(0)) for _ in range(50)]
    assert off < min(draws) / 2


def radius(distances, centres):
    return distances[:, list(centres)].min(1).max()


@given(st.integers(2, 9), st.integers(0, 10**6), st.data())
@settings(max_examples=30, deadline=None)
def test_greedy_centres_are_at_most_twice_as_far_as_the_best(n, seed, data):
    features = np.random.default_rng(seed).normal(size=(n, 3))
    budget = data.draw(st.integers(1, n))
    chosen = KCenter(balanced=False, proxy=None).choose(group(features, seed=seed), budget)
    distances = np.linalg.norm(features[:, None] - features, axis=2)
    best = min(radius(distances, some) for some in itertools.combinations(range(n), budget))
    assert len(set(chosen)) == budget
    assert radius(distances, chosen) <= 2 * best + 1e-9
    # and each of them is the farthest from those before
    for k in range(1, budget):
        away = distances[:, chosen[:k]].min(1)
        assert away[chosen[k]] == pytest.approx(away.max())


def test_k_center_by_hand():
    points = SquaredDistances(np.array([[0.0], [1.0], [5.0], [9.0], [10.0]]))
    assert points.to(1) == pytest.approx([1, 0, 16, 64, 81])
    assert farthest_first(points.to, 1, 5).tolist() == [1, 4, 2, 0, 3]


def test_a_repetition_is_no_centre_before_the_last_distinct_image():
    features = np.repeat(np.random.default_rng(0).normal(50, 1, (8, 40)), 3, axis=0)
    for seed in range(5):
        chosen = KCenter(balanced=False, proxy=None).choose(group(features, seed=seed), 24)
        assert sorted(chosen[:8] // 3) == list(range(8))
        assert chosen[8:].tolist() == sorted(chosen[8:])


def test_permuted_images_give_the_permuted_centres():
    rng = np.random.default_rng(3)
    features, order = rng.normal(size=(40, 5)), rng.permutation(40)
    one, other = SquaredDistances(features), SquaredDistances(features[order])
    picks = farthest_first(one.to, int(order[7]), 15)
    assert order[farthest_first(other.to, 7, 15)].tolist() == picks.tolist()
    assert order[herding(features[order], 15)].tolist() == herding(features, 15)


def by_columns(features, first, budget):
    return farthest_first(SquaredDistances(features).to, first, budget).tolist()


@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 10**6), st.sampled_from([0, 3, 1e4, 1e6]), st.data())
@settings(max_examples=60, deadline=None)
def test_single_precision_changes_no_centre(n, width, seed, off, data):
    # far from the origin float32 tells nothing apart, and the exact distances decide alone
    rng = np.random.default_rng(seed)
    features = (off + rng.integers(0, 4, (n, width)) + rng.normal(size=(n, width)) * rng.integers(0, 2)).astype("f4")
    budget = data.draw(st.integers(1, n))
    first = data.draw(st.integers(0, n - 1))
    assert farthest_rows(features, first, budget).tolist() == by_columns(features, first, budget)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
def test_features_of_any_size_in_blocks(monkeypatch, scale):
    monkeypatch.setattr("cc_plugins.submodular.farthest_rows.BLOCK", 100)
    features = scale * np.random.default_rng(0).normal(1, 1, (200, 30))
    assert farthest_rows(features, 3, 120).tolist() == by_columns(features, 3, 120)


def test_few_images_are_looked_at_exactly():
    features = np.maximum(np.random.default_rng(0).normal(size=(3000, 64)), 0).astype(np.float32)
    looked, plain = [], Nearest.exactly
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Nearest, "exactly", lambda self, places: (looked.append(len(places)), plain(self, places))[1])
        farthest_rows(features, 0, 200)
    assert sum(looked) < 3 * 200


def test_divergences_are_torchs():
    logits = np.random.default_rng(0).normal(0, 3, (12, 5))
    logs = torch.tensor(logits).log_softmax(1)
    ours = Divergences(logits)
    for place in range(12):
        target = logs[place].expand_as(logs)
        both = [
            torch.nn.functional.kl_div(a, b, reduction="none", log_target=True).sum(1)
            for a, b in ((logs, target), (target, logs))
        ]
        np.testing.assert_allclose(ours.to(place), ((both[0] + both[1]) / 2).numpy(), atol=1e-12)


def test_contextual_diversity_takes_the_most_divergent_next():
    logits = np.log([[0.98, 0.01, 0.01], [0.9, 0.05, 0.05], [0.01, 0.98, 0.01], [0.4, 0.3, 0.3], [0.01, 0.01, 0.98]])
    method = ContextualDiversity(balanced=True, proxy=None)
    chosen = method.choose(group(np.zeros((5, 1)), logits), 3)
    table = np.stack([Divergences(logits).to(i) for i in range(5)])
    for k in (1, 2):
        away = table[chosen[:k]].min(0)
        assert away[chosen[k]] == away.max() > 0
    certain = np.array([[1e5, 0, 0], [0, 1e5, 0], [0, 1e5, 1]])
    assert np.isfinite(Divergences(certain).to(0)).all()


def plain_glister(features, logits, labels, eta, budget):
    """With torch: a linear layer that really takes the step, its loss differentiated, every image's gradient made."""
    h = torch.tensor(np.concatenate([features, np.ones((len(features), 1))], axis=1))
    y = torch.tensor(labels)

    def gradient(weights, rows):
        weights = weights.clone().requires_grad_(True)
        z = torch.tensor(logits)[rows] + h[rows] @ weights.T
        return torch.autograd.grad(torch.nn.functional.cross_entropy(z, y[rows]), weights)[0]

    start = torch.zeros(logits.shape[1], h.shape[1], dtype=torch.float64)
    own = torch.stack([gradient(start, [i]) for i in range(len(h))])
    chosen = []
    for _ in range(budget):
        moved = start - eta * own[chosen].mean(0) if chosen else start
        gains = (own * gradient(moved, list(range(len(h))))).sum((1, 2))
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
    return chosen


@pytest.mark.parametrize("eta", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_glister_is_greedy_by_the_loss_after_the_step(eta, seed):
    rng = np.random.default_rng(seed)
    features, logits, labels = rng.normal(size=(25, 6)), rng.normal(size=(25, 4)), rng.integers(0, 4, 25)
    images = group(features, logits, labels)
    ours = Glister(eta=eta, compat="none", balanced=False, proxy=None).choose(images, 12).tolist()
    assert ours == plain_glister(features, logits, labels, eta, 12)


def test_glister_of_deepcore_ranks_once():
    rng = np.random.default_rng(1)
    images = group(rng.normal(size=(30, 6)), rng.normal(size=(30, 4)), rng.integers(0, 4, 30))
    gradients = images.gradients()
    rows = gradients.inner(slice(None), slice(None))
    found = Glister(eta=0.1, compat="deepcore", balanced=False, proxy=None).choose(images, 10)
    assert found.tolist() == np.argsort(-rows.mean(1))[:10].tolist()
    taken = Glister(eta=2.0, compat="none", balanced=False, proxy=None).choose(images, 10)
    assert set(taken) != set(found)
