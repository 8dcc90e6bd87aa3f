"""TDDS and DUAL against plain loops that keep every epoch's outputs, and the methods that rank or draw by them."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_plugins.coresets._window import parts_without_repeats
from cc_plugins.coresets.dual import DUALScore, TrueProbability, log_weights
from cc_plugins.coresets.tdds import TDDSScore, published_window
from ccbench import UserError
from ccbench.methods import identity
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.training.protocols import load_protocol
from tests.cc_plugins.coresets.test_methods import build, dataset, kept_ids, task

PLUGINS = Plugins()


def softmax(row):
    top = max(row)
    p = [math.exp(v - top) for v in row]
    return [v / sum(p) for v in p]


def kept_outputs(n, batches, t):
    seen = {i: [] for i in range(n)}
    for epoch, ids, logits, labels in batches:
        for i, row, y in zip(ids, logits.tolist(), labels, strict=True):
            if epoch < t:
                seen[int(i)].append((softmax(row), int(y)))
    return seen


def slow_tdds(outputs, j):
    moves = []
    for (before, _), (now, _) in pairwise(outputs):
        moves.append(sum(abs(q * math.log(q / p)) for p, q in zip(before, now, strict=True)))
    if len(moves) < 2:
        return math.nan
    width = min(j - 1, len(moves))
    starts = range(len(moves) - width + 1)
    total = 0.0
    for k in starts:
        part = moves[k : k + width]
        mean = sum(part) / width
        total += 0.9 * 0.1 ** (len(starts) - 1 - k) * math.sqrt(sum((m - mean) ** 2 for m in part))
    return total


def slow_dual(outputs, j):
    p = [probabilities[y] for probabilities, y in outputs]
    if len(p) < 2:
        return math.nan
    width = min(j, len(p))
    parts = [p[k : k + width] for k in range(len(p) - width + 1)]
    return float(np.mean([np.std(part, ddof=1) * (1 - np.mean(part)) for part in parts]))


def wrapping_batches(seed, n, classes, epochs):
    """Batches wrap around the end of an epoch, and an id can stand in a batch more than once."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    for epoch in range(epochs):
        order = rng.permutation(n)
        size = int(rng.integers(1, n + 4))
        for start in range(0, n, size):
            ids = np.resize(np.roll(order, -start), size)
            logits = torch.tensor(rng.normal(0, 2, (size, classes))).half().double()  # as the proxy shows them
            yield epoch, ids, logits, labels[ids]


def feed(score, batches):
    for epoch, ids, logits, labels in batches:
        score.update(epoch, torch.tensor(ids), logits, torch.tensor(labels))
    return score.result()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 9),
    classes=st.integers(2, 5),
    epochs=st.integers(1, 14),
    t=st.integers(3, 16),
    j=st.integers(3, 6),
)
def test_like_a_loop_that_keeps_everything(seed, n, classes, epochs, t, j):
    batches = list(wrapping_batches(seed, n, classes, epochs))
    seen = kept_outputs(n, batches, t)
    tdds = feed(TDDSScore(n, classes, t=t, j=j), batches)
    np.testing.assert_allclose(tdds, [slow_tdds(seen[i], j) for i in range(n)], rtol=2e-4, atol=1e-5)
    dual = feed(DUALScore(n, classes, t=t, j=j), batches)
    np.testing.assert_allclose(dual, [slow_dual(seen[i], j) for i in range(n)], rtol=1e-4, atol=1e-6)
    p = feed(TrueProbability(n, classes, t=t), batches)
    mean = [np.mean([q[y] for q, y in seen[i]]) if seen[i] else math.nan for i in range(n)]
    np.testing.assert_allclose(p, mean, rtol=1e-5)


def test_tdds_by_hand():
    # changes of the second class's logit only: |.5 ln(.5/.5)| is 0, so the second and third change alone differ
    epochs = [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [0.2, 0.8]]
    batches = [(e, [0], torch.tensor([row], dtype=torch.float64).log(), [0]) for e, row in enumerate(epochs)]
    move = 0.2 * math.log(0.5 / 0.2) + 0.8 * math.log(0.8 / 0.5)
    spread = math.sqrt(2 * (move / 2) ** 2)  # of (0, move) and of (move, 0)
    np.testing.assert_allclose(feed(TDDSScore(1, 2, t=9, j=3), batches), [0.9 * spread + 0.09 * spread], rtol=2e-3)


def test_repeats_keep_their_order():
    ids = torch.tensor([4, 1, 4, 4, 1, 0])
    parts = [p.tolist() for p in parts_without_repeats(ids)]
    assert [sorted(p) for p in parts] == [[0, 1, 5], [2, 4], [3]]
    assert list(parts_without_repeats(torch.tensor([], dtype=torch.int64))) == []


def test_memory_does_not_grow_with_epochs():
    def held(score):
        return sum(t.numel() for t in vars(score).values() if isinstance(t, torch.Tensor))

    batch = ([0, 1, 2], torch.zeros(3, 50), [0, 1, 2])
    for cls, allowed in ((TDDSScore, 9 + 50 + 2), (DUALScore, 10 + 2)):
        score = cls(3, 50, t=30, j=10)
        feed(score, [(0, *batch), (1, *batch)])
        before = held(score)
        feed(score, [(e, *batch) for e in range(2, 30)])
        assert held(score) == before <= 3 * allowed


@pytest.mark.parametrize(
    ("ratio", "window"),
    [(0.1, (90, 10)), (0.3, (90, 10)), (0.4, (70, 10)), (0.83, (20, 10)), (0.85, (10, 5)), (0.96, (10, 5))],
)
def test_the_window_is_that_of_the_nearest_published_ratio(ratio, window):
    assert published_window(ratio) == window


@pytest.mark.parametrize(
    ("params", "score"),
    [({}, "tdds[t=60,j=20]"), ({"t": 25}, "tdds[t=25,j=None]"), ({"t": 25, "j": 5}, "tdds[t=25,j=5]")],
)
def test_tdds_reads_the_score_of_its_window(tmp_path, params, score):
    job = task(tmp_path, "3/10")
    job.known = {score: job.known["aum"]}
    expected = np.sort(np.argsort(-job.known[score], kind="stable")[:18])
    assert kept_ids("tdds", job, **params).tolist() == expected.tolist()


def asked_for(text):
    """The scores that an expression's identity holds."""
    plugins = PLUGINS
    setting = identity.Setting.of(load_protocol("quick", plugins), plugins, identity.TeacherSource())
    facts = identity.method(setting, parse(text, plugins))[0]["needs"]
    return {need["offers"]["score"][0] for need in facts if need["stage"] == "score"}


def test_the_windows_are_part_of_the_identity():
    auto = {f"tdds[t={t},j={j}]" for t, j in ((90, 10), (70, 10), (60, 20), (20, 10), (10, 5))}
    assert asked_for("tdds") == auto | {"tdds"}
    assert asked_for("tdds[t=25]") == {"tdds[t=25]"}
    assert asked_for("tdds[t=25,j=5]") == {"tdds[t=25,j=5]"}


def test_dual_draws_by_score_and_density(tmp_path):
    """The beta density by its definition; heavy images come first in the mean of many draws."""
    rng = np.random.default_rng(0)
    score, p = rng.uniform(0.01, 0.2, 60), rng.uniform(0, 1, 60)
    got = log_weights(score, p, ratio=0.75, c_d=4.0)
    anchor = p[np.argsort(-score)[:10]].mean()
    b = 15 * (1 - anchor) * (1 - 0.75**4)
    density = torch.distributions.Beta(16 - b, b).log_prob(torch.tensor(p)).numpy()
    difference = got - (density + np.log(score))
    np.testing.assert_allclose(difference, difference[0], atol=1e-4)
    counts = np.zeros(60)
    for seed in range(60):
        job = task(tmp_path, "1/4", seed=seed)
        job.known |= {"dual": score, "true-probability": p}
        counts[kept_ids("dual", job)] += 1
    assert counts[np.argsort(-got)[:10]].mean() > 40 > 5 > counts[np.argsort(-got)[-20:]].mean()


def test_the_less_is_kept_the_easier_it_is():
    score, p = np.full(9, 0.1), np.linspace(0.05, 0.95, 9)
    peak = [p[log_weights(score, p, ratio, 4.0).argmax()] for ratio in (0.1, 0.8, 0.95)]
    assert peak[0] < peak[1] < peak[2]


def test_dual_without_a_draw_keeps_the_largest(tmp_path):
    job = task(tmp_path, "1/4")
    expected = np.sort(np.argsort(-job.known["dual"], kind="stable")[:15])
    assert kept_ids("dual", job, sampling="none").tolist() == expected.tolist()
    assert [p["score"] for _, p in job.asked] == ["dual"]


def test_images_of_no_weight_are_drawn_last(tmp_path):
    data = dataset()
    job = task(tmp_path, "1/2", data=data)
    job.known["dual"] = (np.arange(60) < 25).astype(np.float32)
    assert set(range(25)) < set(kept_ids("dual", job).tolist())


@pytest.mark.parametrize("name", ["margin", "entropy", "least-confidence"])
def test_deepcore_keeps_the_most_certain_where_classes_are_not_balanced(tmp_path, name):
    job = task(tmp_path, "1/4")
    job.known["least-confidence[of=logit]"] = job.known["least-confidence"]
    sign = 1 if name == "entropy" else -1
    certain = np.sort(np.argsort(sign * job.known[name], kind="stable")[:15])
    assert kept_ids(name, job, compat="deepcore").tolist() == certain.tolist()
    balanced = kept_ids(name, job, compat="deepcore", balanced=True).tolist()
    assert balanced == kept_ids(name, job, balanced=True).tolist()


def test_deepcore_ranks_by_the_largest_logit(tmp_path):
    job = task(tmp_path, "1/4")
    job.known["least-confidence[of=logit]"] = job.known["least-confidence"]
    build("least-confidence", compat="deepcore").compress(job)
    build("least-confidence").compress(job)
    assert [p["score"] for _, p in job.asked] == ["least-confidence[of=logit]", "least-confidence"]
    assert asked_for("least-confidence[compat=deepcore]") == {"least-confidence[of=logit]"}


def test_a_window_out_of_bounds_is_refused():
    with pytest.raises(UserError, match="must lie in"):
        parse("tdds[j=2]", PLUGINS)
