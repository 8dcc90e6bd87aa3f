"""Training-dynamics scores as streaming accumulators: O(n) memory however long the training.

``update`` takes one training batch: ``epoch`` counted from 0, ``ids`` (b,) int64 in 0 .. n-1, ``logits`` (b, C) float,
``labels`` (b,) int64. An id may come twice in an epoch or in one batch; ids of one batch count in the order they stand.
``result`` gives (n,) float32, NaN for an image that no batch ever held.
"""

from __future__ import annotations

import numpy as np
import torch


class _Mean:
    """The mean per image of a number that each observation adds.

    A mean instead of the papers' sum: both rank alike where every image is seen equally often, and a
    batch that wraps around the end of an epoch does not raise the score of the images it repeats.
    """

    def __init__(self, n: int, classes: int) -> None:
        self.n = n
        self._total: torch.Tensor | None = None
        self._count: torch.Tensor | None = None

    def _add(self, ids: torch.Tensor, values: torch.Tensor) -> None:
        if self._total is None or self._count is None:
            # float64, so that the order in which a GPU adds leaves no mark on the float32 result
            self._total = torch.zeros(self.n, dtype=torch.float64, device=values.device)
            self._count = torch.zeros(self.n, dtype=torch.float64, device=values.device)
        ids = ids.to(values.device)
        self._total.index_add_(0, ids, values.double())
        self._count.index_add_(0, ids, torch.ones_like(values, dtype=torch.float64))

    def result(self) -> np.ndarray:
        """(n,) float32."""
        if self._total is None or self._count is None:
            return np.full(self.n, np.nan, np.float32)
        return (self._total / self._count).float().cpu().numpy()


class AUM(_Mean):
    """Area under the margin, in [-1, 1]: mean over epochs of p_y - max over k != y of p_k.

    On probabilities, as DCQ's appendix A.2.1 and the released CCS code have it; the AUM paper uses logits.
    """

    @torch.no_grad()
    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch."""
        p = logits.float().softmax(1)
        y = labels.to(p.device)[:, None]
        own = p.gather(1, y)[:, 0]
        self._add(ids, own - p.scatter(1, y, -1.0).amax(1))


class EL2N(_Mean):
    """Error length, in [0, sqrt(2)]: mean over the first 10 epochs of ||p - onehot(y)|| (DCQ, A.2.1)."""

    EPOCHS = 10

    @torch.no_grad()
    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch; later epochs than the tenth change nothing."""
        if epoch < self.EPOCHS:
            p = logits.float().softmax(1)
            error = p.scatter_add(1, labels.to(p.device)[:, None], torch.full_like(p[:, :1], -1.0))
            self._add(ids, error.norm(dim=1))


class Correctness(_Mean):
    """Fraction of observations, in [0, 1], in which the most probable class is the true one."""

    @torch.no_grad()
    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch."""
        self._add(ids, (logits.argmax(1) == labels.to(logits.device)).float())


class Forgetting:
    """Number of forgetting events, 0, 1, 2, ...: right at one observation of the image and wrong at the next.

    An image that was never right has no events and scores 0, as in the released CCS code on which DCQ's numbers
    rest. (Toneva et al. rank such images as the most forgotten instead.)
    """

    def __init__(self, n: int, classes: int) -> None:
        self.n = n
        self._right: torch.Tensor | None = None  # the last observation of each image; slot n takes what is not the last
        self._events = torch.zeros(0)
        self._seen = torch.zeros(0)

    @torch.no_grad()
    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add one training batch."""
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
        if self._right is None:
            return np.full(self.n, np.nan, np.float32)
        return torch.where(self._seen, self._events.float(), torch.nan).cpu().numpy()


class Entropy:
    """Entropy in nats, in [0, ln C], of the trained network's prediction for the plain image (DCQ, A.2.1)."""

    def __init__(self, n: int, classes: int) -> None:
        self._entropy = np.full(n, np.nan, np.float32)

    def update(self, epoch: int, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Training batches leave no mark: only the finished network counts."""

    @torch.no_grad()
    def finish(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Take the plain images' logits, all at once or batch by batch."""
        log_p = logits.float().log_softmax(1)
        self._entropy[ids.cpu().numpy()] = -(log_p.exp() * log_p).sum(1).cpu().numpy()

    def result(self) -> np.ndarray:
        """(n,) float32."""
        return self._entropy.copy()
