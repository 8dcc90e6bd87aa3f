"""The method as a run calls it: its pictures against the released order, its budgets, its skips, the kit."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from cc_plugins.rded import RDED as SPEC
from ccbench import testing
from ccbench.budget import Budget
from ccbench.data import ImageDataset
from ccbench.errors import Skipped, UserError
from ccbench.methods.task import Task
from ccbench.testing.lab import Lab
from tests.cc_plugins.making import make


def decoded(result):
    return result.decode(np.arange(len(result))).permute(0, 2, 3, 1).numpy()


def released(best, count, factor, side):
    """Pictures of one class from its best crops (count * factor**2, 3, s, s), filled tile by tile."""
    canvas = torch.zeros(count, 3, side, side)
    s = side // factor
    for k in range(factor**2):
        top, left = s * (k // factor), s * (k % factor)
        canvas[:, :, top : top + s, left : left + s] = best[k * count : (k + 1) * count]
    return canvas


@pytest.mark.parametrize(("factor", "ipc"), [(1, 5), (2, 3)])
def test_pictures_are_the_best_crops_in_the_released_order(lab, factor, ipc):
    result = make(lab, f"rded[factor={factor},crops=3,codec=png]", ipc)
    assert result.labels.tolist() == np.repeat(range(4), ipc).tolist()
    assert result.ids.tolist() == [-1] * 4 * ipc
    data, count = lab.splits.train, ipc * factor**2
    task = Task(lab.bench(), data, Budget.from_ipc(ipc, data.shape), np.arange(96), {})
    found = task.stage("realism", crops=3, factor=factor, draw=0)
    for label in range(4):
        rows = np.flatnonzero(data.labels[found["images"]] == label)[:count]
        side = 32 // factor
        best = torch.stack(
            [
                tv.resized_crop(
                    torch.from_numpy(np.array(data.images[found["images"][i]])).permute(2, 0, 1).float(),
                    *found["boxes"][i].tolist(),
                    [side, side],
                    antialias=True,
                )
                for i in rows
            ]
        )
        expected = released(best, ipc, factor, 32).floor().permute(0, 2, 3, 1).numpy()
        ours = decoded(result)[result.labels == label].astype(int)
        assert np.abs(ours - expected).max() <= 1  # cut off: a rounding error is one level
        assert (ours == expected).mean() > 0.97


def test_a_smaller_budget_uses_the_best_crops_of_a_larger_one(lab):
    large, small = (make(lab, "rded[crops=3,codec=png]", ipc) for ipc in (6, 2))
    for label in range(4):
        assert np.array_equal(decoded(large)[large.labels == label][:2], decoded(small)[small.labels == label])


def test_seeds_codec_and_quality(lab):
    one, same, other = (make(lab, "rded[crops=2]", 3, seed) for seed in (0, 0, 1))
    assert list(one.payload.blobs) == list(same.payload.blobs) != list(other.payload.blobs)
    exact, rough = make(lab, "rded[crops=2,codec=png]", 3), make(lab, "rded[crops=2,quality=10]", 3)
    file = io.BytesIO()
    Image.fromarray(exact.payload.decode(0)).save(file, "JPEG")
    assert one.payload.blobs[0] == file.getvalue()
    assert sum(map(len, rough.payload.blobs)) < sum(map(len, one.payload.blobs))


def test_soft_labels_are_stored_and_the_teacher_knows_its_own_choice(lab):
    plain, soft = make(lab, "rded[crops=2]", 4), make(lab, "rded[crops=2,soft_labels=stored]", 4)
    assert plain.soft_labels is None
    assert list(plain.payload.blobs) == list(soft.payload.blobs)
    assert soft.soft_labels.shape == (16, 4)
    assert (soft.soft_labels.argmax(1) == soft.labels).all()
    hot = make(lab, "rded[crops=2,soft_labels=stored,temperature=20]", 4)
    assert hot.soft_labels.max(1).mean() < soft.soft_labels.max(1).mean()


def test_auto_factor_is_one_up_to_64_pixels():
    for size, factor in ((32, 1), (64, 1), (65, 2), (224, 2)):
        task = SimpleNamespace(dataset=SimpleNamespace(images=np.empty((0, size, size, 3), np.uint8)))
        assert SPEC.build(factor=None)._factor(task) == factor
        assert SPEC.build(factor=3)._factor(task) == 3


@pytest.mark.parametrize(
    ("text", "ipc", "reason"),
    [
        ("rded[factor=3]", 3, "3 pictures per class of 3 x 3 crops need 27 images, the class 'grey' has 18"),
        ("rded[mipc=5]", 6, "6 pictures per class of 1 x 1 crops need 6 images, mipc=5 looks at fewer; rded[mipc=6]"),
        ("rded[factor=40]", 1, "factor=40 cuts images of 32 x 32 pixels into less than a pixel"),
        ("rded", 20, "20 pictures per class of 1 x 1 crops need 20 images, the class 'grey' has 18"),
    ],
)
def test_too_few_images_are_a_skip_with_the_reason(lab, text, ipc, reason):
    with pytest.raises(Skipped) as caught:
        make(lab, text, ipc)
    assert reason in str(caught.value)


def test_compress_itself_refuses_as_well(lab):
    task = Task(lab.bench(), lab.splits.train, Budget.from_fraction(0.25), np.arange(96), {})
    with pytest.raises(UserError, match="mipc=2 looks at fewer"):
        SPEC.build(mipc=2).compress(task)


def test_flat_images_square_or_not(tmp_path):
    """All pixels equal: still pictures of that colour, and no number that is none."""
    lab = Lab("random", folder=tmp_path)
    bench = lab.bench()
    for images in (np.full((24, 16, 16, 3), 128, np.uint8), np.zeros((24, 16, 24, 3), np.uint8)):
        data = ImageDataset.from_arrays(images, np.arange(24) % 4, lab.splits.train.classes, name="flat")
        task = Task(bench, data, Budget.from_ipc(2, data.shape), np.arange(24), {})
        result = SPEC.build(codec="png", crops=2, soft_labels="stored").compress(task)
        assert (decoded(result) == images[0, 0, 0]).all()
        assert np.isfinite(result.soft_labels).all()


@pytest.mark.parametrize("check", testing.checks("rded[crops=2]"))
def test_the_kit_finds_nothing(check):
    check()
