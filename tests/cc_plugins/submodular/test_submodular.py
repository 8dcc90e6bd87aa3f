"""Maximisers and set functions against answers by hand and against gradients and all pairs written out."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.submodular import functions
from cc_plugins.submodular.cholesky import Cholesky
from cc_plugins.submodular.functions import Cosine, FacilityLocation, GraphCut, LogDeterminant
from cc_plugins.submodular.gradients import ALL, Gradients, cross_entropy_errors
from cc_plugins.submodular.greedy import BETA, Gains, approximate_lazy, greedy, sample_size

NAMES = ("facility-location", "graph-cut", "log-determinant")


def gradients(n, classes=4, width=6, seed=0):
    rng = np.random.default_rng(seed)
    errors = cross_entropy_errors(rng.normal(0, 2, (n, classes)), rng.integers(0, classes, n))
    return Gradients(errors, rng.normal(size=(n, width)))


def written_out(given_):
    """(n, C * (D + 1))."""
    inputs = np.concatenate([given_.features, np.ones((len(given_), 1))], axis=1)
    return (given_.errors[:, :, None] * inputs[:, None, :]).reshape(len(given_), -1)


def similarities(given_):
    rows = written_out(given_)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return 0.5 + 0.5 * rows @ rows.T


def value(name, matrix, chosen):
    """The set function itself, as it is defined."""
    if name == "facility-location":
        return matrix[:, chosen].max(1, initial=0).sum()
    inside = matrix[np.ix_(chosen, chosen)]
    if name == "graph-cut":  # each image's similarity to itself, 1 for all, is not counted among the kept
        return matrix[:, chosen].sum() - (inside.sum() - len(chosen))
    return np.linalg.slogdet(inside)[1]


def plainly(name, matrix, budget):
    """Every value anew for every image and choice."""
    chosen = []
    for _ in range(budget):
        values = {i: value(name, matrix, [*chosen, i]) for i in range(len(matrix)) if i not in chosen}
        most = max(values.values())
        chosen.append(min(i for i in values if values[i] >= most - 1e-9))
    return chosen


def function(name, given_):
    if name == "graph-cut":
        return GraphCut(given_)
    return {"facility-location": FacilityLocation, "log-determinant": LogDeterminant}[name](Cosine(given_))


class Pairs:
    """Similarities that are known."""

    def __init__(self, matrix):
        self.matrix = np.array(matrix, float)

    def __len__(self):
        return len(self.matrix)

    def own(self):
        return self.matrix.diagonal()

    def between(self, rows, columns):
        return self.matrix[rows][:, columns]


def test_gradients_are_those_written_out():
    given_ = gradients(9)
    rows = written_out(given_)
    np.testing.assert_allclose(given_.inner(ALL, np.array([2, 5])), rows @ rows[[2, 5]].T, atol=1e-12)
    np.testing.assert_allclose(given_.squares(), np.square(rows).sum(1))
    np.testing.assert_allclose(Cosine(given_).own(), np.ones(9))
    weights = np.arange(9.0)
    direction = given_.combined(ALL, weights)
    inputs = np.concatenate([given_.features, np.ones((9, 1))], axis=1)
    np.testing.assert_allclose(direction, np.einsum("n,nc,nd->cd", weights, given_.errors, inputs))
    np.testing.assert_allclose(given_.along(direction), rows @ (weights @ rows))


@given(st.sampled_from(NAMES), st.integers(1, 18), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_naive_and_lazy_pick_what_the_definition_picks(name, n, seed):
    given_ = gradients(n, seed=seed)
    expected = plainly(name, similarities(given_), n)
    assert greedy(function(name, given_), n).tolist() == expected
    assert greedy(function(name, given_), n, "lazy").tolist() == expected


@pytest.mark.parametrize("name", NAMES)
def test_lazy_is_naive_on_many_and_looks_at_fewer(name):
    looked = {}
    picks = {}
    for how in ("naive", "lazy"):
        counting = function(name, gradients(300, 6, 12, 3))
        asked, real = [], counting.gains
        counting.gains = lambda rows, asked=asked, real=real: asked.append(len(np.arange(300)[rows])) or real(rows)
        picks[how] = greedy(counting, 40, how).tolist()
        looked[how] = sum(asked)
    assert picks["lazy"] == picks["naive"]
    assert looked["lazy"] < 0.8 * looked["naive"]


@given(st.sampled_from(NAMES), st.integers(2, 30), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_no_gain_ever_rises(name, n, seed):
    ours = function(name, gradients(n, seed=seed))
    gains = ours.gains(ALL)
    for pick in np.random.default_rng(seed).permutation(n)[:-1]:
        ours.take(int(pick))
        now = ours.gains(ALL)
        open_ = np.arange(n) != pick
        assert (now[open_] <= gains[open_] + 1e-9 * n).all()
        gains = now


@given(st.sampled_from(NAMES[1:]), st.integers(8, 25), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_permuted_images_give_the_permuted_picks(name, n, seed):
    given_, order = gradients(n, seed=seed), np.random.default_rng(seed).permutation(n)
    if name == "log-determinant":  # of one image alone they are all equal, and the first is taken
        order = np.append(0, order[order > 0])
    shuffled = Gradients(given_.errors[order], given_.features[order])
    picks, others = (greedy(function(name, g), n // 2, "lazy") for g in (given_, shuffled))
    assert order[others].tolist() == picks.tolist()


@given(st.integers(8, 25), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_permuted_places_give_the_permuted_picks(n, seed):
    # of two images that are each other's nearest either may stand for both: distances there and back differ here
    rng = np.random.default_rng(seed)
    matrix, order = rng.random((n, n)) + 2 * np.eye(n), rng.permutation(n)
    picks, others = (greedy(FacilityLocation(Pairs(m)), n // 2, "lazy") for m in (matrix, matrix[order][:, order]))
    assert order[others].tolist() == picks.tolist()


@pytest.mark.parametrize("name", ["facility-location", "log-determinant"])
@pytest.mark.parametrize("how", ["naive", "lazy"])
def test_a_repetition_comes_after_the_last_distinct_one(name, how):
    given_ = gradients(6, seed=4)
    twice = Gradients(np.repeat(given_.errors, 2, 0), np.repeat(given_.features, 2, 0))
    picks = greedy(function(name, twice), 12, how)
    assert sorted(picks[:6] // 2) == list(range(6))
    assert picks[6:].tolist() == sorted(picks[6:])  # nothing left to gain: in order


def test_facility_location_by_hand():
    pairs = Pairs([[1, 0.9, 0, 0], [0.9, 1, 0.6, 0], [0, 0.6, 1, 0.2], [0, 0, 0.2, 1]])
    ours = FacilityLocation(pairs)
    assert ours.gains(ALL) == pytest.approx([1.9, 2.5, 1.8, 1.2])
    ours.take(1)  # covers them by .9, 1, .6, 0
    assert ours.gains(np.array([0, 2, 3])) == pytest.approx([0.1, 0.6, 1.0])
    assert greedy(FacilityLocation(pairs), 3).tolist() == [1, 3, 2]


def test_log_determinant_by_hand():
    pairs = Pairs([[1, 0.8, 0], [0.8, 1, 0.6], [0, 0.6, 1]])
    ours = LogDeterminant(pairs)
    ours.take(0)
    assert ours.gains(ALL) == pytest.approx([0, 0.36, 1])
    ours.take(2)  # [.8, .6] explains all of image 1
    assert ours.gains(ALL) == pytest.approx([0, 0, 0])
    assert greedy(LogDeterminant(pairs), 3).tolist() == [0, 2, 1]
    # what DeepCore's code maximises takes the most alike next
    assert greedy(LogDeterminant(pairs, explained=True), 3).tolist() == [0, 1, 2]


def test_explained_variance_is_that_of_the_pseudo_inverse():
    given_ = gradients(12, seed=2)
    matrix, ours, chosen = similarities(given_), LogDeterminant(Cosine(given_), explained=True), [3, 7, 1]
    for pick in chosen:
        ours.take(pick)
    columns = matrix[np.ix_(range(12), chosen)]
    expected = np.einsum("nk,kl,nl->n", columns, np.linalg.pinv(matrix[np.ix_(chosen, chosen)]), columns)
    np.testing.assert_allclose(ours.gains(ALL), expected)


def test_approximate_lazy_takes_nearly_the_most():
    ours = function("graph-cut", gradients(120, seed=1))
    known = Gains(ours)
    known.refresh(ALL)
    exact = 0
    for _ in range(30):
        most = np.where(known.bounds > -np.inf, ours.gains(ALL), -np.inf)
        pick = approximate_lazy(known)
        assert most[pick] >= BETA * most.max()
        exact += most[pick] == most.max()
        known.bounds[pick] = -np.inf
        known.take(pick)
    assert exact < 30  # it is another search than lazy


def test_stochastic_is_the_best_of_its_sample():
    assert (sample_size(1000, 100, 0.1), sample_size(1000, 100, 0.9)) == (23, 1)
    given_ = gradients(60, seed=5)
    # a sample as large as the set is the naive search; one of one image is a draw
    whole = greedy(function("graph-cut", given_), 10, "stochastic", epsilon=1e-9)
    assert whole.tolist() == greedy(function("graph-cut", given_), 10).tolist()
    draws = {
        tuple(greedy(function("graph-cut", given_), 10, "stochastic", rng=np.random.default_rng(s), epsilon=0.9))
        for s in (0, 0, 1)
    }
    assert len(draws) == 2
    assert all(len(set(picks)) == 10 for picks in draws)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["naive", "lazy", "stochastic", "approximate-lazy"])
def test_everything_and_nothing_can_be_chosen(name, how):
    assert sorted(greedy(function(name, gradients(7)), 7, how)) == list(range(7))
    assert greedy(function(name, gradients(7)), 0, how).tolist() == []
    assert greedy(function(name, gradients(1)), 1, how).tolist() == [0]


def test_tiles_and_what_is_held_change_nothing(monkeypatch):
    picks = [greedy(function(name, gradients(40)), 12, "lazy").tolist() for name in NAMES]
    monkeypatch.setattr(functions, "TILE", 1)
    assert [greedy(function(name, gradients(40)), 12, "lazy").tolist() for name in NAMES] == picks
    monkeypatch.setattr(functions, "HELD", 0)
    assert [greedy(function(name, gradients(40)), 12, "lazy").tolist() for name in NAMES] == picks


def test_cholesky_grows_as_the_whole_one():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 50))
    matrix, ours = rows @ rows.T, Cholesky()
    for k in range(40):
        assert ours.append(matrix[:k, k], matrix[k, k])
    np.testing.assert_allclose(ours.lower, np.linalg.cholesky(matrix))
    np.testing.assert_allclose(ours.solve(matrix[0]), np.eye(40)[0], atol=1e-9)
    mean = matrix.mean(0)
    assert not ours.append(mean, float(mean.mean()))  # the mean of the rows
    assert ours.rows == 40


def test_all_pairs_of_many_are_never_held(monkeypatch):
    monkeypatch.setattr(functions, "HELD", 4000 * 4000 * 8 - 1)

    def peak(name, n):
        given_ = gradients(n, 5, 16)
        tracemalloc.start()
        greedy(function(name, given_), 3, "lazy")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for name in NAMES:
        peak(name, 50)  # imports and the like
        assert peak(name, 4000) < 4000 * 4000 * 8 / 2


def test_every_pool_has_one_thread_whoever_comes_first():
    code = """
import random
from threadpoolctl import threadpool_info
state = random.getstate()
from cc_plugins.submodular.threads import one_thread
before = threadpool_info()
with one_thread():
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}
assert random.getstate() == state  # scikit-learn's import would draw from it
assert threadpool_info() == before
import sklearn.cluster
with one_thread():
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}
"""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **threads}, capture_output=True, text=True)
    assert not done.returncode, done.stderr
