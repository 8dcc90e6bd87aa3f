"""A teacher: a trained network that labels the very images a student sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ccbench.training.images import Normalise
from ccbench.training.precision import autocast


@dataclass
class Teacher:
    """A trained network, its normalisation and what records say of it.

    Attributes:
        network: takes (b, 3, H, W) float32, normalised; gives logits (b, classes). Put in eval mode, never changed.
        normalise: how it wants its images; another one than the student's is fine.
        name: of the network, for records.
        classes: logits.
        bytes: that its weights take on disk.
        weights: under which name its weights stood in the user's file, such as ``"model_ema"``, or "".
    """

    network: torch.nn.Module
    normalise: Normalise
    name: str
    classes: int
    bytes: int
    weights: str = ""

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, *, precision: str = "float32") -> torch.Tensor:
        """Logits of plain or mixed images.

        Args:
            images: (b, 3, H, W) uint8, or float32 in 0 .. 255, on the network's device.
            precision: ``"float32"`` or ``"bfloat16"``.

        Returns:
            (b, classes) float32, without gradients.
        """
        if self.network.training:
            self.network.eval()
        with autocast(images.device, precision):
            logits = self.network(self.normalise(images))
        return logits.float()

    def to(self, device: str | torch.device) -> Teacher:
        """The same teacher on a device, channels_last; the network itself is moved."""
        place = torch.device(device)
        network = self.network.to(place).to(memory_format=torch.channels_last).eval()
        return replace(self, network=network, normalise=self.normalise.to(place))
