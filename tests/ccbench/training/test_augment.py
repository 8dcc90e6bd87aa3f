"""Crops and flips against torchvision's functional ones, image by image."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise, permutations

import pytest
import torch
from torchvision.transforms import functional as tv

from ccbench.training.augment import augment, crop_and_flip, patch_order
from ccbench.training.recipe import Recipe
from ccbench.training.resample import resize


def images(b, height, width):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(1, 256, (b, height, width, 3), generator=generator, dtype=torch.uint8).permute(0, 3, 1, 2)


def candidates(image, padding, mode, flip):
    """Every image that a crop and a flip can give, by torchvision."""
    padded = tv.pad(image, padding, padding_mode="reflect" if mode == "reflect" else "constant")
    h, w = image.shape[1:]
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            part = tv.crop(padded, top, left, h, w)
            yield (top, left, False), part
            if flip:
                yield (top, left, True), tv.hflip(part)


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
@pytest.mark.parametrize(("padding", "flip", "size"), [(2, True, (5, 7)), (3, False, (8, 8)), (0, True, (4, 6))])
def test_each_result_is_a_crop_and_all_crops_occur(mode, padding, flip, size):
    image = images(1, *size)
    batch = image.expand(1500, -1, -1, -1)
    out = crop_and_flip(batch, torch.Generator().manual_seed(0), padding=padding, mode=mode, flip=flip)
    assert out.shape == batch.shape
    assert out.dtype == torch.uint8
    assert out.is_contiguous(memory_format=torch.channels_last)
    table = {part.numpy().tobytes(): key for key, part in candidates(image[0], padding, mode, flip)}
    found = [table[one.contiguous().numpy().tobytes()] for one in out]
    assert set(found) == set(table.values())
    if flip:
        assert 0.45 < sum(key[2] for key in found) / len(found) < 0.55


def test_images_do_not_mix():
    batch = images(6, 4, 4).float().mul(0).add(torch.arange(1, 7).view(-1, 1, 1, 1)).to(torch.uint8)
    batch = batch.contiguous(memory_format=torch.channels_last)
    out = crop_and_flip(batch, torch.Generator().manual_seed(1), padding=1, mode="zeros", flip=True)
    for i, one in enumerate(out):
        assert set(one.unique().tolist()) <= {0, i + 1}


def test_nothing_to_do_and_same_seed():
    batch = images(3, 4, 4)
    assert crop_and_flip(batch, torch.Generator(), padding=0, flip=False) is batch
    one, two = (crop_and_flip(batch, torch.Generator().manual_seed(3), padding=1) for _ in range(2))
    assert torch.equal(one, two)


def shuffled(image, rows, columns, factor):
    """One image with its patches in those orders, cut and pasted plainly; the last patch takes the rest."""

    def parts(tensor, dim):
        length = tensor.shape[dim]
        step = length // factor
        ends = [i * step for i in range(factor)] + [length]
        return [tensor.narrow(dim, a, b - a) for a, b in pairwise(ends)]

    wide = torch.cat([parts(image, 2)[i] for i in columns], 2)
    return torch.cat([parts(wide, 1)[i] for i in rows], 1)


@pytest.mark.parametrize(("factor", "size"), [(2, (5, 6)), (3, (7, 8))])
def test_patches_are_shuffled_in_every_way_equally(factor, size):
    image = images(1, *size)
    orders = list(permutations(range(factor)))
    table = {
        shuffled(image[0], rows, columns, factor).numpy().tobytes(): (rows, columns)
        for rows in orders
        for columns in orders
    }
    n = 60 * len(table)
    batch = image.expand(n, -1, -1, -1)
    out = crop_and_flip(batch, torch.Generator().manual_seed(0), padding=0, flip=False, patches=factor)
    counts = Counter(table[one.contiguous().numpy().tobytes()] for one in out)
    assert len(counts) == len(table) == len(orders) ** 2
    assert 25 < min(counts.values()) <= max(counts.values()) < 110


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_patches_first_then_the_crop_then_the_flip(mode):
    image = images(1, 6, 5)
    ways = [
        part.numpy().tobytes()
        for rows in permutations(range(2))
        for columns in permutations(range(2))
        for _, part in candidates(shuffled(image[0], rows, columns, 2), 1, mode, flip=True)
    ]
    batch = image.expand(2500, -1, -1, -1)
    out = crop_and_flip(batch, torch.Generator().manual_seed(0), padding=1, mode=mode, flip=True, patches=2)
    assert {one.contiguous().numpy().tobytes() for one in out} == set(ways)


def test_more_patches_than_pixels_is_still_a_permutation():
    order = patch_order(4, 3, 7, torch.Generator().manual_seed(0))
    assert [sorted(row) for row in order.tolist()] == [[0, 1, 2]] * 4


RECIPE = Recipe(architecture="x", batch=1, lr=1.0, epochs=1.0)


def test_a_random_resized_crop_is_one_resampling_to_the_size_asked_for():
    smooth = torch.linspace(0, 200, 64).round().to(torch.uint8).expand(200, 3, 64, 64).contiguous()
    batch = smooth.contiguous(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    out = augment(batch, replace(RECIPE, crop_scale=0.25), generator, (16, 24))
    assert (out.shape, out.dtype) == ((200, 3, 16, 24), torch.float32)
    spans = (out[:, 0, 8, -1] - out[:, 0, 8, 0]) / 200 * 64 * 24 / 23  # how many columns each box has
    assert spans.min() > 64 * (0.25 * 3 / 4) ** 0.5 - 1.5  # the narrowest box: a quarter of the area, 3 : 4
    assert spans.max() < 66
    assert spans.std() > 5
    mirrored = replace(RECIPE, crop_scale=0.25, flip=True)
    out = augment(batch, mirrored, generator, (16, 24))
    assert 0.35 < (out[:, 0, 8, -1] < out[:, 0, 8, 0]).float().mean() < 0.65


def test_a_crop_of_everything_is_a_resize():
    batch = images(3, 12, 12)
    whole = replace(RECIPE, crop_scale=1.0)
    out = augment(batch, whole, torch.Generator().manual_seed(0), (8, 8))
    torch.testing.assert_close(out, resize(batch, (8, 8)))
    assert augment(batch, RECIPE, torch.Generator(), (8, 8)) is batch
