"""Batched resized crops against torchvision and Pillow, image by image, and boxes against RandomResizedCrop's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from ccbench.training import resample
from ccbench.training.resample import random_boxes, resize, resized_crop

TOLERANCE = 2e-2  # of 255: float32 coordinates


def pictures(b, height, width, *, layout="channels_last", dtype=torch.uint8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (b, height, width, 3), generator=generator, dtype=torch.uint8).permute(0, 3, 1, 2)
    if layout == "contiguous":
        images = images.contiguous()
    return images if dtype == torch.uint8 else images.to(dtype) * 0.73


def by_pillow(images, boxes, size):
    """Channel by channel in float32, which Pillow does not round."""
    out = torch.empty(len(images), 3, *size)
    for i, (top, left, tall, wide) in enumerate(boxes.tolist()):
        for c in range(3):
            channel = Image.fromarray(images[i, c, top : top + tall, left : left + wide].float().numpy())
            out[i, c] = torch.from_numpy(np.array(channel.resize(size[::-1], Image.Resampling.BILINEAR)))
    return out


def by_torchvision(images, boxes, size):
    crops = [
        tv.resized_crop(i.float(), *box, size, antialias=True) for i, box in zip(images, boxes.tolist(), strict=True)
    ]
    return torch.stack(crops)


SIZES = {  # image -> output
    "same": ((32, 32), (32, 32)),
    "up": ((9, 14), (20, 31)),
    "down": ((60, 40), (16, 16)),
    "one_way": ((30, 12), (15, 24)),
    "large": ((224, 224), (224, 224)),
    "to_a_pixel": ((12, 10), (1, 1)),
    "from_a_pixel": ((1, 1), (4, 5)),
}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
@pytest.mark.parametrize("name", SIZES)
def test_equals_torchvision(name, layout, dtype):
    (height, width), size = SIZES[name]
    images = pictures(6, height, width, layout=layout, dtype=dtype)
    boxes = random_boxes(6, (height, width), torch.Generator().manual_seed(1))
    boxes[0] = torch.tensor([0, 0, height, width])
    boxes[1] = torch.tensor([height - 1, width - 1, 1, 1])
    boxes[2] = torch.tensor([height // 2, 0, 1, width])
    expected = by_torchvision(images, boxes, size)
    out = resized_crop(images, boxes, size)
    assert out.shape == (6, 3, *size)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, expected.float(), atol=TOLERANCE, rtol=0)
    # the form that GPUs use where images shrink, and the other two wherever they hold
    torch.testing.assert_close(resample._matrices(images, boxes, size), expected.float(), atol=2e-3, rtol=0)
    torch.testing.assert_close(resample._one_by_one(images, boxes, size), expected.float(), atol=5e-3, rtol=0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_box_of_any_image(data):
    side = st.integers(1, 40)
    height, width, h, w = (data.draw(side) for _ in range(4))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    box = [top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))]
    boxes = torch.tensor([box, [0, 0, height, width]])
    images = pictures(2, height, width, seed=data.draw(st.integers(0, 99)))
    # torchvision itself is wrong for columns: torch's antialiased kernel mixes up contiguous outputs of width 1
    expected = by_pillow(images, boxes, (h, w))
    torch.testing.assert_close(resize(images, (h, w)), by_pillow(images, boxes[[1, 1]], (h, w)), atol=2e-3, rtol=0)
    torch.testing.assert_close(resized_crop(images, boxes, (h, w)), expected, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(resample._matrices(images, boxes, (h, w)), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize(("height", "width", "size"), [(50, 70, (20, 24)), (16, 16, (40, 33))])
def test_equals_pillow(height, width, size):
    images = pictures(3, height, width)
    boxes = torch.tensor([[3, 5, 11, 9], [0, 0, 16, 16], [2, 1, 10, 14]])
    out = resized_crop(images, boxes, size)
    for image, (top, left, tall, wide), one in zip(images, boxes.tolist(), out, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + wide, top + tall))
        expected = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR), np.float32)
        # Pillow rounds to bytes after each of the two directions
        assert np.abs(one.permute(1, 2, 0).numpy() - expected).max() <= 1.01


def test_two_columns_enlarged_by_hand():
    image = torch.tensor([0.0, 100.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    out = resized_crop(image, torch.tensor([[0, 0, 1, 2]]), (1, 4))
    assert out[0, 0, 0].tolist() == [0, 25, 75, 100]
    # the box ends before the white column: nothing of it leaks in
    assert resized_crop(image, torch.tensor([[0, 0, 1, 1]]), (1, 4))[0, 1, 0].tolist() == [0, 0, 0, 0]


def test_three_columns_reduced_by_hand():
    image = torch.tensor([0.0, 60.0, 120.0, 180.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    # two outputs centred at 1 and 3, a triangle of half-width 2: weights 3/4, 3/4, 1/4 of the nearest, cut at the edge
    out = resized_crop(image, torch.tensor([[0, 0, 1, 4]]), (1, 2))
    assert out[0, 0, 0].tolist() == pytest.approx([(3 * 0 + 3 * 60 + 120) / 7, (60 + 3 * 120 + 3 * 180) / 7], abs=1e-4)


def test_a_whole_box_of_the_same_size_is_the_image():
    images = pictures(4, 30, 21)
    out = resized_crop(images, torch.tensor([[0, 0, 30, 21]]).expand(4, 4), (30, 21))
    assert torch.equal(out, images.float())
    assert torch.equal(resize(images, (30, 21)), images.float())


@pytest.mark.parametrize("size", [(8, 8), (64, 50), (40, 10)])
@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_resize_equals_torchvision(size, layout):
    images = pictures(3, 25, 37, layout=layout)
    out = resize(images, size)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, tv.resize(images.float(), size, antialias=True), atol=1e-3, rtol=0)


def test_values_stay_in_range_and_images_do_not_mix():
    images = torch.arange(5, dtype=torch.uint8).mul(60).view(5, 1, 1, 1).expand(5, 3, 24, 24)
    boxes = random_boxes(5, (24, 24), torch.Generator().manual_seed(3))
    for size in ((24, 24), (7, 9)):
        out = resized_crop(images, boxes, size)
        torch.testing.assert_close(out, images[:, :, :1, :1].float().expand_as(out), atol=1e-4, rtol=0)
        torch.testing.assert_close(resample._matrices(images, boxes, size), out, atol=1e-3, rtol=0)


def test_wrong_number_of_boxes():
    with pytest.raises(ValueError, match=r"boxes must be \(2, 4\)"):
        resized_crop(pictures(2, 4, 4), torch.tensor([[0, 0, 1, 1]]), (4, 4))


def test_matrices_ignore_autocast():
    images, boxes = pictures(2, 20, 20), torch.tensor([[0, 3, 17, 15], [1, 1, 5, 9]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = [resample._matrices(images, boxes, (8, 8)), resized_crop(images, boxes, (20, 20))]
    assert torch.equal(inside[0], resample._matrices(images, boxes, (8, 8)))
    assert torch.equal(inside[1], resized_crop(images, boxes, (20, 20)))


# boxes


def theirs(b, size, **bounds):
    crop = v2.RandomResizedCrop(1, **bounds)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = [crop.make_params([torch.empty(3, *size)]) for _ in range(b)]
    return torch.tensor([[p[key] for key in ("top", "left", "height", "width")] for p in found])


def assert_same_distribution(ours, peer):
    """Every column and the area and shape have the same empirical distribution (two-sample Kolmogorov-Smirnov)."""
    quantity = {
        **{name: (ours[:, i], peer[:, i]) for i, name in enumerate(("top", "left", "height", "width"))},
        "area": (ours[:, 2] * ours[:, 3], peer[:, 2] * peer[:, 3]),
        "ratio": (ours[:, 3] / ours[:, 2], peer[:, 3] / peer[:, 2]),
    }
    n, m = len(ours), len(peer)
    bound = 1.95 * math.sqrt((n + m) / (n * m))  # 0.1 % of equal distributions exceed it; seeds are fixed
    for name, (a, b) in quantity.items():
        values = torch.cat((a, b)).unique()
        share = [torch.searchsorted(x.sort().values, values, right=True) / len(x) for x in (a, b)]
        assert (share[0] - share[1]).abs().max() < bound, name


@pytest.mark.parametrize(
    ("size", "bounds"),
    [
        ((32, 32), {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}),
        ((48, 80), {"scale": (0.5, 1.0), "ratio": (1.0, 1.0)}),  # many boxes do not fit: ratio 1 and large
        ((20, 90), {"scale": (0.9, 1.0), "ratio": (3 / 4, 4 / 3)}),  # none fits: the middle
    ],
)
def test_boxes_are_distributed_as_torchvisions(size, bounds):
    ours = random_boxes(20_000, size, torch.Generator().manual_seed(0), **bounds)
    assert_same_distribution(ours.double(), theirs(4000, size, **bounds).double())
    top, left, h, w = ours.unbind(1)
    assert ours.dtype == torch.int64
    assert (torch.stack((top, left)) >= 0).all()
    assert (torch.stack((h, w)) > 0).all()
    assert (top + h <= size[0]).all()
    assert (left + w <= size[1]).all()


@pytest.mark.parametrize(
    ("size", "ratio", "expected"),
    [
        ((20, 90), (3 / 4, 4 / 3), [0, 31, 20, 27]),
        ((90, 20), (3 / 4, 4 / 3), [31, 0, 27, 20]),
        ((7, 7), (1.0, 1.0), [0, 0, 7, 7]),
        ((10, 12), (1.0, 1.5), [0, 0, 10, 12]),
    ],
)
def test_the_middle_where_nothing_fits(size, ratio, expected):
    boxes = random_boxes(3, size, torch.Generator(), scale=(1.5, 2.0), ratio=ratio)
    assert boxes.tolist() == [expected] * 3
    crop = v2.RandomResizedCrop(1, scale=(1.5, 2.0), ratio=ratio).make_params([torch.empty(3, *size)])
    assert [crop[key] for key in ("top", "left", "height", "width")] == expected


def test_whole_images_and_single_pixels():
    whole = random_boxes(5, (6, 6), torch.Generator().manual_seed(0), scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert whole.tolist() == [[0, 0, 6, 6]] * 5
    tiny = random_boxes(50, (6, 6), torch.Generator().manual_seed(0), scale=(1e-9, 0.03), ratio=(1.0, 1.0))
    # areas under 1/4 of a pixel round to nothing and are drawn again
    assert tiny[:, 2:].tolist() == [[1, 1]] * 50
    assert len(tiny[:, :2].unique(dim=0)) > 15
    assert random_boxes(0, (6, 6), torch.Generator()).shape == (0, 4)


def test_same_seed_same_boxes_and_bad_bounds():
    one, two = (random_boxes(9, (30, 20), torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two)
    for bounds in ({"scale": (0.0, 1.0)}, {"scale": (1.0, 0.5)}, {"ratio": (2.0, 1.0)}):
        with pytest.raises(ValueError, match="increasing and positive"):
            random_boxes(1, (4, 4), torch.Generator(), **bounds)


class Made(TorchDispatchMode):
    """Counts tensors that are made of Python numbers: on a GPU each of them is waited for."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten.lift_fresh.default
        return func(*args, **(kwargs or {}))


def test_nothing_is_sent_to_the_device_for_every_batch():
    generator = torch.Generator().manual_seed(0)
    random_boxes(4, (21, 33), generator)
    with Made() as made:
        torch.tensor([1])
        assert made.count == 1  # so it would be seen
        random_boxes(4, (21, 33), generator)
    assert made.count == 1
