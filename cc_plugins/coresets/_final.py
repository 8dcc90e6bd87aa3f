"""What scores that ask the finished network have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


class Final(ABC):
    """A number of the trained network's prediction for the plain image; NaN for an image that was not shown."""

    def __init__(self, n: int, classes: int) -> None:
        import numpy as np

        self._values = np.full(n, np.nan, np.float32)

    @abstractmethod
    def seen(self, logits: torch.Tensor) -> torch.Tensor:
        """The score of each image, (b,) float32, from its logits (b, C) float32."""

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Training batches leave no mark: only the finished network counts."""
        return

    def finish(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take the plain images' logits, all at once or batch by batch."""
        self._values[ids.cpu().numpy()] = self.seen(logits.detach().float()).cpu().numpy()

    def result(self) -> np.ndarray:
        """(n,) float32."""
        return self._values.copy()
