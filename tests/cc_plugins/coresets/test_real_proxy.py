"""Every selection method on real digits, from one real proxy training."""

import dataclasses

import numpy as np
import pytest

from ccbench import Budget
from ccbench.data import DataSource, open_dataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.plugin import MethodSpec, ScoreSpec, specs_of_modules
from ccbench.store import Store
from ccbench.training.protocols import load_protocol

NAMES = [spec.name for spec in specs_of_modules("cc_plugins.coresets", ScoreSpec)]
OURS = specs_of_modules("cc_plugins.coresets", MethodSpec)
METHODS = [spec.name for spec in OURS if spec.budgets == "fraction" and spec.name != "ids"]  # which wants a file


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder, plugins = tmp_path_factory.mktemp("selection"), Plugins()
    source = DataSource(root=None, download=False, argument="", image_size=None, skip_bad=False)
    train = open_dataset("photodigits", plugins=plugins, source=source, cache=folder).train
    recipe = dataclasses.replace(load_protocol("quick", plugins).proxy, epochs=3, min_iterations=0)
    return Workbench(root=train.subset(np.arange(400)), store=Store(folder), plugins=plugins, recipe=recipe)


def task(bench, ids, kept):
    return Task(bench=bench, dataset=bench.root.subset(ids), budget=Budget.from_fraction(kept), ids=ids)


def test_all_methods_share_one_training(bench):
    job = task(bench, np.arange(400), "0.1")
    for name in (*METHODS, "ccs"):
        method = bench.plugins.get("method", name).build()
        assert len(method.compress(job)) == 40
    assert {"random", "ccs"} <= set(METHODS)
    assert {"aum", "entropy"} <= set(NAMES)
    scores = {name: np.asarray(job.stage("score", score=name)["score"]) for name in NAMES}
    assert len([p for p in (bench.store.root / "proxy").iterdir() if p.is_dir()]) == 1
    for name, values in scores.items():
        assert values.shape == (400,)
        assert np.isfinite(values).all(), name
        assert len(np.unique(values)) > 1, name
    assert -1 <= scores["aum"].min() <= scores["aum"].max() <= 1
    assert 0 <= scores["el2n"].min() <= scores["el2n"].max() <= 2**0.5
    assert set(np.unique(scores["forgetting"])) <= {0, 1}  # three epochs have room for one fall
    assert 0 <= scores["entropy"].min() <= scores["entropy"].max() <= np.log(10) + 1e-6
    # what is often right has a large margin and a small error
    assert np.corrcoef(scores["aum"], scores["correctness"])[0, 1] > 0.5
    assert np.corrcoef(scores["aum"], scores["el2n"])[0, 1] < -0.5


def test_each_ranking_tells_the_scores_that_it_went_by(bench):
    job, stage = task(bench, np.arange(400), "0.1"), {}
    for name in NAMES:
        stage[name] = np.asarray(job.stage("score", score=name)["score"])
    told = {name: bench.plugins.get("method", name).build().compress(job) for name in METHODS}
    for name in ("aum", "el2n", "forgetting", "entropy", "margin", "least-confidence"):
        assert {k: v.tolist() for k, v in told[name].scores.items()} == {name: stage[name].tolist()}
    sets = {"ccs": ["aum"], "d2-pruning": ["forgetting", "aum"], "dual": ["dual", "true-probability"]}
    for name, expected in sets.items():
        assert list(told[name].scores) == expected
        for score in expected:
            assert told[name].scores[score].tolist() == stage[score].tolist()
    for name, sign in {"grand": 1, "cal": 1, "deepfool": -1}.items():
        values = sign * told[name].scores[name]
        assert sorted(values[told[name].ids]) == sorted(values)[-40:]
    assert all(not told[name].scores for name in ("herding", "random", "k-center", "craig"))


def test_the_second_step_of_a_pipeline_uses_the_same_scores(bench):
    half = np.arange(0, 400, 2)
    whole = np.asarray(task(bench, np.arange(400), "0.5").stage("score", score="aum")["score"])
    kept = bench.plugins.get("method", "aum").build().compress(task(bench, half, "0.25")).ids
    assert kept.tolist() == sorted(np.argsort(whole[half], kind="stable")[:50].tolist())


def test_repeats_are_networks_of_their_own_trained_once(bench):
    job = task(bench, np.arange(400), "0.1")

    def trained():
        return {p.name for p in (bench.store.root / "proxy").iterdir() if p.is_dir()}

    job.stage("proxy")
    before = trained()
    one = bench.plugins.get("method", "grand").build(repeats=1).compress(job).ids
    assert trained() == before
    two = bench.plugins.get("method", "grand").build(repeats=2).compress(job).ids
    assert len(trained() - before) == 1
    assert one.tolist() != two.tolist()
    margins = [np.asarray(job.repeated(i).stage("proxy")["score-aum"]) for i in (0, 1)]
    assert len(trained() - before) == 1
    assert not np.array_equal(*margins)
