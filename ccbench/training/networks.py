"""Networks by name, with weights that depend on the seed alone."""

from __future__ import annotations

import torch

from ccbench.errors import UserError
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import read_call
from ccbench.training.precision import seeded


def build_network(architecture: str, *, classes: int, image_size: int, seed: int, plugins: Plugins) -> torch.nn.Module:
    """A freshly initialised network, on the CPU, channels_last.

    Args:
        architecture: a name that some plugin offers, or any timm network; parameters in brackets.
        classes: logits.
        image_size: height and width of its images in pixels.
        seed: of the weights; the global generator is left as it was.

    Raises:
        UserError: the name is unknown, or the network cannot take such images.
    """
    call = read_call("architecture", architecture, plugins)
    with seeded(seed, torch.device("cpu")):
        network = call.build(classes=classes, image_size=image_size)
    if not isinstance(network, torch.nn.Module):
        raise UserError(f"architecture {architecture} gave no torch.nn.Module", found=type(network).__name__)
    return network.to(memory_format=torch.channels_last)
