"""Methods that look at the last layer: on known layers, against the definitions written out."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from cc_plugins.submodular.functions import Cosine, FacilityLocation, GraphCut, LogDeterminant
from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors
from cc_plugins.submodular.greedy import greedy
from ccbench import Budget, UserError, testing
from ccbench.data import ImageDataset
from ccbench.methods.task import Task, Workbench
from ccbench.offers.discovery import Plugins
from ccbench.plugin import MethodSpec, specs_of_modules
from ccbench.store import Store

PLUGINS = Plugins()
NAMES = [s.name for s in specs_of_modules("cc_plugins.coresets", MethodSpec) if "last-layer" in s.needs]
SUBMODULAR = ("facility-location", "graph-cut", "log-determinant")
N, CLASSES = 60, 3


@dataclass
class Known(Task):
    """A task whose last layer is known."""

    layer: dict | None = None

    def stage(self, name, **params):
        """The known layer instead of a training."""
        assert name == "last-layer"
        return self.layer


def layer(n=N, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "features": np.maximum(rng.normal(size=(n, 9)), 0).astype(np.float32),
        "logits": rng.normal(0, 2, (n, CLASSES)).astype(np.float32),
    }


def task(tmp_path, kept, *, sizes=(20, 20, 20), seed=0, known=None):
    n = sum(sizes)
    rng = np.random.default_rng(n)
    data = ImageDataset(name="tiny", split="train", images=rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8),
                        labels=rng.permutation(np.repeat(np.arange(CLASSES), sizes)), classes=tuple("abc"),
                        digest=f"tiny-{n}")  # fmt: skip
    bench = Workbench(root=data, store=Store(tmp_path), plugins=PLUGINS, recipe=None, base_seed=seed)
    return Known(bench=bench, dataset=data, budget=Budget(Fraction(kept, n)), ids=np.arange(n), layer=known or layer(n))


def compress(name, job, **params):
    return PLUGINS.get("method", name).build(**params).compress(job)


def gradients(job, members, errors=cross_entropy_errors):
    rows = {name: values[members].astype(float) for name, values in job.layer.items()}
    return Gradients(errors(rows["logits"], job.dataset.labels[members]), rows["features"])


@pytest.mark.parametrize("name", NAMES)
def test_one_image_of_each_class(tmp_path, name):
    job = task(tmp_path, 3)
    result = compress(name, job, balanced=True)
    assert sorted(result.labels) == [0, 1, 2]
    assert result.weights is None or (result.weights > 0).all()
    assert len(compress(name, job, balanced=False)) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_small_class_gives_all_it_has(tmp_path, name):
    result = compress(name, task(tmp_path, 15, sizes=(20, 20, 2)), balanced=True)
    assert np.bincount(result.labels).tolist() == [6, 7, 2]


@pytest.mark.parametrize("name", NAMES)
def test_equal_images_are_no_obstacle(tmp_path, name):
    same = {key: np.repeat(values[:1], N, 0) for key, values in layer().items()}
    assert len(compress(name, task(tmp_path, 12, known=same), balanced=False)) == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_did_not_survive_is_an_error(tmp_path, name):
    bad = {key: np.full_like(values, np.nan) for key, values in layer().items()}
    with pytest.raises(UserError, match="not finite"):
        compress(name, task(tmp_path, 6, known=bad))


@pytest.mark.parametrize("name", SUBMODULAR)
@pytest.mark.parametrize("compat", ["none", "deepcore"])
@pytest.mark.parametrize("balanced", [True, False])
def test_submodular_picks_are_the_functions_own(tmp_path, name, compat, balanced):
    job = task(tmp_path, 15)
    expected = []
    for c in range(CLASSES) if balanced else [None]:
        members = np.flatnonzero((job.dataset.labels == c) | (c is None))
        own = gradients(job, members, cross_entropy_errors)
        function = {
            "facility-location": lambda g: FacilityLocation(Cosine(g)),
            "graph-cut": GraphCut,
            "log-determinant": lambda g: LogDeterminant(Cosine(g), explained=compat == "deepcore"),
        }[name](own)
        expected += members[greedy(function, 5 if balanced else 15)].tolist()
    found = compress(name, job, compat=compat, balanced=balanced)
    assert found.ids.tolist() == sorted(expected)
    assert found.weights is None


@pytest.mark.parametrize("name", SUBMODULAR)
def test_every_search_keeps_the_budget_and_repeats_itself(tmp_path, name):
    for how in ("naive", "lazy", "stochastic", "approximate-lazy"):
        first, again = (compress(name, task(tmp_path, 15), greedy=how).ids.tolist() for _ in range(2))
        assert len(first) == 15
        assert first == again
    # one image to choose from, or several
    small, large = (compress(name, task(tmp_path, 15), greedy="stochastic", compat=c).ids for c in ("deepcore", "none"))
    assert small.tolist() != large.tolist()


def test_a_lazy_search_of_rising_gains_is_declined(tmp_path):
    for how in ("lazy", "approximate-lazy"):
        method = PLUGINS.get("method", "log-determinant").build(compat="deepcore", greedy=how)
        assert "never rise" in method.skip(task(tmp_path, 6))
    for params in ({"compat": "deepcore"}, {"greedy": "lazy"}, {"compat": "deepcore", "greedy": "stochastic"}):
        assert PLUGINS.get("method", "log-determinant").build(**params).skip(task(tmp_path, 6)) is None


def test_weights_go_with_their_images_into_the_file(tmp_path):
    job = task(tmp_path, 15)
    found = compress("craig", job)
    labels = job.dataset.labels
    assert [found.weights[found.labels == c].sum() for c in range(CLASSES)] == np.bincount(labels).tolist()
    plus = compress("craig", job, compat="deepcore")
    assert plus.weights.sum() == N + 15
    assert (compress("gradmatch", job).weights > 0).all()
    reason = PLUGINS.get("method", "craig").build(compat="deepcore", balanced=False).skip(job)
    assert "balanced=true" in reason
    assert PLUGINS.get("method", "craig").build(balanced=False).skip(job) is None


# one that draws and one that stores weights: a run of the kit takes seconds
@pytest.mark.parametrize("check", [c for name in ("k-center", "gradmatch") for c in testing.checks(name)])
def test_conformance(check):
    check()
