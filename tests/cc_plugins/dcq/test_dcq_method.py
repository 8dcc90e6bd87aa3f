import json
import subprocess
import sys

import numpy as np
import pytest
from skimage.color import rgb2lab

from cc_plugins.dcq import DCQ, FEATURES
from cc_plugins.dcq.method import _members
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import UserError
from ccbench.methods.task import Task, Workbench


class Given(Task):
    """A real task whose stages are arrays given by the test."""

    arrays: dict
    asked: list

    def stage(self, name, **params):
        self.asked.append((name, params))
        return self.arrays[name]


def _task(images, labels, bits=2, seed=0, **arrays):
    names = tuple(f"c{i}" for i in range(labels.max() + 1))
    data = ImageDataset("toy", "train", images, labels, names, "digest")
    bench = Workbench(root=data, store=None, plugins=None, recipe=None, base_seed=seed)
    task = Given(bench, data, Budget.from_bits(bits), np.arange(len(images)))
    task.arrays, task.asked = arrays, []
    return task


def _images(n=40, seed=0):
    rng = np.random.default_rng(seed)
    base = np.where(np.arange(n) % 2, 150, 20)[:, None, None, None]
    return (base + rng.integers(0, 90, (n, 8, 8, 3))).astype(np.uint8), np.arange(n) % 4


def _same(a, b):
    return np.array_equal(a.payload.indices, b.payload.indices) and np.array_equal(
        a.payload.palettes, b.payload.palettes
    )


@pytest.mark.parametrize("features", [f for f in FEATURES if f not in {"shallow", "mid1", "mid2", "final"}])
def test_every_feature_without_a_network_asks_for_no_stage(features):
    images, labels = _images()
    task = _task(images, labels)
    found = DCQ.build(features=features, clusters=3, attention="none", refine_steps=4).compress(task)
    assert task.asked == []
    assert found.ids.tolist() == list(range(40))
    assert np.array_equal(found.labels, labels)
    assert found.payload.palettes.shape[1:] == (4, 3)
    assert len(found.payload.palettes) == (4 if features == "label" else found.meta["clusters"])
    assert np.unique(found.payload.clusters).tolist() == list(range(len(found.payload.palettes)))
    json.dumps(found.meta)


def test_stages_are_asked_for_by_their_parameters_and_used():
    images, labels = _images()
    features = np.repeat(np.arange(40)[:, None] % 2 * 9.0, 3, axis=1).astype(np.float32)
    attention = np.zeros((40, 8, 8), np.float16)
    attention[:, :4] = 1
    images[:, :4] = np.where(np.arange(40) % 2, 200, 60)[
        :, None, None, None
    ]  # the kept half has one colour per cluster
    task = _task(images, labels, bits=1, features={"features": features}, attention={"attention": attention})
    found = DCQ.build(
        features="mid1", pool=2, clusters=2, attention="layercam", refine=False, proxy="resnet18"
    ).compress(task)
    assert task.asked == [
        ("features", {"layer": "mid1", "pool": 2, "proxy": "resnet18"}),
        ("attention", {"cam": "layercam", "proxy": "resnet18"}),
    ]
    assert found.payload.clusters.tolist() == [0, 1] * 20
    assert found.payload.palettes.tolist() == [[[60] * 3] * 2, [[200] * 3] * 2]


def test_clustering_is_not_said_before_there_is_something_to_cluster():
    images, labels = _images()
    task = _task(images, labels, features={"features": np.random.default_rng(0).random((40, 3), np.float32)})
    told = []
    task.bench.progress = lambda *said: told.append((said, list(task.asked)))
    DCQ.build(clusters=2, attention="none", refine=False).compress(task)
    assert told[0][0] == (0, 1, "clustering")
    assert told[0][1], "the network was asked for before"


def test_all_pixels_are_quantised_to_the_stored_palette():
    images, labels = _images(12)
    found = DCQ.build(features="histogram", clusters=3, attention="none", refine_steps=6).compress(
        _task(images, labels, bits=3)
    )
    for image, index, c in zip(images, found.payload.indices, found.payload.clusters, strict=True):
        distance = np.square(rgb2lab(image)[:, :, None] - rgb2lab(found.payload.palettes[c][None])).sum(-1)
        chosen = np.take_along_axis(distance, index[..., None].astype(int), -1)[..., 0]
        assert (chosen <= distance.min(-1) + 0.02).all()


def test_refinement_lowers_the_loss_and_can_be_left_out():
    images, labels = _images()
    on, off = (
        DCQ.build(features="image", clusters=2, attention="none", refine=r, refine_steps=20)
        .compress(_task(images, labels))
        .meta
        for r in (True, False)
    )
    assert on["loss_after"] < on["loss_before"]
    assert off["loss_after"] == off["loss_before"] == on["loss_before"]


def test_the_seed_decides_the_result():
    images, labels = _images()

    def make(seed):
        method = DCQ.build(features="random", clusters=4, attention="none", refine_steps=3)
        return method.compress(_task(images, labels, seed=seed))

    assert _same(make(0), make(0))
    assert not _same(make(0), make(1))


def test_images_of_few_colours_come_back_exactly():
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (4, 3)).astype(np.uint8)
    images = colors[rng.integers(0, 4, (10, 6, 6))]
    found = DCQ.build(features="image", clusters=3, attention="none", refine_steps=5).compress(
        _task(images, np.arange(10) % 2)
    )
    assert np.array_equal(found.to_dataset("x").images, images)


@pytest.mark.parametrize("n", [2, 3])
def test_fewer_images_than_clusters(n):
    images, _ = _images(n)
    found = DCQ.build(features="image", attention="none", refine_steps=2).compress(_task(images, np.arange(n) % 2))
    assert len(found.payload.palettes) <= n


def test_a_budget_off_the_grid_is_the_users_fault():
    images, labels = _images()
    task = _task(images, labels)
    task.budget = Budget.from_ratio(0.9)
    with pytest.raises(UserError, match="whole bits") as caught:
        DCQ.build(features="image", attention="none").compress(task)
    assert "0.916667" in str(caught.value) or "0.875" in str(caught.value)


def test_members():
    assert [m.tolist() for m in _members(np.array([1, 0, 1, 2]))] == [[1], [0, 2], [3]]


def test_listing_imports_nothing_heavy():
    code = "import sys, cc_plugins.dcq; print(sorted({'torch', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
