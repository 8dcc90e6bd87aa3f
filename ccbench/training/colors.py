"""Random colours and blur of whole batches, each image its own, on the device that holds them.

The numbers are those of torchvision's ``ColorJitter`` and ``GaussianBlur`` on float images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

GREY = (0.2989, 0.587, 0.114)  # of red, green and blue
SIGMA = (0.1, 2.0)  # torchvision's default


def jitter(images: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation, in this order, each times a factor in [1 - strength, 1 + strength].

    torchvision draws an order of the three for every image.

    Args:
        images: (b, 3, H, W) in 0 .. 255.
        strength: in [0, 1].
        generator: on the same device.

    Returns:
        (b, 3, H, W) float32 in 0 .. 255; what goes beyond is cut off after each of the three.
    """
    drawn = torch.rand(3, len(images), 1, 1, 1, generator=generator, device=images.device)
    brightness, contrast, saturation = 1 + strength * (2 * drawn - 1)
    pixels = (images.float() * brightness).clamp_(0, 255)
    pixels = torch.lerp(_grey(pixels).mean((1, 2, 3), keepdim=True), pixels, contrast).clamp_(0, 255)
    return torch.lerp(_grey(pixels), pixels, saturation).clamp_(0, 255)


def blur(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """A Gaussian of a width of its own for each image, uniform in 0.1 .. 2 pixels; edges are mirrored.

    Args:
        images: (b, 3, H, W) in 0 .. 255.
        side: of the kernel in pixels, odd; half of it lies within the image's sides.
        generator: on the same device.

    Returns:
        (b, 3, H, W) float32 in 0 .. 255.
    """
    drawn = torch.rand(len(images), 1, generator=generator, device=images.device)
    sigma = SIGMA[0] + (SIGMA[1] - SIGMA[0]) * drawn
    half = side // 2
    place = torch.arange(-half, half + 1, device=images.device)
    kernels = (-0.5 * (place / sigma).square()).softmax(1)[..., None, None, None]  # (b, side, 1, 1, 1)
    pixels = F.pad(images.float(), (half,) * 4, mode="reflect")
    for across, length in enumerate(images.shape[2:], 2):
        parts = [kernels[:, i] * pixels.narrow(across, i, length) for i in range(side)]
        pixels = torch.stack(parts).sum(0)
    return pixels


def _grey(pixels: torch.Tensor) -> torch.Tensor:
    """(b, 1, H, W)."""
    red, green, blue = pixels.split(1, dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue
