"""Float pictures: their space, their bytes, what they refuse, and that training sees them as they are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from archive_samples import CLASSES, photographs

from ccbench import load
from ccbench.archive import Channels, CompressedDataset, FloatImages, RawImages, Whitening, container
from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.training.images import DeviceData

SPACE = Channels((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
REAL = photographs(40, side=8)


def whitening(images: np.ndarray = REAL, eps: float = 0.1) -> Whitening:
    """ZCA by its definition, through an eigendecomposition."""
    flat = images.transpose(0, 3, 1, 2).reshape(len(images), -1) / 255
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    return Whitening(mean, vectors @ np.diag((values + eps) ** -0.5) @ vectors.T)


def values_of(images: np.ndarray, space, dtype=np.float32) -> np.ndarray:
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return np.ascontiguousarray(space.values(pixels).permute(0, 2, 3, 1).numpy().astype(dtype))


def made(space, dtype=np.float32, n: int = 6, **more) -> CompressedDataset:
    payload = FloatImages(values_of(REAL[:n], space, dtype), space)
    return CompressedDataset(payload, np.full(n, -1), np.arange(n) % 3, classes=CLASSES, nominal="images", **more)


@pytest.mark.parametrize("space", [SPACE, whitening()])
def test_real_images_come_back_through_their_space(space):
    data = made(space)
    assert np.array_equal(data.decode(np.arange(6)).permute(0, 2, 3, 1).numpy(), REAL[:6])
    assert data.decode([5, 2]).is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(data.to_dataset("again").images, REAL[:6])


def test_whitened_values_are_those_of_the_definition():
    space = whitening()
    flat = REAL[:3].transpose(0, 3, 1, 2).reshape(3, -1) / 255
    expected = ((flat - space.mean) @ space.matrix).reshape(3, 3, 8, 8)
    found = space.values(torch.from_numpy(REAL[:3]).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("space", [SPACE, whitening()])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("coding", ["none", "best", "zstd"])
def test_a_file_holds_the_same_values(tmp_path, space, dtype, coding):
    data = made(space, dtype, learning_rate=0.0312)
    size = data.save(tmp_path / "a.ccb", coding)
    again = CompressedDataset.open(tmp_path / "a.ccb")
    assert size == (tmp_path / "a.ccb").stat().st_size
    assert np.array_equal(again.payload.values, data.payload.values)
    assert again.payload.values.dtype == dtype
    assert again.content_digest() == data.content_digest()
    assert again.learning_rate == 0.0312
    test = torch.from_numpy(REAL).permute(0, 3, 1, 2)
    assert torch.equal(again.payload.space.values(test), space.values(test))


def test_the_file_pays_for_its_values_and_its_transform(tmp_path):
    held = {}
    for name, data in {"half": made(SPACE, np.float16), "full": made(SPACE), "zca": made(whitening())}.items():
        data.save(tmp_path / name)
        held[name] = container.sizes(tmp_path / name)
    assert held["half"]["values"] == 6 * 8 * 8 * 3 * 2
    assert held["full"]["values"] == 6 * 8 * 8 * 3 * 4
    assert held["zca"]["whitening"] == 192 * 193 // 2 * 4
    assert held["zca"]["whitening_mean"] == 192 * 4


def test_images_count_as_ipc_and_values_as_bits():
    shape, data = DataShape(images=60, height=8, width=8, classes=3), made(SPACE, np.float16)
    assert data.nominal_kept(shape) == Fraction(1, 10)
    assert data.bits_per_pixel == 48
    data.nominal = "bits"
    assert data.nominal_kept(shape) == Fraction(2, 10)


def test_digests_tell_values_spaces_and_rates_apart():
    other = Channels(SPACE.mean, SPACE.std * 2)
    several = [made(SPACE), made(SPACE, np.float16), made(SPACE, learning_rate=0.1), made(whitening())]
    same_values = FloatImages(made(SPACE).payload.values, other)
    several.append(CompressedDataset(same_values, np.full(6, -1), np.arange(6) % 3, classes=CLASSES))
    assert len({data.content_digest() for data in several}) == len(several)


def test_clipping_is_measured():
    space = Channels((0.5, 0.5, 0.5), (1, 1, 1))
    values = np.zeros((1, 2, 2, 3), np.float32)
    values[0, 0, 0, 0] = 1.5  # 2 as a pixel in [0, 1], 255 grey levels too bright
    outside, moved = FloatImages(values, space).clipped()
    assert outside == pytest.approx(1 / 12)
    # the others are 127.5 and move by a half
    assert moved == pytest.approx(((255**2 + 11 * 0.25) / 12) ** 0.5)


def refused_spaces():
    good = whitening()
    lopsided = good.matrix.copy()
    lopsided[0, 1] += 1
    return [
        (lambda: Channels((0, 0, 0), (1, 1, 0)), "above 0"),
        (lambda: Channels((0, 0), (1, 1)), "numbers"),
        (lambda: Channels((0, 0, np.nan), (1, 1, 1)), "finite"),
        (lambda: Channels("abc", (1, 1, 1)), "numbers"),
        (lambda: Whitening(good.mean, lopsided), "symmetric"),
        (lambda: Whitening(good.mean, good.matrix[:-1]), "numbers"),
        (lambda: Whitening(good.mean, good.matrix * np.inf), "finite"),
        (lambda: FloatImages(np.zeros((1, 4, 4, 3), np.float32), good), "not for images of 4 x 4"),
        (lambda: FloatImages(np.zeros((1, 8, 8, 3), np.float32), None), "guess at random"),
        (lambda: FloatImages(np.zeros((1, 8, 8, 3)), SPACE), "float16 or float32"),
        (lambda: FloatImages(np.zeros((1, 8, 8, 1), np.float32), SPACE), "n, H, W, 3"),
        (lambda: FloatImages(np.full((1, 8, 8, 3), np.nan, np.float16), SPACE), "finite"),
        (lambda: made(SPACE, learning_rate=0), "above 0"),
        (lambda: made(SPACE, learning_rate=True), "above 0"),
    ]


@pytest.mark.parametrize(("build", "says"), refused_spaces())
def test_rubbish_is_refused(build, says):
    with pytest.raises(UserError, match=says):
        build()


def without(name):
    return lambda facts, arrays: (facts, {k: v for k, v in arrays.items() if k != name})


def with_array(name, change):
    return lambda facts, arrays: (facts, {**arrays, name: change(arrays[name])})


def with_fact(**changes):
    return lambda facts, arrays: ({**facts, **changes}, arrays)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without("whitening"), "guesses at random"),
        (without("whitening_mean"), "guesses at random"),
        (without("values"), "values"),
        (with_array("whitening", lambda a: a[:-1]), "half a matrix"),
        (with_array("whitening", lambda a: a * np.float32("nan")), "finite"),
        (with_array("whitening_mean", lambda a: a[:-3]), "values for images of 192"),
        (with_array("values", lambda a: a * np.float32("inf")), "finite"),
        (with_array("values", lambda a: a[:3]), "ids must be"),
        (with_array("values", lambda a: a.reshape(len(a), -1)), "n, H, W, 3"),
        (with_array("values", lambda a: a[:, :4]), "values for images of 96"),
        (with_fact(payload={"space": {"kind": "lab"}}), "'lab', at `space.kind`"),
        (with_fact(payload={"space": {"kind": "channels", "mean": [0, 0, 0], "std": [1, 1, -1]}}), "above 0"),
        (with_fact(payload={}), "space"),
        (with_fact(learning_rate=-1), "above 0"),
        (with_fact(learning_rate="fast"), "at `learning_rate`"),
    ],
)
def test_hostile_files_are_refused_when_they_are_opened(tmp_path, spoil, says):
    made(whitening()).save(tmp_path / "good.ccb")
    facts, arrays, _ = container.read(tmp_path / "good.ccb")
    container.write(tmp_path / "bad.ccb", *spoil(facts, dict(arrays)))
    with pytest.raises(UserError, match="make no sense") as error:
        CompressedDataset.open(tmp_path / "bad.ccb")
    assert says in str(error.value)


def test_pictures_that_cannot_be_shown_say_so():
    flat = Whitening(np.zeros(192), np.zeros((192, 192)))
    data = FloatImages(np.zeros((1, 8, 8, 3), np.float32), flat)
    with pytest.raises(UserError, match="no inverse"):
        data.decode([0])


@pytest.mark.parametrize("space", [SPACE, whitening()])
def test_training_sees_the_values_of_the_file(space):
    data = made(space)
    held = DeviceData.from_compressed(data)
    seen = held.inputs("own")(held.decode(torch.arange(6)))
    np.testing.assert_allclose(seen.permute(0, 2, 3, 1).numpy(), data.payload.values, atol=2e-5)
    # and of a test image what the space makes of it, whatever the recipe normalises by
    test = torch.from_numpy(REAL[20:23]).permute(0, 3, 1, 2)
    np.testing.assert_allclose(held.inputs("imagenet")(test), space.values(test), atol=2e-5)


def test_values_beyond_colours_reach_the_network():
    space = Channels((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    values = np.linspace(-9, 9, 2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3)
    data = CompressedDataset(FloatImages(values, space), [-1, -1], [0, 1], classes=CLASSES)
    held = DeviceData.from_compressed(data)
    resized = held.resized((16, 16))
    for each in (held, resized):
        seen = each.inputs("own")(each.decode(torch.arange(2)))
        assert seen.max() > 8
        assert seen.min() < -8
    assert resized.size == (16, 16)


def test_pytorch_gets_pictures_as_they_were_trained(tmp_path):
    data = made(whitening())
    data.save(tmp_path / "a.ccb")
    items = load(tmp_path / "a.ccb")
    image, label = items[3]
    assert (image.dtype, image.shape, label) == (torch.float32, (3, 8, 8), 0)
    test = torch.from_numpy(REAL[3:4]).permute(0, 3, 1, 2)
    np.testing.assert_allclose(items.space.values(test)[0], image, atol=1e-6)
    shown, _ = load(tmp_path / "a.ccb", transform=np.asarray)[3]
    assert np.array_equal(shown, REAL[3])
    raw = CompressedDataset(RawImages(REAL[:2]), [0, 1], [0, 1], classes=CLASSES)
    raw.save(tmp_path / "b.ccb")
    assert load(tmp_path / "b.ccb").space is None
