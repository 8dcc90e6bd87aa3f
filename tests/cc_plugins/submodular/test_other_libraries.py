"""The greedy maximisers beside those of submodlib and apricot, where they are: pip install -e '.[oracles]'."""

import numpy as np
import pytest

from cc_plugins.submodular.functions import Cosine, FacilityLocation, GraphCut, LogDeterminant
from cc_plugins.submodular.gradients import ALL, Gradients, cross_entropy_errors
from cc_plugins.submodular.greedy import greedy

# of two images that are each other's nearest either may stand for both: the first picks of facility location do not tie
N, BUDGET, SEEDS = 150, 12, range(4)
LAZY = ("naive", "lazy")


def gradients(seed):
    rng = np.random.default_rng(seed)
    errors = cross_entropy_errors(rng.normal(0, 2, (N, 6)), rng.integers(0, 6, N))
    return Gradients(errors, rng.normal(size=(N, 16)))


def similarities(images):
    """(N, N) float32, as those libraries keep them."""
    return Cosine(images).between(ALL, ALL).astype(np.float32)


def function(name, images):
    if name == "graph-cut":
        return GraphCut(images)
    return {"facility-location": FacilityLocation, "log-determinant": LogDeterminant}[name](Cosine(images))


def gains(ours, picks):
    """What each pick adds to those before it."""
    found = []
    for pick in picks:
        found.append(float(ours.gains(np.array([pick]))[0]))
        ours.take(int(pick))
    return np.array(found)


def submodlib(name, matrix):
    library = pytest.importorskip("submodlib")
    given = {"n": N, "mode": "dense"}
    if name == "facility-location":
        return library.FacilityLocationFunction(**given, separate_rep=False, sijs=matrix)
    if name == "graph-cut":
        return library.GraphCutFunction(**given, separate_rep=False, lambdaVal=1, ggsijs=matrix)
    return library.LogDeterminantFunction(**given, lambdaVal=0, sijs=matrix)


def theirs(name, matrix, optimizer="NaiveGreedy"):
    """(picks, gains) of submodlib, each gain as our function counts it."""
    found = submodlib(name, matrix).maximize(BUDGET, optimizer, show_progress=False)
    picks, added = (np.array(column) for column in zip(*found, strict=True))
    # they count an image's similarity to itself among those that graph cut takes off, and give the logarithm
    return picks, {"graph-cut": added + 1, "log-determinant": np.exp(added)}.get(name, added)


@pytest.mark.parametrize("name", ["facility-location", "graph-cut", "log-determinant"])
@pytest.mark.parametrize("optimizer", ["NaiveGreedy", "LazyGreedy"])
@pytest.mark.parametrize("seed", SEEDS)
def test_submodlib_picks_the_same(name, optimizer, seed):
    images = gradients(seed)
    picks, added = theirs(name, similarities(images), optimizer)
    if name == "log-determinant":  # alone all images are worth the same, and either may take any of them first
        order = np.append(picks[0], np.delete(np.arange(N), picks[0]))
        images = Gradients(images.errors[order], images.features[order])
        picks = np.argsort(order)[picks]
    for how in LAZY:
        assert greedy(function(name, images), BUDGET, how).tolist() == picks.tolist()
    np.testing.assert_allclose(gains(function(name, images), picks), added, atol=2e-4)


@pytest.mark.parametrize("name", ["facility-location", "graph-cut"])
@pytest.mark.parametrize("optimizer", LAZY)
@pytest.mark.parametrize("seed", SEEDS)
def test_apricot_picks_the_same(name, optimizer, seed):
    library = pytest.importorskip("apricot")
    images = gradients(seed)
    cls = {"facility-location": library.FacilityLocationSelection, "graph-cut": library.GraphCutSelection}[name]
    found = cls(BUDGET, metric="precomputed", optimizer=optimizer).fit(similarities(images).astype(np.float64))
    for how in LAZY:
        assert greedy(function(name, images), BUDGET, how).tolist() == found.ranking.tolist()
    # it counts an image's similarity to itself among those that graph cut takes off
    expected = found.gains + (name == "graph-cut")
    np.testing.assert_allclose(gains(function(name, images), found.ranking), expected, atol=1e-4)
