"""Pictures as files, and the set that they end in."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from cc_plugins.synthetic.dataset import synthetic
from cc_plugins.synthetic.encoding import encode, encoded
from cc_plugins.synthetic.labels import soft_labels
from ccbench.archive import CompressedDataset
from ccbench.budget import Budget
from ccbench.methods.task import Task
from ccbench.stages.teacher import load_teacher
from ccbench.testing.lab import Lab


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    lab = Lab("random", folder=tmp_path_factory.mktemp("lab"))
    return Task(lab.bench(), lab.splits.train, Budget.from_fraction(0.25), np.arange(96), {})


def test_jpeg_is_what_pillow_writes_by_default():
    picture = noise(20, 33, 3)
    for options, quality in (({}, 75), ({"quality": 30}, 30)):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", **options)
        assert encoded(picture, "jpeg", quality, "420") == file.getvalue()


@pytest.mark.parametrize(
    ("size", "chroma", "sampling"),
    [((32, 32), "auto", 0), ((64, 64), "auto", 0), ((16, 65), "auto", 2), ((256, 256), "auto", 2),
     ((32, 32), "420", 2), ((256, 256), "444", 0)],
)  # fmt: skip
def test_small_pictures_keep_their_colour(size, chroma, sampling):
    blob = encoded(noise(*size, 3), "jpeg", 75, chroma)
    assert get_sampling(Image.open(io.BytesIO(blob))) == sampling  # Pillow's numbers: 0 is 4:4:4, 2 is 4:2:0


def test_colour_at_half_the_resolution_is_lost_at_32_pixels():
    """Stripes of one pixel in two colours of one lightness."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, ::2], picture[:, 1::2] = (200, 60, 60), (40, 120, 130)
    error = {c: np.abs(encode([picture], "jpeg", 75, c).decode(0).astype(int) - picture).mean() for c in ("444", "420")}
    assert error["420"] > 4 * error["444"]


def test_unknown_chroma():
    with pytest.raises(ValueError, match="chroma must be one of"):
        encoded(noise(4, 4, 3), "jpeg", 75, "422")


def test_png_keeps_every_pixel_and_quality_is_no_matter():
    picture = noise(9, 7, 3)
    blob = encoded(picture, "png", 75, "auto")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(blob))), picture)
    assert encoded(picture, "png", 3, "auto") == blob


def test_unknown_codec():
    with pytest.raises(ValueError, match="codec must be one of"):
        encoded(noise(4, 4, 3), "gif", 75, "auto")


def test_pictures_are_encoded_one_at_a_time():
    pictures = noise(3, 8, 8, 3)
    alive = []

    def one_by_one():
        for picture in pictures:
            alive.append(len(alive))
            yield picture

    payload = encode(one_by_one(), "png", 75, "auto")
    assert alive == [0, 1, 2]
    assert (payload.codec, payload.shape, len(payload)) == ("png", (8, 8), 3)
    assert all(np.array_equal(payload.decode(i), pictures[i]) for i in range(3))
    assert list(encode(pictures, "png", 75, "auto").blobs) == list(payload.blobs)


def test_a_set_of_pictures(task, tmp_path):
    pictures = noise(5, 32, 32, 3)
    labels = np.array([0, 0, 1, 2, 3])
    how = {"codec": "png", "quality": 75, "chroma": "auto", "teacher": None, "temperature": 4.0, "meta": {"ipc": 1}}
    made = synthetic(task, pictures, labels, soft="none", **how)
    assert made.ids.tolist() == [-1] * 5
    assert made.labels.tolist() == labels.tolist()
    assert tuple(made.classes) == tuple(task.dataset.classes)
    assert made.soft_labels is None
    assert made.nominal_kept(task.dataset.shape) * 96 == 5  # images, whatever their bytes
    assert np.array_equal(made.decode([3])[0].permute(1, 2, 0).numpy(), pictures[3])
    bytes_hard = made.save(tmp_path / "hard.ccb")
    soft = synthetic(task, made.payload, labels, soft="stored", **how)
    assert soft.payload is made.payload
    # five rows of four classes in float16, and the array's line in the header
    assert 5 * 4 * 2 <= soft.save(tmp_path / "soft.ccb") - bytes_hard < 5 * 4 * 2 + 120
    opened = CompressedDataset.open(tmp_path / "soft.ccb")
    assert np.array_equal(opened.soft_labels, soft.soft_labels)


@pytest.mark.parametrize("side", [32, 48])
def test_soft_labels_are_the_teachers_view_of_what_the_file_holds(task, side):
    """JPEG's losses included: the labels of the pictures before encoding are others."""
    import torch
    from torchvision.transforms.v2 import functional as tv

    before = noise(200, side, side, 3)  # more than one batch
    payload = encode(before, "jpeg", 20, "420")
    found = soft_labels(task, payload, None, 3.0)
    assert found.shape == (200, 4)
    assert found.dtype == np.float16
    teacher = load_teacher(task)

    def view(picture):
        image = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()
        image = tv.resize(image, (32, 32), antialias=True)
        return (teacher(image.unsqueeze(0), precision="float32")[0].double() / 3).softmax(0).numpy()

    stored = np.stack([view(payload.decode(i)) for i in (0, 127, 128, 199)])
    assert np.allclose(found[[0, 127, 128, 199]], stored, atol=2e-3)
    original = np.stack([view(before[i]) for i in (0, 127, 128, 199)])
    assert np.abs(stored - original).max() > 1e-2
