"""Crops and flips against torchvision's functional ones, image by image."""

import pytest
import torch
from torchvision.transforms import functional as tv

from ccbench.training.augment import crop_and_flip


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
