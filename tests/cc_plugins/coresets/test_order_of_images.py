"""What no selection may depend on: the order of the images, and how often one of them comes."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ccbench.data import ImageDataset
from ccbench.plugin import MethodSpec, specs_of_modules
from tests.cc_plugins.coresets.test_methods import Scored, build, task

OURS = list(specs_of_modules("cc_plugins.coresets", MethodSpec))
STEADY = sorted(s.name for s in OURS if s.budgets == "fraction" and not s.random and s.name != "ids")
SPREADING = ("contextual-diversity", "craig", "facility-location", "k-center", "log-determinant")
N, CLASSES = 90, 3


@dataclass
class Drawn(Scored):
    """A task of drawn scores, a drawn last layer and drawn lengths of perturbations, its images in some order."""

    order: np.ndarray = field(default_factory=lambda: np.arange(N))

    def stage(self, name, **params):
        """What was drawn of each image, wherever it stands."""
        rng = np.random.default_rng(sum(map(ord, str(params.get("score", "")))))
        if name == "last-layer":
            layer = {"features": np.maximum(rng.normal(size=(N, 20)), 0), "logits": rng.normal(0, 2, (N, CLASSES))}
            return {key: rows[self.order] for key, rows in layer.items()}
        return {{"score": "score", "perturbation": "length"}[name]: rng.uniform(0, 1, N).astype(np.float32)[self.order]}


def drawn(tmp_path, order, kept="1/5"):
    base = task(tmp_path, kept)
    images = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3), dtype=np.uint8)[order]
    data = ImageDataset(name="drawn", split="train", images=images, labels=order % CLASSES, classes=tuple("abc"),
                        digest=f"drawn-{order}")  # fmt: skip
    bench = replace(base.bench, root=data)
    return Drawn(bench=bench, dataset=data, budget=base.budget, ids=np.arange(N), order=order)


def permuted(seed):
    """An order of the images in which each class has the same first one: it wins where all are worth the same."""
    order = np.random.default_rng(seed).permutation(N)
    for label in range(CLASSES):
        places = np.flatnonzero(order % CLASSES == label)
        lowest = places[order[places] == label][0]
        order[[places[0], lowest]] = order[[lowest, places[0]]]
    return order


@pytest.mark.parametrize("name", STEADY)
def test_permuted_images_give_the_permuted_picks(tmp_path, name):
    plain = build(name).compress(drawn(tmp_path, np.arange(N)))
    assert len(plain) == 18
    for seed in range(3):
        order = permuted(seed)
        found = build(name).compress(drawn(tmp_path, order))
        assert sorted(order[found.ids]) == plain.ids.tolist()
        if plain.weights is not None:
            by_image = dict(zip(order[found.ids], found.weights, strict=True))
            assert [by_image[i] for i in plain.ids] == pytest.approx(plain.weights.tolist(), rel=1e-5)


@dataclass
class Tripled(Drawn):
    """The same with 30 images, each three times in a row of 90."""

    def stage(self, name, **params):
        """Three images in a row have the same last layer."""
        return {key: np.repeat(rows[::3], 3, 0) for key, rows in super().stage(name, **params).items()}


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("name", SPREADING)
def test_a_repetition_comes_after_the_last_distinct_image(tmp_path, name, balanced):
    base = drawn(tmp_path, np.arange(N), "1/3")
    labels = np.repeat(np.arange(N // 3) % CLASSES, 3)
    data = replace(base.dataset, labels=labels, digest="tripled")
    job = Tripled(bench=replace(base.bench, root=data), dataset=data, budget=base.budget, ids=base.ids)
    kept = build(name, balanced=balanced).compress(job)
    assert sorted(kept.ids // 3) == list(range(N // 3))
