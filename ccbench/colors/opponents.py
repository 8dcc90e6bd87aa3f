"""Colourfulness of an image by its opponent colours (Hasler and Süsstrunk 2003).

    colourfulness = sqrt(var(rg) + var(yb)) + 0.3 * sqrt(mean(rg)^2 + mean(yb)^2),   yb = (R + G)/2 - B

over the pixels of one image, variances by the number of pixels. Two definitions of rg are in use:

- ``"dc3"``: rg = |R - G|, as DC3 prints it (section 4.4, Eqs. 5 and 6); the default, so that figures can be laid
  beside that paper's. yb keeps its sign there.
- ``"hasler"``: rg = R - G, as the measure was published.

They agree on an image in which R >= G everywhere, or R <= G everywhere. Elsewhere the first moves some of rg's spread
into its mean: an image half red and half green has mean(rg) = 0 by the second and 255 by the first.
"""

from __future__ import annotations

import numpy as np

from ccbench.errors import UserError

FORMS = ("dc3", "hasler")
_GROUP = 64  # pixels: squares of yb reach 510**2, and 64 of them still add up exactly in float32 (below 2**24)
_TOGETHER = 1 << 17  # pixels worked on at once, so that their float32 planes stay in a core's cache


def colorfulness(images: np.ndarray, form: str = "dc3") -> np.ndarray:
    """Colourfulness of each image.

    Args:
        images: (n, H, W, 3) uint8 RGB; may be memory-mapped.
        form: ``"dc3"`` or ``"hasler"``, which rg is meant.

    Returns:
        (n,) float64, 0 for grey images, in units of a pixel value (0..255); natural photographs lie around 10 to 110.

    Raises:
        UserError: another form.
    """
    if form not in FORMS:
        raise UserError("the form of colourfulness is one of " + ", ".join(FORMS), found=repr(form))
    return from_sums(opponent_sums(images), images.shape[1] * images.shape[2], form)


def from_sums(sums: np.ndarray, pixels: int, form: str = "dc3") -> np.ndarray:
    """Colourfulness from sums over an image's pixels.

    Args:
        sums: (5, n) float64 of :func:`opponent_sums`.
        pixels: H * W.
        form: as in :func:`colorfulness`.

    Returns:
        (n,) float64.
    """
    signed, squares, absolute, yb, yb_squares = sums
    rg = absolute if form == "dc3" else signed
    # sums are exact whole numbers, so an image of one colour has a variance of exactly 0
    variance = (pixels * squares - rg**2) + (pixels * yb_squares - yb**2) / 4
    return (np.sqrt(np.maximum(variance, 0)) + 0.3 * np.sqrt(rg**2 + yb**2 / 4)) / pixels


def opponent_sums(images: np.ndarray) -> np.ndarray:
    """What both forms are made of, for each image.

    Args:
        images: (n, H, W, 3) uint8 RGB.

    Returns:
        (5, n) float64, exact whole numbers: the sums over pixels of R-G, (R-G)^2, |R-G|, R+G-2B and (R+G-2B)^2.
    """
    pixels = images.reshape(len(images), -1, 3)
    n, count, _ = pixels.shape
    out = np.zeros((5, n))
    width = min(count, _TOGETHER)
    step = max(1, _TOGETHER // max(width, 1))
    for start in range(0, n, step):
        for left in range(0, count, width):
            out[:, start : start + step] += _block(pixels[start : start + step, left : left + width])
    return out


def _block(pixels: np.ndarray) -> np.ndarray:
    """(b, p, 3) uint8 -> (5, b) float64."""
    images, count, _ = pixels.shape
    whole = -(-count // _GROUP) * _GROUP
    planes = np.empty((3, images, whole), np.float32)
    planes[:, :, :count] = pixels.transpose(2, 0, 1)
    planes[:, :, count:] = 0  # black adds nothing to any of the sums
    red, green, blue = planes
    yb = red + green
    blue *= 2
    yb -= blue
    red -= green
    rg, yb = red.reshape(-1, _GROUP), yb.reshape(-1, _GROUP)
    parts = np.empty((5, images, whole // _GROUP), np.float32)
    flat = parts.reshape(5, -1)
    np.einsum("ij->i", rg, out=flat[0])
    np.einsum("ij,ij->i", rg, rg, out=flat[1])
    np.einsum("ij->i", yb, out=flat[3])
    np.einsum("ij,ij->i", yb, yb, out=flat[4])
    np.einsum("ij->i", np.abs(rg, out=rg), out=flat[2])
    return parts.sum(2, dtype=np.float64)
