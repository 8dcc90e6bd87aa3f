"""Dataset quantization: its bins against a plain implementation, and its draw."""

import numpy as np
import pytest

from cc_plugins.coresets._choosing import Group
from cc_plugins.coresets.dq import DQ, SPEC
from ccbench.offers.discovery import plugins


def group(n=23, classes=3, width=4, seed=0):
    rng = np.random.default_rng(seed)
    layer = {"features": rng.normal(size=(n, width)), "logits": rng.normal(size=(n, classes))}
    labels = np.zeros(n, np.int64)
    return Group(np.arange(n), labels, layer, np.random.default_rng(seed))


def method(**given):
    return DQ(**SPEC.read_params({"balanced": False, **given}))


def plain_bins(group, bins):
    """Graph cut with every similarity held, one bin after the other."""
    logits, features = group.layer["logits"], group.layer["features"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    errors = p - np.eye(logits.shape[1])[group.labels]
    gradients = (errors[:, :, None] * np.c_[features, np.ones(len(features))][:, None, :]).reshape(len(p), -1)
    unit = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    similar = 0.5 + 0.5 * unit @ unit.T
    left, made = list(range(len(p))), []
    size = max(1, round(len(left) / bins))
    while len(made) < bins - 1 and len(left) > size:
        chosen = []
        for _ in range(size):
            gain = {i: similar[i, left].sum() - 2 * similar[i, chosen].sum() for i in left if i not in chosen}
            chosen.append(max(gain, key=gain.get))
        made.append(chosen)
        left = [i for i in left if i not in chosen]
    return [*made, left]


@pytest.mark.parametrize(("n", "bins"), [(23, 4), (10, 10), (7, 3), (5, 9), (6, 1), (1, 10)])
def test_bins_are_those_of_a_plain_graph_cut(n, bins):
    images = group(n)
    assert [sorted(part.tolist()) for part in method(bins=bins).divide(images)] == [
        sorted(part) for part in plain_bins(images, bins)
    ]


def test_every_bin_gives_its_share():
    images = group(40)
    dq = method(bins=4)
    bins = dq.divide(images)
    chosen = set(dq.choose(images, 10).tolist())
    assert len(chosen) == 10
    assert sorted(len(chosen & set(part.tolist())) for part in bins) == [2, 2, 3, 3]


def test_another_seed_draws_other_images_from_the_same_bins():
    one, two = group(40, seed=1), group(40, seed=1)
    two.rng = np.random.default_rng(2)
    dq = method(bins=4)
    assert [b.tolist() for b in dq.divide(one)] == [b.tolist() for b in dq.divide(two)]
    assert set(dq.choose(one, 10).tolist()) != set(dq.choose(two, 10).tolist())


def test_it_is_offered():
    assert plugins().get("method", "dq").random
