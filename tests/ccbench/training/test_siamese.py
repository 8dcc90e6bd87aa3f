"""Every transform against a plain version on one image, pixel by pixel, and what a view promises."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from ccbench.errors import UserError
from ccbench.training.images import DeviceData
from ccbench.training.learning_rate import learning_rate
from ccbench.training.loop import fit
from ccbench.training.protocols import Recipe, read_recipe
from ccbench.training.siamese import NAMES, STRATEGY, View, draw, names_of

H, W = 7, 10
IMAGE = np.random.default_rng(1).normal(size=(3, H, W))


def at(image, y, x):
    """A pixel, 0 outside."""
    return image[:, y, x] if 0 <= y < H and 0 <= x < W else np.zeros(3)


def between(image, y, x):
    """Bilinear, at whatever place."""
    top, left = math.floor(y), math.floor(x)
    b, r = y - top, x - left
    upper = (1 - r) * at(image, top, left) + r * at(image, top, left + 1)
    return (1 - b) * upper + b * ((1 - r) * at(image, top + 1, left) + r * at(image, top + 1, left + 1))


def each_pixel(place):
    out = np.zeros_like(IMAGE)
    for y, x in np.ndindex(H, W):
        out[:, y, x] = place(y, x)
    return out


def color(brightness, saturation, contrast):
    image = IMAGE + brightness
    image = (image - image.mean(0)) * saturation + image.mean(0)
    return (image - image.mean()) * contrast + image.mean()


def crop(down, right):
    return each_pixel(lambda y, x: at(IMAGE, int(y + down), int(x + right)))


def cutout(top, left):
    tall, wide = 4, 5  # half of 7 and of 10, rounded as the source does
    return each_pixel(lambda y, x: 0 if top <= y < top + tall and left <= x < left + wide else IMAGE[:, y, x])


def flip(whether):
    return IMAGE[:, :, ::-1] if whether else IMAGE


def linear(matrix):
    """Seen through a matrix of (x, y), both from -1 to 1 between the image's edges."""

    def place(y, x):
        u, v = (2 * x + 1) / W - 1, (2 * y + 1) / H - 1
        u, v = matrix @ [u, v]
        return between(IMAGE, ((v + 1) * H - 1) / 2, ((u + 1) * W - 1) / 2)

    return each_pixel(place)


def scale(across, down):
    return linear(np.diag([across, down]))


def rotate(angle):
    return linear(np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]))


PLAIN = {"color": color, "crop": crop, "cutout": cutout, "flip": flip, "scale": scale, "rotate": rotate}


def drawn(name, seed, images=1):
    return draw((name,), (H, W), np.random.default_rng(seed), images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(6))
def test_every_transform_is_its_plain_version_on_one_image(name, seed):
    view = drawn(name, seed)
    found = view(torch.from_numpy(IMAGE)[None])[0].numpy()
    np.testing.assert_allclose(found, PLAIN[name](*view.numbers[:, 0]), atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_images_with_numbers_of_their_own_are_those_one_by_one(name):
    batch = torch.randn(5, 3, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    view = drawn(name, 3, images=5)
    one_by_one = [View(name, view.numbers[:, i : i + 1])(batch[i : i + 1]) for i in range(5)]
    assert torch.allclose(view(batch), torch.cat(one_by_one))
    assert torch.allclose(view.part(slice(2, 4))(batch[2:4]), view(batch)[2:4])


@pytest.mark.parametrize("name", NAMES)
def test_a_shared_view_does_the_same_to_real_and_synthetic_images(name):
    view = drawn(name, 4)
    image = torch.from_numpy(IMAGE)[None]
    assert torch.allclose(view(torch.cat([image, image * 2]))[:1], view(image))
    assert view.part(slice(1, 2)) is view


@pytest.mark.parametrize("name", NAMES)
def test_gradients_flow_through_every_transform(name):
    view = drawn(name, 5)
    images = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    view = draw((name,), (4, 5), np.random.default_rng(5), 1)
    assert torch.autograd.gradcheck(view, (images,))


def test_numbers_lie_where_the_released_code_draws_them():
    rng = np.random.default_rng(0)
    numbers = {name: draw((name,), (32, 32), rng, 20_000).numbers for name in NAMES}
    low = {name: values.min(1) for name, values in numbers.items()}
    high = {name: values.max(1) for name, values in numbers.items()}
    np.testing.assert_allclose(low["color"], [-0.5, 0, 0.5], atol=1e-2)
    np.testing.assert_allclose(high["color"], [0.5, 2, 1.5], atol=1e-2)
    assert (low["crop"].tolist(), high["crop"].tolist()) == ([-4, -4], [4, 4])
    assert (low["cutout"].tolist(), high["cutout"].tolist()) == ([-8, -8], [24, 24])
    assert numbers["flip"].mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose([low["scale"][0], high["scale"][0]], [1 / 1.2, 1.2], atol=1e-3)
    np.testing.assert_allclose([low["rotate"][0], high["rotate"][0]], [-math.pi / 12, math.pi / 12], atol=1e-3)


def test_each_transform_is_equally_likely():
    rng = np.random.default_rng(0)
    names = [draw(NAMES, (8, 8), rng).name for _ in range(3000)]
    assert chisquare([names.count(name) for name in NAMES]).pvalue > 1e-3
    assert draw(names_of("none"), (8, 8), rng) is None
    assert names_of(STRATEGY) == NAMES


TABLE = {"architecture": "x", "batch": 8, "lr": 0.1, "iterations": 10}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"siamese": "color_blur"}, "siamese takes transforms"),
        ({"siamese": "flip_flip"}, "at most once"),
        ({"siamese": ""}, "siamese takes"),
        ({"siamese": True}, "takes str"),
        ({"siamese": "flip", "labels": "teacher"}, "hard or soft"),
        ({"schedule": "halve"}, "cosine, constant, drop"),
        ({"learned_lr": 0.1}, "takes bool"),
    ],
)
def test_recipes_refuse_what_makes_no_sense(changes, says):
    with pytest.raises(UserError) as error:
        read_recipe({**TABLE, **changes}, "this recipe")
    assert says in str(error.value)


def test_the_rate_drops_by_ten_at_half():
    recipe = Recipe(architecture="x", batch=4, lr=0.1, schedule="drop", epochs=10, schedule_step="epoch")
    rates = [learning_rate(recipe, i, 50) for i in range(50)]
    assert rates == [0.1] * 25 + [0.01] * 25


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3 * 16 * 16, 4)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(x.flatten(1))


@pytest.mark.parametrize("micro", [None, 5])
def test_the_loop_trains_on_the_views(train, micro):
    recipe = Recipe(architecture="x", batch=12, lr=0.05, momentum=0.0, iterations=6, siamese=STRATEGY)
    data, network, plain = DeviceData.from_dataset(train), Linear(), Linear()
    seen = []

    class Ids:
        def update(self, epoch, ids, logits, labels):
            seen.append(ids)

    fit(network, data, recipe, iterations=6, seed=3, observers=[Ids()], micro_batch=micro)
    rng = np.random.default_rng([3, 0])
    for i, ids in enumerate(seen):  # batches lie within one pass of 160 images
        view = draw(NAMES, (16, 16), rng, 12)
        assert view
        logits = plain(view(data.normalise(data.decode(ids))))
        loss = F.cross_entropy(logits, data.labels[ids])
        gradients = torch.autograd.grad(loss, list(plain.parameters()))
        with torch.no_grad():
            for p, g in zip(plain.parameters(), gradients, strict=True):
                p.sub_(learning_rate(recipe, i, 6) * g)
    assert torch.allclose(network.head.weight, plain.head.weight, atol=1e-6)
    without = Linear()
    fit(without, data, replace(recipe, siamese="none"), iterations=6, seed=3)
    assert not torch.allclose(without.head.weight, network.head.weight, atol=1e-4)
