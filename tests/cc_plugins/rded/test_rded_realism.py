"""Scores of crops against torchvision, image by image, with a trained teacher of the real stage."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from cc_plugins.rded import realism
from ccbench.data import ImageDataset
from ccbench.methods.task import run_stage
from ccbench.stages.teacher import load_teacher
from ccbench.testing.lab import Lab


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Lab("random", folder=tmp_path_factory.mktemp("lab")).bench()


@pytest.fixture(scope="module")
def context(bench):
    """What the stage is handed, for the kit's images."""
    seeds = SimpleNamespace(seed=lambda name: sum(name.encode()))
    return make(bench, bench.root, seeds.seed)


def make(bench, dataset, seed=lambda name: sum(name.encode())):
    return SimpleNamespace(
        dataset=dataset,
        device="cpu",
        bench=bench,
        seed=seed,
        progress=lambda *_: None,
        stage=lambda name, **params: run_stage(bench, dataset, name, params),
    )


def one_loss(teacher, image, label, box, side, size):
    """The crop of one image as torchvision makes it, normalised, padded with zeros, scored."""
    picture = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
    crop = tv.resized_crop(picture, *box, [side, side], antialias=True)
    mean, std = teacher.normalise.mean.view(3, 1, 1), teacher.normalise.std.view(3, 1, 1)
    normal = (crop - mean) / std
    before = (size - side) // 2
    padded = torch.nn.functional.pad(normal, (before, size - side - before, before, size - side - before))
    with torch.no_grad():
        logits = teacher.network(padded.unsqueeze(0))
    return -torch.log_softmax(logits.double(), 1)[0, label].item()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_scores_equal_torchvisions_one_by_one(context, factor):
    teacher, data = load_teacher(context), context.dataset
    found = realism.run(context, mipc=5, crops=4, factor=factor, draw=0, teacher=None)
    for position, box, loss in zip(found["images"], found["boxes"], found["losses"], strict=True):
        image, label = data.images[position], int(data.labels[position])
        expected = one_loss(teacher, image, label, box.tolist(), 32 // factor, 32)
        assert loss == pytest.approx(expected, abs=2e-3)


def test_of_each_image_the_best_crop_of_each_class_the_lowest_first(context):
    found = realism.run(context, mipc=300, crops=6, factor=2, draw=0, teacher=None)
    labels = context.dataset.labels[found["images"]]
    assert sorted(found["images"].tolist()) == list(range(96))  # every class is smaller than mipc: all it has
    assert labels.tolist() == sorted(labels.tolist())
    for label in range(4):
        losses = found["losses"][labels == label]
        assert losses.tolist() == sorted(losses.tolist())
    # the same draw with one crop less can only be worse or as good where the crops are shared: here all are rescored
    teacher, size = load_teacher(context), (32, 32)
    generator = torch.Generator().manual_seed(context.seed("class 0, draw 0"))
    members = np.flatnonzero(context.dataset.labels == 0)
    torch.randperm(len(members), generator=generator)
    boxes = realism.random_boxes(len(members) * 6, size, generator, realism.SCALE, (1.0, 1.0)).view(-1, 6, 4)
    for position, candidates in zip(members, boxes, strict=True):
        row = int(np.flatnonzero(found["images"] == position)[0])
        losses = [one_loss(teacher, context.dataset.images[position], 0, box, 16, 32) for box in candidates.tolist()]
        assert found["losses"][row] == pytest.approx(min(losses), abs=2e-3)
        assert losses[candidates.tolist().index(found["boxes"][row].tolist())] == pytest.approx(min(losses), abs=4e-3)


def test_a_class_gives_mipc_images_drawn_anew_for_each_draw(context):
    one, again, two = (realism.run(context, mipc=7, crops=2, factor=1, draw=draw, teacher=None) for draw in (0, 0, 1))
    assert np.bincount(context.dataset.labels[one["images"]]).tolist() == [7] * 4
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert set(one["images"]) != set(two["images"])
    assert len(set(one["images"])) == 28


def test_how_many_are_scored_at_once_does_not_show(context, monkeypatch):
    many = realism.run(context, mipc=10, crops=3, factor=2, draw=0, teacher=None)
    monkeypatch.setattr(realism, "CROPS", 7)  # cuts through the crops of an image
    few = realism.run(context, mipc=10, crops=3, factor=2, draw=0, teacher=None)
    assert np.array_equal(many["images"], few["images"])
    assert np.array_equal(many["boxes"], few["boxes"])
    np.testing.assert_allclose(many["losses"], few["losses"], atol=1e-4)


def test_crops_of_oblong_images_keep_their_shape(bench):
    """Boxes and canvases of a training set that is no square, with a teacher of squares: networks here take both."""
    images = np.random.default_rng(0).integers(0, 256, (8, 20, 40, 3)).astype(np.uint8)
    data = ImageDataset.from_arrays(images, np.array([0, 1, 2, 3] * 2), bench.root.classes, name="oblong")
    found = realism.run(make(bench, data), mipc=2, crops=50, factor=2, draw=0, teacher=None)
    heights, widths = found["boxes"][:, 2], found["boxes"][:, 3]
    assert (np.abs(widths - 2 * heights) <= 1.5).all()
    assert np.isfinite(found["losses"]).all()


def test_a_certain_teacher_has_no_ties():
    """The released code's rounded softmax makes all of these zero, so that the order of files decides."""
    logits = torch.tensor(
        [[20.0, 0.0, -3.0], [40.0, 1.0, 0.0], [40.0, 0.0, 0.0], [90.0, 0.0, -5.0], [-700.0, 50.0, 0.0]]
    )
    losses = realism.cross_entropy(logits, torch.tensor([0, 0, 0, 0, 1]))
    e = np.exp
    expected = [e(-20) + e(-23), e(-39) + e(-40), 2 * e(-40), e(-90) + e(-95), e(-50)]
    assert losses.tolist() == pytest.approx(expected, rel=1e-7)
    assert (-torch.log(torch.softmax(logits[1:4], 1)[:, 0])).tolist() == [0, 0, 0]


def test_cross_entropy_is_torchs_where_that_is_exact():
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)) * 4
    labels = torch.arange(50) % 7
    expected = torch.nn.functional.cross_entropy(logits.double(), labels, reduction="none")
    torch.testing.assert_close(realism.cross_entropy(logits, labels), expected)
