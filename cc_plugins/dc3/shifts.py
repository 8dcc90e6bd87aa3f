"""Colour changes that need no weights: the rows of Table 7 that stand in for colour compensation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BRIGHTNESS = CONTRAST = SATURATION = 0.4  # factors are drawn from [1 - x, 1 + x]
HUE = 0.1  # of the whole circle, to both sides
HSV = (40 / 360, 30 / 255, 20 / 255)  # largest shifts of hue (of the circle), saturation and value (of [0, 1])
STRIP = 1 << 18  # pixels in floats at once
TEMPERATURE = (0.1, 0.4)  # how far red and blue are moved apart by balance


def color_jitter(image: np.ndarray, rng: np.random.Generator, warm: bool) -> np.ndarray:
    """Torchvision's ColorJitter(0.4, 0.4, 0.4, 0.1): brightness, contrast, saturation and hue in random order.

    Args:
        image: (H, W, 3) uint8.
        rng: draws the four factors and their order.
        warm: not looked at: jitter knows no warm and cool.

    Returns:
        (H, W, 3) uint8.
    """
    import torch
    from torchvision.transforms import functional as F

    steps = [
        (F.adjust_brightness, rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)),
        (F.adjust_contrast, rng.uniform(1 - CONTRAST, 1 + CONTRAST)),
        (F.adjust_saturation, rng.uniform(1 - SATURATION, 1 + SATURATION)),
        (F.adjust_hue, rng.uniform(-HUE, HUE)),
    ]
    picture = image
    for i in rng.permutation(len(steps)):
        adjust, factor = steps[i]

        def change(part: np.ndarray, adjust: Callable = adjust, factor: float = factor) -> np.ndarray:
            return adjust(torch.tensor(part).permute(2, 0, 1), factor).permute(1, 2, 0).numpy()

        # contrast looks at the mean of the whole picture
        picture = change(picture) if adjust is F.adjust_contrast else _in_strips(change, picture)
    return picture


def hsv_shift(image: np.ndarray, rng: np.random.Generator, warm: bool) -> np.ndarray:
    """Hue turned by up to 40 degrees, saturation shifted by up to 30/255, value by up to 20/255, all over the picture.

    Hue goes round, saturation and value are cut at 0 and 1. A grey pixel stays grey: its hue means nothing, so its
    saturation is left at 0.

    Args and return value as in :func:`color_jitter`.
    """
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    hue, saturation, value = (rng.uniform(-most, most) for most in HSV)

    def change(part: np.ndarray) -> np.ndarray:
        hsv = rgb_to_hsv(part.astype(np.float32) / 255)
        grey = hsv[..., 1] == 0
        hsv[..., 0] = (hsv[..., 0] + hue) % 1
        hsv[..., 1] = np.clip(hsv[..., 1] + saturation, 0, 1)
        hsv[..., 1][grey] = 0
        hsv[..., 2] = np.clip(hsv[..., 2] + value, 0, 1)
        return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8)

    return _in_strips(change, image)


def balance(image: np.ndarray, rng: np.random.Generator, warm: bool) -> np.ndarray:
    """White balance: red and blue scaled in opposite ways, green kept.

    The warm picture has red times 1 + s and blue times 1 - s, the cool one the reverse, s drawn from [0.1, 0.4].

    Args and return value as in :func:`color_jitter`, but that ``warm`` counts.
    """
    s = rng.uniform(*TEMPERATURE) * (1 if warm else -1)
    return np.clip(np.rint(image * np.array([1 + s, 1, 1 - s], np.float32)), 0, 255).astype(np.uint8)


SHIFTS: dict[str, Callable[[np.ndarray, np.random.Generator, bool], np.ndarray]] = {
    "color_jitter": color_jitter,
    "hsv_shift": hsv_shift,
    "balance": balance,
}


def _in_strips(change: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """``change``, which looks at one pixel at a time, of some rows at once: floats of a large picture take much."""
    rows = max(1, STRIP // image.shape[1])
    shifted = np.empty_like(image)
    for start in range(0, len(image), rows):
        shifted[start : start + rows] = change(image[start : start + rows])
    return shifted


def shifted(image: np.ndarray, kind: str, variants: int, seed: int, key: int) -> np.ndarray:
    """Differently shifted pictures of one image.

    Args:
        image: (H, W, 3) uint8.
        kind: a name of :data:`SHIFTS`.
        variants: how many; the first half are cool, the second half warm, where the kind knows that.
        seed: of the cell.
        key: of the image; with the seed and the variant's number it decides the picture, whatever else is made.

    Returns:
        (variants, H, W, 3) uint8.
    """
    rngs = [np.random.default_rng([seed, key, v]) for v in range(variants)]
    return np.stack([SHIFTS[kind](image, rng, 2 * v >= variants) for v, rng in enumerate(rngs)])
