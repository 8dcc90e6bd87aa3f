"""The training images of each class, as networks take them, on the device."""

from __future__ import annotations

import numpy as np
import torch

from ccbench.plugin import Channels, DeviceData, ImageDataset


class RealImages:
    """Random batches of one class.

    Args:
        dataset: the training images.
        device: where they are wanted; a GPU holds them where half of its free memory does.
    """

    def __init__(self, dataset: ImageDataset, device: str | torch.device) -> None:
        self._data = DeviceData.from_dataset(dataset, device)
        self.members = [np.flatnonzero(dataset.labels == c) for c in range(len(dataset.classes))]
        normalise = self._data.normalise
        self.space = Channels(normalise.mean.double().numpy() / 255, normalise.std.double().numpy() / 255)

    def at(self, ids: np.ndarray) -> torch.Tensor:
        """Training images by position (b,), (b, 3, H, W) float32, normalised."""
        return self.space.values(self._data.decode(torch.from_numpy(ids).to(self._data.device))).contiguous()

    def batch(self, label: int, images: int, rng: np.random.Generator) -> torch.Tensor:
        """So many images of a class drawn without replacement, all of them where it has fewer."""
        members = self.members[label]
        return self.at(rng.choice(members, min(images, len(members)), replace=False))
