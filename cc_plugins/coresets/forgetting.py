"""Forgetting: how often training unlearns an image, and the method that keeps the most forgotten ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import Ranked, ranking
from ccbench.plugin import ScoreSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

SPECS = (
    ranking(
        "forgetting",
        "cc_plugins.coresets.forgetting:Forgetting",
        version="2",
        summary="keeps the images that training forgets most often",
    ),
    ScoreSpec(
        name="forgetting",
        target="cc_plugins.coresets.forgetting:ForgettingScore",
        version="1",
        paper="Toneva et al., An Empirical Study of Example Forgetting, ICLR 2019",
        summary="number of changes from a right prediction to a wrong one",
    ),
)


class Forgetting(Ranked):
    """Keep the most forgetting events; the many ties of small counts go to the lower id."""

    score = "forgetting"


class ForgettingScore:
    """Number of forgetting events, 0, 1, 2, ...: right at one observation of the image and wrong at the next.

    An image that was never right has no events and scores 0, as in the released CCS code on which DCQ's numbers
    rest. (Toneva et al. rank such images as the most forgotten instead.) One that no batch ever held is NaN. An id may
    come twice in an epoch or in one batch; ids of one batch count in the order they stand.
    """

    def __init__(self, n: int, classes: int) -> None:
        import torch

        self.n = n
        self._right: torch.Tensor | None = None  # the last observation of each image; slot n takes what is not the last
        self._events = torch.zeros(0)
        self._seen = torch.zeros(0)

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch."""
        import torch

        device = logits.device
        if self._right is None:
            self._right = torch.zeros(self.n + 1, dtype=torch.bool, device=device)
            self._events = torch.zeros(self.n, dtype=torch.int64, device=device)
            self._seen = torch.zeros(self.n, dtype=torch.bool, device=device)
        ids, order = ids.to(device).sort(stable=True)
        right = (logits.argmax(1) == labels.to(device))[order]
        repeated = torch.zeros_like(right)
        repeated[1:] = ids[1:] == ids[:-1]
        before = torch.where(repeated, right.roll(1), self._right[ids])
        self._events.index_add_(0, ids, (before & ~right).long())
        followed = repeated.roll(-1)
        self._right[torch.where(followed, self.n, ids)] = right
        self._seen[ids] = True

    def result(self) -> np.ndarray:
        """(n,) float32 counts."""
        import numpy as np
        import torch

        if self._right is None:
            return np.full(self.n, np.nan, np.float32)
        return torch.where(self._seen, self._events.float(), torch.nan).cpu().numpy()
