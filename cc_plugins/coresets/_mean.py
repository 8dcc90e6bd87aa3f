"""What scores that average over training have in common: O(n) memory however long the training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


class Mean(ABC):
    """The mean per image of a number that each observation adds; NaN for an image that no batch ever held.

    A mean instead of the papers' sum: both rank alike where every image is seen equally often, and a
    batch that wraps around the end of an epoch does not raise the score of the images it repeats.
    """

    def __init__(self, n: int, classes: int) -> None:
        self.n = n
        self._total: torch.Tensor | None = None
        self._count: torch.Tensor | None = None

    @abstractmethod
    def observed(self, epoch: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
        """What one training batch adds, (b,) float on the device of its logits; None adds nothing.

        Args:
            epoch: counted from 0.
            logits: (b, C) float.
            labels: (b,) int64, on the same device.
        """

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch; an id may come twice in it."""
        import torch

        with torch.no_grad():
            values = self.observed(epoch, logits, labels.to(logits.device))
            if values is None:
                return
            if self._total is None or self._count is None:
                # float64, so that the order in which a GPU adds leaves no mark on the float32 result
                self._total = torch.zeros(self.n, dtype=torch.float64, device=values.device)
                self._count = torch.zeros(self.n, dtype=torch.float64, device=values.device)
            ids = ids.to(values.device)
            self._total.index_add_(0, ids, values.double())
            self._count.index_add_(0, ids, torch.ones_like(values, dtype=torch.float64))

    def result(self) -> np.ndarray:
        """(n,) float32."""
        import numpy as np

        if self._total is None or self._count is None:
            return np.full(self.n, np.nan, np.float32)
        return (self._total / self._count).float().cpu().numpy()
