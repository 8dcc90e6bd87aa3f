import numpy as np
import pytest

from cc_plugins.coresets._choosing import Group
from cc_plugins.dc3.gains import PaperGain
from cc_plugins.dc3.sampling import RULES, Bin
from cc_plugins.dc3.selection import select, too_small
from cc_plugins.submodular.functions import GraphCut
from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors
from cc_plugins.submodular.greedy import greedy
from ccbench.errors import UserError
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import parse

LABELS = np.repeat([0, 1, 2], [40, 25, 12])


def last_layer(n=77, seed=0):
    rng = np.random.default_rng(seed)
    return {"features": rng.normal(size=(n, 6)).astype(np.float32), "logits": rng.normal(0, 2, (n, 3))}


def chosen(ipc, *, layer=None, labels=LABELS, **changes):
    layer = layer or last_layer()
    options = {"bins": 4, "sampling": "submodular", "gain": "graphcut", "gradient": "released", "seed": 5}
    options |= {"features": lambda: layer["features"], "last_layer": lambda: layer}
    return select(labels, 3, ipc, **(options | changes))[0]


@pytest.mark.parametrize("ipc", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("sampling", list(RULES))
@pytest.mark.parametrize("bins", [1, 4, 50])
def test_every_class_gives_exactly_its_images(ipc, sampling, bins):
    found = chosen(ipc, sampling=sampling, bins=bins)
    assert np.bincount(LABELS[found]).tolist() == [ipc] * 3
    assert len(np.unique(found)) == len(found)
    assert (np.diff(found) > 0).all()  # labels ascend here, so class after class is ascending throughout
    assert found.tolist() == chosen(ipc, sampling=sampling, bins=bins).tolist()


def test_shuffled_labels_come_out_class_after_class():
    labels = np.random.default_rng(0).permutation(LABELS)
    found = chosen(5, labels=labels)
    assert labels[found].tolist() == [0] * 5 + [1] * 5 + [2] * 5


def test_a_class_does_not_depend_on_the_others():
    layer = last_layer()
    other = {name: rows.copy() for name, rows in layer.items()}
    other["features"][40:] += 1
    other["logits"][40:] *= 2
    assert chosen(7, layer=layer)[:7].tolist() == chosen(7, layer=other)[:7].tolist()


def test_one_image_per_class_comes_from_the_largest_bin():
    layer = last_layer()
    layer["features"][:40] = 10 * np.eye(6)[np.repeat([0, 1, 2, 3], [5, 25, 4, 6])]
    found = chosen(1, layer=layer)
    assert 5 <= found[0] < 30


@pytest.mark.parametrize(("bins", "gain"), [(1, "graphcut"), (1, "paper")])
def test_one_bin_is_greedy_on_the_class(bins, gain):
    layer = last_layer()
    for label, members in ((0, np.arange(40)), (2, np.arange(65, 77))):
        features, logits = (np.asarray(layer[n][members], float) for n in ("features", "logits"))
        errors = cross_entropy_errors(logits, np.full(len(members), label))
        own = PaperGain(features) if gain == "paper" else GraphCut(Gradients(errors, features))
        expected = np.sort(members[greedy(own, 6)])
        found = chosen(6, bins=bins, gain=gain, gradient="cross-entropy")
        assert found[6 * label : 6 * label + 6].tolist() == expected.tolist()


@pytest.mark.parametrize("gradient", ["released", "cross-entropy"])
@pytest.mark.parametrize(
    "name", ["herding[compat=none]", "k-center[balanced=true]", "gradmatch", "dq[bins=4,gradient={gradient}]"]
)
def test_selections_of_table_9_are_the_methods_of_their_names(name, gradient):
    """On the class, with the same draws: neither K-means bins nor another gradient come in."""
    layer = last_layer()
    found, weights = select(
        LABELS,
        3,
        6,
        bins=4,
        features=never,
        last_layer=lambda: layer,
        sampling=name.split("[")[0],
        gain="graphcut",
        gradient=gradient,
        seed=5,
    )
    method = build(name.format(gradient=gradient))
    for label in range(3):
        members = np.flatnonzero(label == LABELS)
        images = Group(members, LABELS[members], layer, np.random.default_rng([5, label, 0]))
        chosen = method.choose(images, 6)
        order = np.argsort(chosen)
        assert found[6 * label : 6 * label + 6].tolist() == members[chosen[order]].tolist()
        if name == "gradmatch":
            expected = method.weigh(images, chosen)[order]
            np.testing.assert_allclose(weights[6 * label : 6 * label + 6], expected, rtol=1e-9)
    assert (weights is None) == (name != "gradmatch")


def build(text):
    return parse(text, plugins()).steps[0].build()


def never():
    raise AssertionError("nobody should have asked")


def test_random_choice_of_one_bin_asks_for_no_stage():
    found = chosen(3, bins=1, sampling="random", features=never, last_layer=never)
    assert len(found) == 9
    assert found.tolist() != chosen(3, bins=1, sampling="random", features=never, last_layer=never, seed=6).tolist()


def test_random_choice_is_even_over_a_bin():
    counts = np.zeros(6)
    for seed in range(3000):
        bin_ = Bin(np.arange(6), 0, never, np.random.default_rng(seed), "graphcut", "released", 1)
        counts[RULES["random"](bin_, 2)] += 1
    assert counts.sum() == 6000
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000 * 2 / 3)  # five standard deviations


@pytest.mark.parametrize("name", ["features", "logits"])
def test_a_proxy_that_diverged(name):
    layer = last_layer()
    layer[name][3] = np.nan
    with pytest.raises(UserError, match="not finite"):
        chosen(3, layer=layer, bins=1)


def test_a_class_that_is_too_small_is_named():
    classes = ("cat", "dog", "eel")
    assert too_small(LABELS, classes, 12) is None
    assert too_small(LABELS, classes, 13) == "13 images per class are more than the 12 of class 'eel'"
    assert "12 of class 'eel', and 1 more classes" in too_small(LABELS, classes, 26)
    assert "0 of class 'owl'" in too_small(LABELS, (*classes, "owl"), 1)
