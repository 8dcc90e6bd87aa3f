"""Accumulators against answers worked by hand and against a plain loop that keeps everything it saw."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.coresets.aum import AUMScore
from cc_plugins.coresets.correctness import Correctness
from cc_plugins.coresets.el2n import EL2NScore
from cc_plugins.coresets.entropy import EntropyScore
from cc_plugins.coresets.forgetting import ForgettingScore
from cc_plugins.coresets.least_confidence import LeastConfidenceScore
from cc_plugins.coresets.margin import MarginScore


def logits_of(*rows):
    return torch.tensor(rows, dtype=torch.float64).log()


def feed(score, batches):
    for epoch, ids, logits, labels in batches:
        score.update(epoch, torch.tensor(ids), logits, torch.tensor(labels))
    return score.result()


# image 0 is of class 0, image 1 of class 2; three epochs
PROBABILITIES = [
    [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]],
    [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]],
    [[0.6, 0.3, 0.1], [0.5, 0.1, 0.4]],
]
EPOCHS = [(e, [0, 1], logits_of(*rows), [0, 2]) for e, rows in enumerate(PROBABILITIES)]


def test_aum_by_hand():
    # image 0: .7-.2, .2-.5, .6-.3; image 1: .3-.6, .8-.1, .4-.5
    np.testing.assert_allclose(feed(AUMScore(2, 3), EPOCHS), [0.5 / 3, 0.3 / 3], rtol=1e-5)


def test_el2n_by_hand():
    first = [math.sqrt(0.09 + 0.04 + 0.01), math.sqrt(0.64 + 0.25 + 0.09), math.sqrt(0.16 + 0.09 + 0.01)]
    second = [math.sqrt(0.01 + 0.36 + 0.49), math.sqrt(0.01 + 0.01 + 0.04), math.sqrt(0.25 + 0.01 + 0.36)]
    np.testing.assert_allclose(feed(EL2NScore(2, 3), EPOCHS), [np.mean(first), np.mean(second)], rtol=1e-5)


def test_el2n_looks_at_ten_epochs_only():
    early = [(e, [0], logits_of([0.5, 0.5]), [0]) for e in range(10)]
    late = [(e, [0], logits_of([0.01, 0.99]), [0]) for e in range(10, 30)]
    np.testing.assert_allclose(feed(EL2NScore(1, 2), early + late), [math.sqrt(0.5)], rtol=1e-6)


def test_forgetting_by_hand():
    # image 0: right, wrong, right, so one event; image 1: wrong, right, wrong, so one event
    np.testing.assert_array_equal(feed(ForgettingScore(2, 3), EPOCHS), [1, 1])


@pytest.mark.parametrize(
    ("seen", "events"), [("", None), ("0000", 0), ("1111", 0), ("0001", 0), ("10", 1), ("0101011", 2)]
)
def test_forgetting_counts_falls_and_not_a_slow_start(seen, events):
    right, wrong = [0.9, 0.1], [0.1, 0.9]
    batches = [(e, [1], logits_of(right if r == "1" else wrong), [0]) for e, r in enumerate(seen)]
    batches.append((0, [0], logits_of(right), [0]))
    result = feed(ForgettingScore(2, 2), batches)
    assert np.isnan(result[1]) if events is None else result[1] == events


def test_forgetting_takes_repeats_in_one_batch_in_order():
    right, wrong = [0.9, 0.1], [0.1, 0.9]
    rows = [right, right, wrong, wrong, right, wrong]  # image 0: right, wrong, right, wrong; image 1: right, wrong
    result = feed(ForgettingScore(2, 2), [(0, [0, 1, 0, 1, 0, 0], logits_of(*rows), [0] * 6)])
    np.testing.assert_array_equal(result, [2, 1])


def test_correctness_by_hand():
    np.testing.assert_allclose(feed(Correctness(2, 3), EPOCHS), [2 / 3, 1 / 3], rtol=1e-6)


def test_entropy_is_of_the_last_network_only():
    score = EntropyScore(3, 2)
    score.update(0, torch.tensor([0]), logits_of([0.5, 0.5]), torch.tensor([0]))
    assert np.isnan(score.result()).all()
    score.finish(torch.tensor([2, 0]), logits_of([0.5, 0.5], [0.25, 0.75]), torch.tensor([0, 0]))
    score.finish(torch.tensor([1]), torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    np.testing.assert_allclose(score.result(), [quarter, 0, math.log(2)], atol=1e-6)


def test_margin_is_between_the_two_best_classes_whatever_the_label():
    score = MarginScore(3, 3)
    score.update(0, torch.tensor([0]), logits_of([0.5, 0.3, 0.2]), torch.tensor([0]))
    assert np.isnan(score.result()).all()
    score.finish(torch.tensor([2, 0]), logits_of([0.2, 0.5, 0.3], [0.45, 0.1, 0.45]), torch.tensor([0, 1]))
    score.finish(torch.tensor([1]), torch.tensor([[1000.0, 0.0, 0.0]]), torch.tensor([2]))
    np.testing.assert_allclose(score.result(), [0, 1, 0.2], atol=1e-6)


def test_least_confidence_is_the_best_class_whatever_the_label():
    rows = torch.tensor([[0.0, 2.0, -1.0], [1.0, 1.0, 1.0]])
    for of, expected in (
        ("probability", [math.exp(2) / (1 + math.exp(2) + math.exp(-1)), 1 / 3]),
        ("logit", [2.0, 1.0]),
    ):
        score = LeastConfidenceScore(2, 3, of=of)
        score.finish(torch.tensor([0, 1]), rows, torch.tensor([0, 2]))
        np.testing.assert_allclose(score.result(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "cls", [AUMScore, EL2NScore, ForgettingScore, Correctness, EntropyScore, MarginScore, LeastConfidenceScore]
)
def test_an_unseen_image_has_no_score(cls):
    score = cls(3, 2, of="probability") if cls is LeastConfidenceScore else cls(3, 2)
    assert np.isnan(score.result()).all()
    ids, logits, labels = torch.tensor([0, 2]), logits_of([0.5, 0.5], [0.1, 0.9]), torch.tensor([0, 1])
    score.update(0, ids, logits, labels)
    if hasattr(score, "finish"):
        score.finish(ids, logits, labels)
    result = score.result()
    assert result.dtype == np.float32
    assert np.isnan(result).tolist() == [False, True, False]


def slow_scores(n, batches):
    """Every observation kept, then looked at one by one."""
    seen = {i: [] for i in range(n)}
    for epoch, ids, logits, labels in batches:
        for i, row, y in zip(ids, logits.tolist(), labels, strict=True):
            top = max(row)
            p = [math.exp(v - top) for v in row]
            p = [v / sum(p) for v in p]
            seen[i].append((epoch, p, y))
    out = {"aum": [], "el2n": [], "forgetting": [], "correctness": []}
    for i in range(n):
        margins = [p[y] - max(v for k, v in enumerate(p) if k != y) for _, p, y in seen[i]]
        errors = [math.dist(p, [k == y for k in range(len(p))]) for e, p, y in seen[i] if e < 10]
        right = [p.index(max(p)) == y for _, p, y in seen[i]]
        falls = sum(a and not b for a, b in pairwise(right))
        out["aum"].append(sum(margins) / len(margins) if margins else math.nan)
        out["el2n"].append(sum(errors) / len(errors) if errors else math.nan)
        out["forgetting"].append(falls if right else math.nan)
        out["correctness"].append(sum(right) / len(right) if right else math.nan)
    return out


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), classes=st.integers(2, 5), epochs=st.integers(1, 13))
def test_like_a_loop_that_keeps_everything(seed, n, classes, epochs):
    """Batches wrap around the end of an epoch, and an id can stand in a batch more than once."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    batches = []
    for epoch in range(epochs):
        order = rng.permutation(n)
        size = int(rng.integers(1, n + 4))
        for start in range(0, n, size):
            ids = np.resize(np.roll(order, -start), size)
            batches.append((epoch, ids, torch.tensor(rng.normal(0, 3, (size, classes))), labels[ids]))
    expected = slow_scores(n, batches)
    for name, cls in (
        ("aum", AUMScore),
        ("el2n", EL2NScore),
        ("forgetting", ForgettingScore),
        ("correctness", Correctness),
    ):
        np.testing.assert_allclose(feed(cls(n, classes), batches), expected[name], atol=1e-5, err_msg=name)


def test_half_precision_logits_of_a_replayed_log():
    rng = np.random.default_rng(0)
    logits = torch.tensor(rng.normal(0, 5, (64, 10)))
    ids, labels = list(range(64)), rng.integers(10, size=64)
    whole = feed(AUMScore(64, 10), [(0, ids, logits, labels)])
    half = feed(AUMScore(64, 10), [(0, ids, logits.half(), labels)])
    np.testing.assert_allclose(half, whole, atol=5e-3)


def test_memory_does_not_grow_with_epochs():
    def held(score):
        return sum(t.numel() for t in vars(score).values() if isinstance(t, torch.Tensor))

    batch = ([0, 1, 2], torch.zeros(3, 50), [0, 1, 2])
    for cls in (AUMScore, EL2NScore, ForgettingScore, Correctness):
        score = cls(3, 50)
        feed(score, [(0, *batch)])
        before = held(score)
        feed(score, [(e, *batch) for e in range(1, 30)])
        assert held(score) == before <= 4 * 3
