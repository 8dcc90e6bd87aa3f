"""CRAIG and GradMatch against their definitions with gradients written out, scikit-learn and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from sklearn.linear_model import orthogonal_mp

from cc_plugins.coresets._choosing import Group
from cc_plugins.coresets.craig import Craig, Nearness
from cc_plugins.coresets.gradmatch import GradMatch
from cc_plugins.submodular.functions import FacilityLocation
from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors
from cc_plugins.submodular.greedy import greedy
from cc_plugins.submodular.matching import match, weights


def group(n, seed=0, classes=4, width=5):
    rng = np.random.default_rng(seed)
    layer = {"features": np.abs(rng.normal(size=(n, width))), "logits": rng.normal(0, 2, (n, classes))}
    return Group(np.arange(n), np.full(n, 1), layer, rng)


def written_out(images, errors=cross_entropy_errors):
    inputs = np.concatenate([images.features, np.ones((len(images.members), 1))], axis=1)
    rows = errors(images.logits, images.labels)[:, :, None] * inputs[:, None, :]
    return rows.reshape(len(inputs), -1)


def craig(compat="none"):
    return Craig(greedy="auto", compat=compat, balanced=True, proxy=None)


@given(st.integers(1, 16), st.integers(0, 10**6), st.sampled_from(["none", "deepcore"]))
@settings(max_examples=30, deadline=None)
def test_craig_brings_every_gradient_near(n, seed, compat):
    images = group(n, seed)
    rows = written_out(images, cross_entropy_errors)
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    expected = []
    for _ in range(n):
        sums = {i: distances[:, [*expected, i]].min(1).sum() for i in range(n) if i not in expected}
        least = min(sums.values())
        expected.append(min(i for i in sums if sums[i] <= least + 1e-9 * distances.max()))
    chosen = craig(compat).choose(images, n)
    assert chosen.tolist() == expected
    few = chosen[: (n + 2) // 3]
    sizes = np.bincount(distances[:, few].argmin(1), minlength=len(few))
    assert craig(compat).weigh(images, few).tolist() == (sizes + (compat == "deepcore")).tolist()


def test_craig_by_hand():
    # no features and errors on a line: gradients at 0, 1, 2 and 10
    line = Gradients(np.array([[0.0], [1.0], [2.0], [10.0]]), np.zeros((4, 1)))
    assert greedy(FacilityLocation(Nearness(line)), 3).tolist() == [1, 3, 0]


def test_each_of_equal_images_counts_for_itself():
    images = group(4)
    same = {name: np.repeat(rows, 2, 0) for name, rows in images.layer.items()}
    twice = Group(np.arange(8), np.full(8, 1), same, images.rng)
    chosen = craig().choose(twice, 8)
    assert len(set(chosen[:4] // 2)) == 4  # a repetition comes after the last distinct one
    assert craig().weigh(twice, chosen).tolist() == [1] * 8
    assert craig().weigh(twice, chosen[:4]).tolist() == [2] * 4


def test_pursuit_finds_what_scikit_learn_finds():
    for seed in range(5):
        images = group(40, seed, classes=10, width=30)
        rows, ours = written_out(images), images.gradients()
        rng = np.random.default_rng(seed)
        truth = np.where(rng.permutation(40) < 6, rng.uniform(1, 2, 40), 0)
        lengths = np.linalg.norm(rows, axis=1)  # scikit-learn takes atoms of length 1
        unit = ours.unit()
        target = unit.combined(slice(None), truth)
        found = orthogonal_mp(rows.T / lengths, rows.T @ (truth / lengths), n_nonzero_coefs=6)
        chosen = match(unit, target, 6, 0.0)
        assert sorted(chosen) == np.flatnonzero(found).tolist()
        np.testing.assert_allclose(weights(unit, target, chosen, 0.0), np.maximum(found[chosen], 0), atol=1e-8)


def plain_pursuit(rows, budget, lam, released):
    """The steps with the design matrix itself."""
    mean, chosen = rows.mean(0), []
    residual = mean
    for k in range(budget):
        along = rows @ residual
        along[chosen] = -np.inf
        chosen.append(int(along.argmax()))
        own = rows[chosen]
        ridge = 0 if released and k == 0 else lam
        residual = mean - np.linalg.solve(own @ own.T + ridge * np.eye(k + 1), own @ mean) @ own
    if released:
        found = nnls(own @ own.T + lam * np.eye(budget), own @ mean)[0] if budget > 1 else np.ones(1)
    else:
        found = nnls(np.concatenate([own.T, lam**0.5 * np.eye(budget)]), np.append(mean, np.zeros(budget)))[0]
    return chosen, found


@pytest.mark.parametrize("compat", ["none", "deepcore"])
@pytest.mark.parametrize(("budget", "lam"), [(1, 1.0), (2, 1.0), (7, 0.1), (12, 3.0)])
def test_gradmatch_is_the_pursuit_of_the_mean(compat, budget, lam):
    for seed in range(4):
        images, released = group(30, seed), compat == "deepcore"
        rows = written_out(images, cross_entropy_errors) / (30 if released else 1)  # one batch, of which it is the mean
        chosen, found = plain_pursuit(rows, budget, lam, released)
        method = GradMatch(lam=lam, compat=compat, balanced=True, proxy=None)
        ours = method.choose(images, budget)
        assert ours.tolist() == chosen
        np.testing.assert_allclose(method.weigh(images, ours), np.maximum(found, 1e-6 * found.max()), atol=1e-9)


def test_gradients_of_a_mean_loss_are_as_much_smaller_as_the_batch_is_large():
    images = group(10, 0)
    plain, halves = (g.inner(slice(None), slice(None)) for g in (images.gradients(), images.gradients(batch=8)))
    scale = np.array([1 / 8] * 8 + [1 / 2] * 2)
    np.testing.assert_allclose(halves, plain * scale * scale[:, None])


def test_gradmatch_by_hand():
    # gradients 3, 1 and -1 on a line have the mean 1: the first points there most, and a third of it is all of it
    line = Gradients(np.array([[3.0], [1.0], [-1.0]]), np.zeros((3, 1)))
    mean = line.combined(slice(None), np.full(3, 1 / 3))
    assert mean[0].tolist() == [0, 1]
    chosen = match(line, mean, 3, 0.0)
    assert chosen.tolist() == [0, 1, 2]  # nothing is left: in order
    assert weights(line, mean, chosen, 0.0) == pytest.approx([1 / 3, 0, 0])
    assert weights(line, mean, np.array([2]), 0.0) == pytest.approx([0])


def test_weights_that_would_be_0_stay_in_the_file():
    method = GradMatch(lam=0.0, compat="none", balanced=True, proxy=None)
    images = group(25, 3)
    found = method.weigh(images, method.choose(images, 25))
    assert (found > 0).all()
    assert found.min() == pytest.approx(1e-6 * found.max())
    certain = Group(np.arange(3), np.zeros(3, int), {"features": np.ones((3, 2)), "logits": np.array([[1e4, 0]] * 3)},
                    images.rng)  # fmt: skip
    assert method.weigh(certain, method.choose(certain, 2)).tolist() == [1, 1]  # no gradient at all


def test_a_repetition_is_matched_after_all_others():
    images = group(5, 1, classes=6)
    same = {name: np.repeat(rows, 2, 0) for name, rows in images.layer.items()}
    twice = Group(np.arange(10), np.full(10, 1), same, images.rng)
    gradients = twice.gradients()
    target = gradients.combined(slice(None), np.repeat(np.arange(1.0, 6), 2))
    assert sorted(match(gradients, target, 5, 0.0) // 2) == list(range(5))
