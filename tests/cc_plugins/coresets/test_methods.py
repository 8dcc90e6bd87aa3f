"""The methods on real tasks; only the scores are given."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from cc_plugins.coresets.tdds import PUBLISHED_WINDOWS
from ccbench import Budget, UserError
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import parse
from ccbench.plugin import MethodSpec, specs_of_modules
from ccbench.store import Store

PLUGINS = Plugins()
OURS = specs_of_modules("cc_plugins.coresets", MethodSpec)
BY_SCORE = {"proxy", "score"}  # what these tests know; methods that need more have tests of their own
SELECTING = sorted(
    s.name for s in OURS if s.budgets == "fraction" and s.name != "ids" and {n.stage for n in s.asks()} <= BY_SCORE
)
WINDOWS = [f"tdds[t={t},j={j}]" for t, j in PUBLISHED_WINDOWS.values()]
RANKING = [name for name in SELECTING if hasattr(PLUGINS.get("method", name).load(), "sign")]


@dataclass
class Scored(Task):
    """A task whose scores are known."""

    known: dict[str, np.ndarray] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def stage(self, name, **params):
        """The known score, or a last layer, instead of a training."""
        self.asked.append((name, params))
        if name == "last-layer":
            return last_layer(len(self.dataset.labels))
        return {"score": self.known[params["score"]]}


def dataset(n=60, classes=3, name="tiny"):
    rng = np.random.default_rng(n)
    images = rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return ImageDataset(name=name, split="train", images=images, labels=np.arange(n) % classes,
                        classes=tuple("abcdefghij"[:classes]), digest=f"{name}-{n}")  # fmt: skip


def last_layer(n, seed=6):
    rng = np.random.default_rng(seed)
    return {"features": np.maximum(rng.normal(size=(n, 8)), 0), "logits": rng.normal(0, 2, (n, 3))}


def scores(n, seed=5):
    rng = np.random.default_rng(seed)
    known = {
        "aum": rng.uniform(-1, 1, n).astype(np.float32),
        "el2n": rng.uniform(0, 1.4, n).astype(np.float32),
        "forgetting": rng.integers(0, 4, n).astype(np.float32),
        "entropy": rng.uniform(0, 1, n).astype(np.float32),
        "correctness": rng.uniform(0, 1, n).astype(np.float32),
    }
    more = [name for name in (*RANKING, "true-probability", *WINDOWS) if name not in known]
    return known | {name: rng.uniform(0, 1, n).astype(np.float32) for name in more}


def task(tmp_path, kept, *, data=None, ids=None, known=None, seed=0):
    data = data or dataset()
    n = len(data.labels)
    bench = Workbench(root=data, store=Store(tmp_path), plugins=PLUGINS, recipe=None, base_seed=seed)
    return Scored(bench=bench, dataset=data, budget=Budget(Fraction(kept)), ids=np.arange(n) if ids is None else ids,
                  known=scores(n) if known is None else known)  # fmt: skip


def build(name, **params):
    return PLUGINS.get("method", name).build(**params)


def kept_ids(name, job, **params):
    return build(name, **params).compress(job).ids


def test_there_are_methods_to_test():
    assert set(SELECTING) >= {"random", "entropy", "forgetting", "el2n", "aum", "ccs"}
    assert set(RANKING) >= {"entropy", "forgetting", "el2n", "aum"}


def test_uniform_is_another_name_for_random():
    assert parse("uniform[fraction=0.1]", PLUGINS).label == "random[fraction=0.1]"
    with pytest.raises(UserError, match="takes no other balanced"):
        parse("uniform[balanced=false]", PLUGINS)


@pytest.mark.parametrize("name", SELECTING)
@pytest.mark.parametrize("kept", ["1/20", "1/12", "3/10", "1"])
def test_the_budget_is_hit_exactly(tmp_path, name, kept):
    job = task(tmp_path, kept)
    result = build(name).compress(job)
    ids = np.asarray(result.ids)
    assert len(ids) == job.images == round(60 * Fraction(kept))
    assert (np.diff(ids) > 0).all()
    assert np.array_equal(result.labels, job.dataset.labels[ids])
    assert np.array_equal(result.payload.images, job.dataset.images[ids])
    assert result.bits_per_pixel == 24


@pytest.mark.parametrize(
    ("name", "sign"),
    [("entropy", 1), ("forgetting", 1), ("el2n", 1), ("aum", -1), ("margin", -1), ("least-confidence", -1)],
)
def test_which_end_is_kept(tmp_path, name, sign):
    job = task(tmp_path, "1/4")
    value = sign * job.known[name]
    expected = sorted(sorted(range(60), key=lambda i: (-value[i], i))[:15])
    assert kept_ids(name, job).tolist() == expected
    assert job.asked == [("score", {"score": name, "proxy": None})]


@pytest.mark.parametrize("name", [*RANKING, "random"])
def test_balanced_gives_every_class_its_share(tmp_path, name):
    job = task(tmp_path, "1/4")
    ids = kept_ids(name, job, balanced=True)
    assert np.bincount(job.dataset.labels[ids]).tolist() == [5, 5, 5]


def test_unbalanced_random_can_leave_the_shares(tmp_path):
    counts = {
        tuple(np.bincount(kept_ids("random", task(tmp_path, "1/4", seed=s), balanced=False) % 3, minlength=3))
        for s in range(10)
    }
    assert len(counts) > 1


@pytest.mark.parametrize("name", SELECTING)
def test_seeds_matter_where_declared(tmp_path, name):
    first, same, other = (kept_ids(name, task(tmp_path, "1/4", seed=s)).tolist() for s in (0, 0, 1))
    assert first == same
    assert (first != other) == PLUGINS.get("method", name).random


def test_full_keeps_everything_and_ignores_the_budget(tmp_path):
    assert kept_ids("full", task(tmp_path, "1/4")).tolist() == list(range(60))


@pytest.mark.parametrize("name", ["aum", "ccs"])
def test_a_later_step_reads_the_scores_of_its_own_images(tmp_path, name):
    """In a pipeline the task's images are a part of the training set, in any order."""
    whole = scores(200)
    ids = np.random.default_rng(1).permutation(200)[:60]
    part = {k: v[ids] for k, v in whole.items()}
    alone = kept_ids(name, task(tmp_path, "1/4", known=part))
    assert kept_ids(name, task(tmp_path, "1/4", ids=ids, known=whole)).tolist() == alone.tolist()


def test_ccs_drops_by_aum_and_stratifies_by_the_score(tmp_path):
    job = task(tmp_path, "1/10")
    job.known["forgetting"] = (np.arange(60) % 2).astype(np.float32)
    job.known["forgetting"][np.argsort(job.known["aum"])[:18]] = 9  # the hardest would have a stratum of their own
    ids = kept_ids("ccs", job, score="forgetting", beta=0.3)
    assert not set(ids.tolist()) & set(np.argsort(job.known["aum"])[:18].tolist())
    assert np.bincount(job.known["forgetting"][ids].astype(int)).tolist() == [3, 3]
    assert [p["score"] for _, p in job.asked] == ["aum", "forgetting"]


def test_ccs_takes_the_published_beta(tmp_path):
    for classes, dropped in ((10, 0.3), (3, 0.3)):
        job = task(tmp_path, "1/10", data=dataset(200, classes), known=scores(200))
        hardest = set(np.argsort(job.known["aum"])[: int(dropped * 200)].tolist())
        assert not hardest & set(kept_ids("ccs", job).tolist())
        assert kept_ids("ccs", job).tolist() == kept_ids("ccs", job, beta=dropped).tolist()


def test_a_beta_that_does_not_fit_is_refused(tmp_path):
    job = task(tmp_path, "1/2")
    method = build("ccs", beta=0.6)
    assert "beta=0.6" in method.skip(job)
    with pytest.raises(UserError, match=r"beta=0\.6"):
        method.compress(job)
    assert build("ccs", beta=0.5).skip(job) is None
    assert len(build("ccs", beta=0.5).compress(job)) == 30


@pytest.mark.parametrize("name", [*RANKING, "ccs"])
def test_a_score_with_holes_is_an_error(tmp_path, name):
    job = task(tmp_path, "1/4")
    job.known = {k: v.copy() for k, v in job.known.items()}
    for v in job.known.values():
        v[[3, 8]] = np.nan
    with pytest.raises(UserError, match="2 of 60 images"):
        build(name).compress(job)


def test_synthetic_images_have_no_score(tmp_path):
    with pytest.raises(UserError, match="synthetic"):
        build("aum").compress(task(tmp_path, "1/4", ids=np.full(60, -1)))


@pytest.mark.parametrize("name", ["aum", "ccs"])
def test_the_proxy_is_passed_on(tmp_path, name):
    job = task(tmp_path, "1/4")
    build(name, proxy="convnet-d3").compress(job)
    assert {p["proxy"] for _, p in job.asked} == {"convnet-d3"}
