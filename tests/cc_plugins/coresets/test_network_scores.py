"""GraNd, CAL and DeepFool: formulas against autograd and plain loops, and the methods on one known network."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch import nn

from cc_plugins.coresets import _neighbours
from cc_plugins.coresets._neighbours import neighbours
from cc_plugins.coresets.cal import divergence
from cc_plugins.coresets.deepfool import perturbation
from cc_plugins.coresets.grand import lengths
from ccbench import Budget, UserError
from ccbench.methods.task import Task, Workbench
from ccbench.store import Store
from tests.cc_plugins.coresets.test_methods import PLUGINS, build, dataset


@dataclass
class Known(Task):
    """A task whose network's outputs are known: those of run ``base_seed``."""

    asked: list = field(default_factory=list)

    def stage(self, name, **params):
        """Made up from the base seed, instead of a training."""
        self.asked.append((name, params, self.bench.base_seed))
        rng, n = np.random.default_rng(self.bench.base_seed), len(self.ids)
        if name == "perturbation":
            return {"length": rng.uniform(0, 1, n)}
        return {"features": rng.normal(size=(n, 5)), "logits": rng.normal(size=(n, 3))}


def task(tmp_path, kept, *, n=60, seed=0):
    data = dataset(n)
    bench = Workbench(root=data, store=Store(tmp_path), plugins=PLUGINS, recipe=None, base_seed=seed)
    return Known(bench=bench, dataset=data, budget=Budget(Fraction(kept)), ids=np.arange(n))


def outputs(n=40, width=6, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)).astype(np.float32), rng.normal(size=(n, classes)).astype(np.float32)


def test_grand_is_the_length_of_the_gradient():
    features, _ = outputs()
    labels = np.arange(40) % 4
    layer = nn.Linear(6, 4)
    logits = layer(torch.from_numpy(features))
    got = lengths(features, logits.detach().numpy(), labels)
    for i in range(40):
        loss = nn.functional.cross_entropy(logits[i : i + 1], torch.tensor(labels[i : i + 1]))
        grads = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)
        np.testing.assert_allclose(got[i], torch.cat([g.flatten() for g in grads]).norm().item(), rtol=1e-4)


def test_grand_is_a_mean_over_independent_runs(tmp_path):
    job = task(tmp_path, "1/4")
    kept = build("grand", repeats=3).compress(job).ids
    seeds = [s for _, _, s in job.asked]
    runs = [np.random.default_rng(s) for s in seeds]
    mean = sum(lengths(r.normal(size=(60, 5)), r.normal(size=(60, 3)), job.dataset.labels) for r in runs)
    assert len(set(seeds)) == 3
    assert kept.tolist() == np.sort(np.argsort(-mean, kind="stable")[:15]).tolist()
    assert kept.tolist() != build("grand").compress(task(tmp_path, "1/4")).ids.tolist()


@pytest.mark.parametrize(("n", "k"), [(40, 5), (40, 1), (7, 10), (1, 3)])
def test_neighbours_like_all_pairs_at_once(monkeypatch, n, k):
    monkeypatch.setattr(_neighbours, "ROWS", 8)
    monkeypatch.setattr(_neighbours, "COLUMNS", 12)
    x = torch.from_numpy(outputs(n)[0]) + 100
    ids, far = neighbours(x, k)
    pairs = torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf)
    expected = pairs.sort(1)
    assert ids.tolist() == expected.indices[:, : min(k, n - 1)].tolist()
    np.testing.assert_allclose(far, expected.values[:, : min(k, n - 1)], rtol=1e-3)


def test_cal_like_a_loop():
    features, logits = outputs(30)
    p = softmax(logits.astype(np.float64), axis=1)
    near, _ = neighbours(torch.from_numpy(features), 4)
    log_p = torch.from_numpy(logits).log_softmax(1)
    slow = [np.mean([rel_entr(p[j], p[i]).sum() for j in near[i]]) for i in range(30)]
    both = [np.mean([rel_entr(p[j], p[i]).sum() + rel_entr(p[i], p[j]).sum() for j in near[i]]) for i in range(30)]
    np.testing.assert_allclose(divergence(log_p, near, symmetric=False), slow, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(divergence(log_p, near, symmetric=True), both, rtol=1e-4, atol=1e-6)


def test_cal_keeps_the_most_contrary_image_and_deepcore_the_most_agreeing(tmp_path):
    """Two clusters of features; one image of each has the other's prediction."""

    class Clusters(Known):
        def stage(self, name, **params):
            features = np.arange(60)[:, None] % 2 * 100.0 + np.random.default_rng(0).normal(size=(60, 3))
            side = (np.arange(60) % 2).astype(np.float64)
            side[[10, 21]] = 1 - side[[10, 21]]
            return {"features": features, "logits": np.stack([side * 4, 0 * side, -side * 4], 1)}

    base = task(tmp_path, "1/20")
    job = Clusters(bench=base.bench, dataset=base.dataset, budget=base.budget, ids=base.ids)
    assert {10, 21} <= set(build("cal").compress(job).ids.tolist())
    assert not {10, 21} & set(build("cal", compat="deepcore").compress(job).ids.tolist())


def test_deepfool_in_closed_form_on_a_linear_network():
    rng = np.random.default_rng(0)
    network = nn.Linear(8, 5).double().requires_grad_(False)
    network.weight[:] = torch.tensor(rng.normal(size=(5, 8)))
    x = torch.tensor(rng.normal(size=(200, 8)))
    z, w = network(x).numpy(), network.weight.numpy()
    expected = []
    for i in range(200):
        top = z[i].argmax()
        ways = [(z[i, top] - z[i, k]) / np.linalg.norm(w[top] - w[k]) for k in range(5) if k != top]
        expected.append(min(ways))
    got = perturbation(network, x, iterations=50, candidates=5)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    fewer = perturbation(network, x, iterations=50, candidates=2)
    assert (fewer >= got - 1e-9).all()
    assert (fewer > got * 1.01).any()


def test_deepfool_changes_the_class_of_a_curved_network_and_each_image_by_itself():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 4)).requires_grad_(False)
    x = torch.randn(16, 3, 2, 2)
    together = perturbation(network, x, iterations=50, candidates=4)
    alone = torch.cat([perturbation(network, x[i : i + 1], iterations=50, candidates=4) for i in range(16)])
    np.testing.assert_allclose(together, alone, rtol=1e-4)
    one = perturbation(network, x, iterations=1, candidates=4)
    assert (together >= one - 1e-5).all()
    assert (together > one + 1e-4).any()


def test_deepfool_of_a_network_that_does_not_look_is_bounded():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).requires_grad_(False)
    network[1].weight.zero_()
    assert perturbation(network, torch.randn(3, 3, 2, 2), iterations=4, candidates=4).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["grand", "cal", "deepfool"])
@pytest.mark.parametrize("kept", ["1/20", "1/4", "1"])
def test_budget_and_shares(tmp_path, name, kept):
    job = task(tmp_path, kept)
    for balanced in (False, True):
        made = build(name, balanced=balanced).compress(job)
        assert len(made) == job.images
        assert (np.diff(made.ids) > 0).all()
        assert made.ids.tolist() == build(name, balanced=balanced).compress(job).ids.tolist()
    assert np.bincount(made.labels).tolist() == [job.images // 3] * 3
    build(name, proxy="convnet-d3").compress(job)
    assert job.asked[-1][1]["proxy"] == "convnet-d3"


def test_deepfool_keeps_the_smallest_change(tmp_path):
    job = task(tmp_path, "1/4")
    length = np.random.default_rng(0).uniform(0, 1, 60)
    assert build("deepfool").compress(job).ids.tolist() == np.sort(np.argsort(length)[:15]).tolist()


@pytest.mark.parametrize("name", ["grand", "cal", "deepfool"])
def test_a_network_that_broke_is_an_error(tmp_path, name):
    class Broken(Known):
        def stage(self, name, **params):
            arrays = super().stage(name, **params)
            for values in arrays.values():
                values[3] = np.inf
            return arrays

    base = task(tmp_path, "1/4")
    job = Broken(bench=base.bench, dataset=base.dataset, budget=base.budget, ids=base.ids)
    with pytest.raises(UserError, match="1 of 60 images"):
        build(name).compress(job)
