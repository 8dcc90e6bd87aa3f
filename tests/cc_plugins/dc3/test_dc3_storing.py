import numpy as np
import pytest
import torch

from cc_plugins.synthetic.encoding import encoded, resized
from cc_plugins.synthetic.labels import soft_labels
from ccbench.archive import CompressedDataset, EncodedImages
from ccbench.budget import Budget
from ccbench.methods.compress import compress
from ccbench.methods.task import Task
from ccbench.offers.expressions import parse
from ccbench.stages.teacher import load_teacher
from ccbench.training.resample import resize

ROW = "dc3[compensate=balance,sampling=random,bins=1,soft_labels=stored"


def make(lab, text):
    return compress(parse(text, lab.plugins), Budget.from_fraction("1/8"), lab.bench())


def labelled(lab, pictures, temperature=1.0):
    """What the kit's teacher says of pictures (n, 3, H, W) uint8."""
    task = Task(lab.bench(), lab.splits.train, Budget.from_fraction("1/8"), np.arange(96))
    logits = load_teacher(task)(pictures, precision="float32").double()
    return torch.softmax(logits / temperature, 1).numpy()


@pytest.mark.parametrize(("codec", "same"), [("png", True), ("jpeg", False)])
def test_png_is_exact_and_jpeg_is_smaller(codec, same):
    y, x = np.mgrid[:64, :64]
    picture = np.stack([4 * x % 256, 4 * y % 256, (x + y) % 256], -1).astype(np.uint8)
    blob = encoded(picture, codec, 75, "auto")
    back = EncodedImages([blob], codec).decode(0)
    assert np.array_equal(back, picture) == same
    assert np.abs(back.astype(int) - picture).mean() < 12


def test_shrinking_averages():
    """A chequerboard of single pixels becomes grey; without antialiasing it would be black or white."""
    board = np.repeat((255 * (np.indices((64, 64)).sum(0) % 2))[..., None], 3, axis=2).astype(np.uint8)
    back = EncodedImages([encoded(resized(board, (16, 16)), "png", 75, "auto")], "png").decode(0)
    assert np.abs(back.astype(int) - 127).max() <= 12


def test_soft_labels_are_the_teachers_of_what_the_file_holds(lab):
    result = make(lab, f"{ROW}]")
    assert result.soft_labels.dtype == np.float16
    pictures = result.decode(np.arange(len(result)))
    np.testing.assert_allclose(result.soft_labels, labelled(lab, pictures), atol=5e-4)
    np.testing.assert_array_equal(result.labels, np.repeat([0, 1, 2, 3], 3))


def test_temperature_and_size(lab):
    large = make(lab, f"{ROW},store_size=80,quality=30,temperature=4]")
    assert large.shape == (80, 80)
    pictures = resize(large.decode(np.arange(len(large))), (32, 32))
    np.testing.assert_allclose(large.soft_labels, labelled(lab, pictures, 4), atol=5e-4)


def test_soft_labels_are_counted(lab, tmp_path):
    sizes = []
    for text in (f"{ROW}]", ROW.replace(",soft_labels=stored", "") + "]"):
        sizes.append(make(lab, text).save(tmp_path / "x.ccb"))
    with_labels, without = sizes
    assert 12 * 4 * 2 <= with_labels - without <= 12 * 4 * 2 + 200  # and their place in the header
    opened = CompressedDataset.open(tmp_path / "x.ccb")
    assert opened.soft_labels is None


def test_many_pictures_go_through_the_teacher_in_batches(lab, monkeypatch):
    result = make(lab, f"{ROW}]")
    monkeypatch.setattr("cc_plugins.synthetic.labels.BATCH", 5)
    task = Task(lab.bench(), lab.splits.train, Budget.from_fraction("1/8"), np.arange(96))
    told = []
    task.bench.progress = lambda *said: told.append(said)
    np.testing.assert_allclose(soft_labels(task, result.payload, None, 1.0), result.soft_labels, atol=1e-3)
    assert told[-3:] == [(5, 12, "soft labels"), (10, 12, "soft labels"), (12, 12, "soft labels")]
