"""ADQ and DQAS: their scores, shares and rounds, by hand and by plain implementations."""

from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d
from sklearn.linear_model import LogisticRegression

from cc_plugins.coresets._choosing import Group
from cc_plugins.coresets._patches import grid_of, important, kept_of
from cc_plugins.coresets.adq import diversity, ratios, texture
from cc_plugins.coresets.dqas import errors
from cc_plugins.submodular.shares import proportional
from ccbench import testing
from ccbench.archive.patches import PatchImages
from ccbench.offers.discovery import Plugins
from tests.cc_plugins.coresets.test_dropped_patches import Known, N, task

PLUGINS = Plugins()


def build(name, **params):
    return PLUGINS.get("method", name).build(**params)


def group(n=40, classes=1, width=4, seed=0, **features):
    rng = np.random.default_rng(seed)
    layer = {"features": np.abs(rng.normal(size=(n, width))), "logits": rng.normal(size=(n, 3))} | features
    images = rng.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    return Group(np.arange(n), np.arange(n) % classes, layer, np.random.default_rng(seed), images)


def test_the_texture_of_an_edge_by_hand():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :, 2:] = 255
    # columns 1 and 2 see the edge: each |Sobel| is 4, in one of two directions and in two of four columns
    np.testing.assert_allclose(texture(images, np.array([1, 0])), [4 / 2 / 2, 0], rtol=1e-12)
    images[1] = 0
    images[1, :, 2:, 1] = 255  # only green
    np.testing.assert_allclose(texture(images, np.array([1])), [0.587], rtol=1e-12)


def test_texture_is_sobels_of_a_mirrored_image():
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    for image, found in zip(images, texture(images, np.arange(3)), strict=True):
        grey = np.pad(image @ [0.299, 0.587, 0.114] / 255, 1, mode="reflect")
        both = [np.abs(convolve2d(grey, k, mode="valid")) for k in (kernel, kernel.T)]
        assert found == pytest.approx(np.mean(both))


def test_diversity_by_hand():
    assert diversity(np.ones((4, 3))) == pytest.approx(1)
    assert diversity(np.eye(5)) == pytest.approx(5)
    assert diversity(np.array([[1.0, 0], [0, 2], [3, 0]])) == pytest.approx(9 / 5)  # three own pairs and two more
    assert diversity(np.array([[1.0], [-1.0]])) == 2  # opposites count as unrelated
    assert diversity(np.zeros((3, 2))) == 3
    rows = np.random.default_rng(0).normal(size=(6, 3)) + 1
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert diversity(rows) == pytest.approx(1 / (unit @ unit.T).mean())


def test_ratios_by_hand():
    found = ratios(np.array([1.0, 3]), np.array([2.0, 2]), np.array([10, 30]), 0.6)
    np.testing.assert_allclose(found, [0.6 * (0.25 + 0.5) / 2 + 0.4 * 0.25, 0.6 * (0.75 + 0.5) / 2 + 0.4 * 0.75])
    assert ratios(np.zeros(2), np.ones(2), np.ones(2), 1.0).tolist() == [0.5, 0.5]


@given(st.data())
def test_proportional_shares(data):
    k = data.draw(st.integers(1, 6))
    sizes = np.array(data.draw(st.lists(st.integers(0, 20), min_size=k, max_size=k)))
    weights = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.5, 1, 2, 7]), min_size=k, max_size=k)))
    total = data.draw(st.integers(0, int(sizes.sum())))
    found = proportional(weights, sizes, total)
    assert found.sum() == total
    assert (found >= 0).all()
    assert (found <= sizes).all()
    open_ = (found < sizes) & (weights > 0)
    if open_.any():  # those that could give more are within one image of one common rate
        low, high = ((found[open_] - 1) / weights[open_]).max(), ((found[open_] + 1) / weights[open_]).min()
        assert low <= high + 1e-9
        assert (found[(weights == 0)] == 0).all() or total > sizes[weights > 0].sum()


@pytest.mark.parametrize(
    ("weights", "sizes", "total", "expected"),
    [
        ([1, 2, 1], [9, 9, 9], 8, [2, 4, 2]),
        ([1, 1, 1], [9, 9, 9], 8, [3, 3, 2]),
        ([8, 1, 1], [2, 9, 9], 6, [2, 2, 2]),
        ([1, 0, 0], [2, 4, 2], 5, [2, 2, 1]),  # nothing else is wanted: the rest by sizes
        ([0, 0], [3, 1], 4, [3, 1]),
    ],
)
def test_proportional_shares_by_hand(weights, sizes, total, expected):
    assert proportional(np.array(weights, float), np.array(sizes), total).tolist() == expected


def test_adq_takes_more_of_textured_and_diverse_bins():
    images = group(200)
    method = build("adq", bins=4, balanced=False)
    bins = method.divide(images)
    flat, alike = (np.isin(np.arange(200), np.concatenate(part)) for part in (bins[:2], bins[1:3]))
    images.images[flat] = 100
    even = method.shares(images, bins, 100)
    chosen = method.choose(images, 100)
    assert [int(np.isin(part, chosen).sum()) for part in bins] == even.tolist()
    assert even[2:].min() > even[:2].max()
    edges = np.array([texture(images.images, part).mean() for part in bins])
    unlike = np.array([diversity(images.features[part]) for part in bins])
    expected = 0.6 * (edges / edges.sum() + unlike / unlike.sum()) / 2 + 0.4 / 4
    assert even.tolist() == proportional(expected, np.full(4, 50), 100).tolist()
    images.features[alike] = images.features[alike].mean(0)
    less = method.shares(images, bins, 100)
    assert less[3] > even[3]
    assert less[2] < even[2]


def test_adq_with_alpha_0_keeps_to_sizes():
    images = group(43)
    method = build("adq", bins=4, balanced=False, alpha=0.0)
    bins = method.divide(images)
    sizes = np.array([len(part) for part in bins])
    assert method.shares(images, bins, 20).tolist() == proportional(sizes.astype(float) ** 2, sizes, 20).tolist()


def clusters(n=90, seed=0):
    """Three classes: the first apart from the others, which overlap."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    features = rng.normal(size=(n, 2)) + np.array([[20, 0], [0, 0], [0.5, 0]])[labels]
    logits = rng.normal(size=(n, 3))
    return Group(np.arange(n), labels, {"features": features, "logits": logits}, np.random.default_rng(seed))


def test_errors_are_those_of_a_softmax_regression():
    images = clusters()
    chosen = np.array([0, 1, 2, 5, 30, 31, 44, 60, 62])
    found = errors(images.features, images.labels, chosen, 3)
    centre, spread = images.features[chosen].mean(0), images.features[chosen].std(0)
    rows = (images.features - centre) / spread
    chances = LogisticRegression().fit(rows[chosen], images.labels[chosen]).predict_proba(rows)
    for label in range(3):
        left = [i for i in range(90) if i not in chosen and images.labels[i] == label]
        assert found[label] == pytest.approx(1 - chances[left, label].mean())
    assert found[0] < 0.3 < found[1:].min()
    all_of_one = np.flatnonzero(images.labels == 0)
    assert errors(images.features, images.labels, np.append(all_of_one, [1, 2]), 3)[0] == 0
    assert errors(images.features, images.labels, np.arange(90), 3).tolist() == [0, 0, 0]
    assert errors(images.features[:5], np.zeros(5, int), np.array([1]), 1).tolist() == [0]


def test_dqas_gives_easy_classes_less():
    images = clusters()
    chosen = build("dqas", bins=3).choose(images, 30)
    counts = np.bincount(images.labels[chosen])
    assert len(set(chosen.tolist())) == 30
    assert 5 <= counts[0] < counts[1:].min()  # a half is drawn evenly, five of each


def test_dqas_follows_its_rounds():
    images = clusters()
    method = build("dqas", bins=3, start=0.5, rounds=2)
    chosen = method.choose(images, 31)
    first = round(0.5 * 31)  # half to even: 16, then 7, then 8
    parts = [chosen[:first], chosen[first : first + 7], chosen[first + 7 :]]
    assert np.bincount(images.labels[parts[0]]).tolist() == [5, 5, 6]
    done = parts[0]
    for part in parts[1:]:
        missed = errors(images.features, images.labels, done, 3)
        sizes = np.bincount(np.delete(images.labels, done))
        assert np.bincount(images.labels[part], minlength=3).tolist() == proportional(missed, sizes, len(part)).tolist()
        done = np.concatenate([done, part])


@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("budget", [3, 4, 47, 90])
def test_dqas_at_its_ends(start, budget):
    images = clusters()
    chosen = build("dqas", start=start).choose(images, budget)
    assert len(set(chosen.tolist())) == budget
    if budget == 3 or start == 1:
        assert np.ptp(np.bincount(images.labels[chosen], minlength=3)) <= 1


def test_a_balanced_dqas_gives_every_class_equally_many(tmp_path):
    result = build("dqas", balanced=True).compress(task(tmp_path, "1/5"))
    assert np.bincount(result.labels).tolist() == [4, 4, 4]


class Seen(Known):
    """A task that remembers the images whose last layer was asked for."""

    looked: ClassVar[list] = []

    def stage(self, name, **params):
        """As known."""
        if name == "last-layer":
            self.looked.append(self.dataset.images)
        return super().stage(name, **params)


@pytest.mark.parametrize(("name", "restored"), [("dqas", True), ("adq", False), ("dq", False)])
def test_only_dqas_looks_at_restored_images(tmp_path, name, restored):
    plain = task(tmp_path, "1/4")
    job = Seen(plain.bench, plain.dataset, plain.budget, plain.ids)
    result = build(name, drop=0.3, fill="mean").compress(job)
    grid = grid_of(28, 28)
    maps = job.stage("attention", cam="gradcam++", proxy=None)["attention"]
    masks = important(maps, np.arange(N), grid, kept_of(0.3, grid))
    whole = PatchImages.cut(job.dataset.images, masks, "mean").decode(np.arange(N))
    assert (job.looked[-1] == (whole if restored else job.dataset.images)).all()
    assert (result.payload.masks == masks[result.ids]).all()
    assert result.nominal_kept(job.dataset.shape) <= Fraction(1, 4) + Fraction(1, 2 * N)


def test_permuting_images_permutes_the_scores_of_their_bins():
    images = group(40)
    order = np.random.default_rng(1).permutation(40)
    moved = Group(
        np.arange(40), images.labels, {k: v[order] for k, v in images.layer.items()}, images.rng, images.images[order]
    )
    method = build("adq", bins=4, balanced=False)
    one, two = method.divide(images), method.divide(moved)
    assert [sorted(part.tolist()) for part in one] == [sorted(order[part].tolist()) for part in two]
    assert method.shares(images, one, 17).tolist() == method.shares(moved, two, 17).tolist()


@pytest.mark.parametrize("check", [*testing.checks("dqas[drop=0.3]"), *testing.checks("adq")])
def test_conformance(check):
    check()
