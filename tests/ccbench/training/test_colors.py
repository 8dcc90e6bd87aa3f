"""Random colours and blur against torchvision's functional ones, image by image."""

from dataclasses import replace

import pytest
import torch
from torchvision.transforms import functional as tv

from ccbench.training.augment import augment
from ccbench.training.colors import SIGMA, blur, jitter
from ccbench.training.recipe import Recipe

PLAIN = Recipe(architecture="x", batch=1, lr=1.0, epochs=1.0)


def pictures(b, height=9, width=7):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (b, height, width, 3), generator=generator, dtype=torch.uint8).permute(0, 3, 1, 2)


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_colours_are_torchvisions(strength):
    images = pictures(40)
    found = jitter(images, strength, seeded())
    factors = 1 + strength * (2 * torch.rand(3, 40, 1, 1, 1, generator=seeded()) - 1)
    assert (factors.amin() < 1 - 0.9 * strength) & (factors.amax() > 1 + 0.9 * strength)
    for image, out, (bright, contrast, saturation) in zip(images, found, factors.view(3, -1).T.tolist(), strict=True):
        expected = tv.adjust_brightness(image.float() / 255, bright)
        expected = tv.adjust_saturation(tv.adjust_contrast(expected, contrast), saturation)
        torch.testing.assert_close(out / 255, expected, atol=2e-6, rtol=0)
    assert (found.amin(), found.amax()) == (0, 255)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_blur_is_torchvisions(side):
    images = pictures(25)
    found = blur(images, side, seeded())
    widths = SIGMA[0] + (SIGMA[1] - SIGMA[0]) * torch.rand(25, generator=seeded())
    assert widths.amin() < 0.3
    assert widths.amax() > 1.8
    for image, out, width in zip(images, found, widths.tolist(), strict=True):
        expected = tv.gaussian_blur(image.float(), [side, side], [width, width])
        torch.testing.assert_close(out, expected, atol=2e-4, rtol=0)


def test_a_recipe_crops_first_then_changes_colours_then_blurs():
    images = pictures(6, 8, 8)
    cropped = replace(PLAIN, crop_padding=2, flip=True)
    generator = seeded()
    expected = augment(images, cropped, generator, (8, 8))
    assert expected.dtype == torch.uint8
    expected = blur(jitter(expected, 0.4, generator), 3, generator)
    found = augment(images, replace(cropped, color_jitter=0.4, blur=3), seeded(), (8, 8))
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert augment(images, PLAIN, seeded(), (8, 8)) is images


def test_no_strength_and_a_single_pixel_change_nothing():
    images = pictures(3)
    torch.testing.assert_close(jitter(images, 0.0, seeded()), images.float(), atol=1e-4, rtol=0)
    torch.testing.assert_close(blur(images, 1, seeded()), images.float())
