"""What scores have in common that look at a few consecutive observations of an image at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def parts_without_repeats(ids: torch.Tensor) -> Iterator[torch.Tensor]:
    """Positions in a batch, part by part: no part holds an id twice, and an id's repeats stay in their order.

    Args:
        ids: (b,) int64.

    Yields:
        (m,) int64 positions, sorted by id; one part where no id comes twice.
    """
    import torch

    order = ids.sort(stable=True).indices
    place = torch.arange(len(ids), device=ids.device)
    starts = torch.ones_like(place, dtype=torch.bool)
    starts[1:] = ids[order][1:] != ids[order][:-1]
    turn = place - torch.where(starts, place, 0).cummax(0).values
    for k in range(int(turn.max()) + 1 if len(ids) else 0):
        yield order[turn == k]


class Windowed(ABC):
    """A mean over windows of ``width`` consecutive numbers of each image; O(n * width) memory.

    In a training that is shorter than a window, what there is counts as one.

    Args:
        n: images.
        epochs: from here on batches are not looked at.
        width: numbers in a window, >= 2.
    """

    def __init__(self, n: int, epochs: int, width: int) -> None:
        self.n, self.epochs, self.width = n, epochs, width
        self._ring: torch.Tensor | None = None

    @abstractmethod
    def number(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What one observation of each image adds, (b,) float32; NaN adds nothing. No id comes twice."""

    @abstractmethod
    def window(self, values: torch.Tensor) -> torch.Tensor:
        """The score of whole windows, (b,) float32, from their numbers (b, width) in any order."""

    @abstractmethod
    def joined(self, before: torch.Tensor, now: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The score after a window, (b,) float64: ``before`` it, the window's own, and how many came before it."""

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch; an id may come twice in it."""
        import torch

        if epoch >= self.epochs:
            return
        with torch.no_grad():
            ids, labels = ids.to(logits.device), labels.to(logits.device)
            for part in parts_without_repeats(ids):
                values = self.number(ids[part], logits[part].float(), labels[part])
                there = ~values.isnan()
                self._add(ids[part][there], values[there])

    def _add(self, ids: torch.Tensor, values: torch.Tensor) -> None:
        import torch

        if self._ring is None:
            self._ring = torch.zeros(self.n, self.width, dtype=torch.float32, device=values.device)
            self._count = torch.zeros(self.n, dtype=torch.int64, device=values.device)
            self._score = torch.zeros(self.n, dtype=torch.float64, device=values.device)
        self._ring[ids, self._count[ids] % self.width] = values
        self._count[ids] += 1
        full = ids[self._count[ids] >= self.width]
        now = self.window(self._ring[full]).double()
        self._score[full] = self.joined(self._score[full], now, self._count[full] - self.width)

    def result(self) -> np.ndarray:
        """(n,) float32; NaN for an image with less than two numbers."""
        import numpy as np
        import torch

        if self._ring is None:
            return np.full(self.n, np.nan, np.float32)
        score = self._score.clone()
        for count in range(2, self.width):
            short = self._count == count
            first = torch.zeros_like(self._count[short])
            score[short] = self.joined(score[short], self.window(self._ring[short][:, :count]).double(), first)
        return torch.where(self._count >= 2, score, torch.nan).float().cpu().numpy()
