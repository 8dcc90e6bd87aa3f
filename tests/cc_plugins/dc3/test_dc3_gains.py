import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.dc3.gains import PaperGain
from cc_plugins.submodular.functions import GraphCut
from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors, released_errors
from cc_plugins.submodular.greedy import greedy


def autograd_errors(logits, labels, twice):
    """Derivatives by the logits as a framework takes them."""
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(z.softmax(1) if twice else z, torch.tensor(labels), reduction="sum")
    return torch.autograd.grad(loss, z)[0].numpy()


def similarities(errors, features):
    """All gradients, all pairs, (1 + cosine) / 2."""
    inputs = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    gradients = (errors[:, :, None] * inputs[:, None, :]).reshape(len(errors), -1)
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    return 0.5 + 0.5 * gradients @ gradients.T


def naive(matrix, budget):
    """Graph cut with lambda 1, every gain computed anew for every choice; of equal ones the lowest position."""
    chosen = []
    for _ in range(budget):
        gains = matrix.sum(0) - 2 * matrix[chosen].sum(0)
        gains[chosen] = -np.inf
        chosen.append(int(np.flatnonzero(gains >= gains.max() - 1e-9)[0]))  # two images alone are always equal
    return chosen


def network(n, classes=5, width=7, seed=0, sharp=2.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, sharp, (n, classes)), np.maximum(rng.normal(0, 1, (n, width)), 0), rng


@pytest.mark.parametrize(("ours", "twice"), [(released_errors, True), (cross_entropy_errors, False)])
def test_errors_are_the_derivatives(ours, twice):
    logits, _, rng = network(40, sharp=3)
    labels = rng.integers(0, 5, 40)
    np.testing.assert_allclose(ours(logits, labels), autograd_errors(logits, labels, twice), atol=1e-15)


@pytest.mark.parametrize("ours", [released_errors, cross_entropy_errors])
def test_a_certain_prediction_still_has_a_direction(ours):
    logits = np.array([[60.0, 1.0, 0.0], [600.0, 10.0, 0.0], [0.0, 60.0, 1.0]])
    errors = ours(logits, np.zeros(3, int))
    assert (np.abs(errors[[0, 2]]).max(1) > 0).all()
    assert (np.abs(errors.sum(1)) <= 1e-15 * np.abs(errors).max(1)).all()
    ratio = errors[0, 1] / errors[0, 2]  # far from certainty's corner both are in the ratio of the probabilities
    np.testing.assert_allclose(ratio, np.e, rtol=1e-9)


def test_errors_by_hand():
    logits = np.log([[1.0, 3.0]])  # probabilities 1/4 and 3/4
    np.testing.assert_allclose(cross_entropy_errors(logits, np.array([0])), [[-0.75, 0.75]])
    q = 1 / (1 + np.exp(-0.5))  # of the second class, once softmax is taken of (1/4, 3/4)
    slope = 3 / 16 * 2 * q  # p0 p1 (outer1 - outer0), the outer derivatives being q and -q
    np.testing.assert_allclose(released_errors(logits, np.array([0])), [[-slope, slope]])


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 10**6), st.sampled_from(["released", "plain"]))
@settings(max_examples=40)
def test_graph_cut_picks_what_the_materialised_one_picks(n, classes, seed, kind):
    logits, features, rng = network(n, classes, seed=seed)
    labels = np.full(n, rng.integers(classes))
    errors = (released_errors if kind == "released" else cross_entropy_errors)(logits, labels)
    matrix = similarities(autograd_errors(logits, labels, kind == "released"), features)
    gain = GraphCut(Gradients(errors, features))
    np.testing.assert_allclose(gain.first(), matrix.sum(0), rtol=1e-9)
    np.testing.assert_allclose(gain.change(n - 1), -2 * matrix[n - 1], rtol=1e-9, atol=1e-12)
    assert greedy(gain, n).tolist() == naive(matrix, n)


@pytest.mark.parametrize("seed", range(3))
def test_graph_cut_picks_what_submodlib_picks(seed):
    submodlib = pytest.importorskip("submodlib", reason="pip install submodlib-py")
    logits, features, _ = network(60, 10, 12, seed)
    labels = np.full(60, 3)
    matrix = similarities(cross_entropy_errors(logits, labels), features)
    # its gain has another constant: similarity to itself counts once, and that is 1 for every image
    peer = submodlib.GraphCutFunction(n=60, mode="dense", lambdaVal=1, ggsijs=matrix, separate_rep=False)
    found = peer.maximize(budget=12, optimizer="NaiveGreedy", stopIfZeroGain=False, stopIfNegativeGain=False)
    assert greedy(GraphCut(Gradients(cross_entropy_errors(logits, labels), features)), 12).tolist() == [
        i for i, _ in found
    ]


def test_graph_cut_by_hand():
    # features 0, so every input is (0, 1) and similarities are those of the errors: three alike, one opposite
    errors = np.array([[1.0, -1.0], [2.0, -2.0], [-1.0, 1.0], [5.0, -5.0]])
    gain = GraphCut(Gradients(errors, np.zeros((4, 3))))
    assert gain.first() == pytest.approx([3, 3, 1, 3])
    assert gain.change(0) == pytest.approx([-2, -2, 0, -2])
    # after 0 all gains are 1 and the lower position wins; after 1 they are 1 for the opposite, -1 for 3
    assert greedy(gain, 4).tolist() == [0, 1, 2, 3]


def test_an_image_without_a_gradient_counts_as_unrelated():
    errors = np.array([[0.0, 0.0], [1.0, -1.0], [1.0, -1.0]])
    gain = GraphCut(Gradients(errors, np.ones((3, 2))))
    assert gain.first() == pytest.approx([1.5, 2.5, 2.5])
    assert greedy(gain, 3).tolist() == [1, 0, 2]  # after 1: 0 has 1.5 - 1, 2 has 2.5 - 2


def test_equal_images_are_taken_in_their_order():
    logits, features, _ = network(1, 4)
    gain = GraphCut(Gradients(released_errors(np.repeat(logits, 9, 0), np.zeros(9, int)), np.repeat(features, 9, 0)))
    assert greedy(gain, 5).tolist() == [0, 1, 2, 3, 4]


def plain_paper(features, budget):
    """Eq. 4 term by term, S growing."""
    distances = np.square(features[:, None] - features[None]).sum(-1)
    chosen = []
    for _ in range(budget):
        gains = {}
        for k in range(len(features)):
            if k not in chosen:
                inside = sum(distances[p, k] for p in chosen)
                outside = sum(distances[p, k] for p in range(len(features)) if p not in chosen)
                gains[k] = inside - outside
        chosen.append(max(gains, key=lambda k: gains[k]))
    return chosen


@given(st.integers(1, 20), st.integers(0, 10**6))
@settings(max_examples=40)
def test_paper_gain_is_eq_4(n, seed):
    features = np.random.default_rng(seed).normal(3, 1, (n, 4))
    assert greedy(PaperGain(features), n).tolist() == plain_paper(features, n)


def test_paper_gain_by_hand():
    gain = PaperGain(np.array([[0.0], [1.0], [4.0]]))
    np.testing.assert_allclose(gain.first(), [-17, -10, -25])
    np.testing.assert_allclose(gain.change(1), [2, 0, 18])
    # after 1, G(0) = 1 - 16 = -15 and G(2) = 9 - 16 = -7
    assert greedy(gain, 2).tolist() == [1, 2]


def test_nothing_is_chosen_of_a_budget_of_0():
    assert greedy(PaperGain(np.zeros((3, 2))), 0).tolist() == []


def test_memory_is_linear_in_a_bins_images():
    def peak(n):
        logits, features, _ = network(n, 10, 64)
        errors = released_errors(logits, np.zeros(n, int))
        tracemalloc.start()
        greedy(GraphCut(Gradients(errors, features)), 5)
        greedy(PaperGain(features), 5)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # imports and the like
    assert peak(8000) < 1.1 * 8 * peak(1000)
    assert peak(8000) < 8000 * 8000  # less than one byte per pair
