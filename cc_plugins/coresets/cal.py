"""CAL: how far an image's prediction is from those of its nearest neighbours; where it is farthest, it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import Ranked, ranking
from cc_plugins.coresets._uncertain import COMPAT
from ccbench.plugin import Need, Param

if TYPE_CHECKING:
    import torch

    from ccbench.plugin import CompressedDataset, Task

SPEC = ranking(
    "cal",
    "cc_plugins.coresets.cal:CAL",
    version="1",
    summary="keeps the images whose predictions differ most from those of their nearest neighbours",
    params=(Param(name="k", default=10, low=1, high=1000, doc="nearest neighbours"), COMPAT),
    needs=(Need("last-layer"),),
    cost="one proxy training, shared; all distances between features, quadratic in images, block by block",
)
ROWS = 1024  # images whose neighbours' predictions are held at once


def divergence(log_p: torch.Tensor, near: torch.Tensor, *, symmetric: bool) -> torch.Tensor:
    """Mean over neighbours of KL(neighbour || image) in nats, (n,) float32; symmetric: plus KL(image || neighbour).

    Args:
        log_p: (n, C) float32 logarithms of probabilities.
        near: (n, k) int64 positions of the neighbours; without any it is 0.
    """
    import torch

    values = log_p.new_zeros(len(log_p))
    if not near.shape[1]:
        return values
    for top in range(0, len(log_p), ROWS):
        own, others = log_p[top : top + ROWS, None], log_p[near[top : top + ROWS]]
        weights = others.exp() - own.exp() if symmetric else others.exp()
        values[top : top + ROWS] = torch.einsum("nkc,nkc->nk", weights, others - own).mean(1)
    return values


class CAL(Ranked):
    """Keep the largest mean divergence between an image's prediction and its neighbours'.

    Args:
        balanced: rank within each class; neighbours are of any class.
        proxy: architecture that is trained; None: the protocol's.
        k: nearest neighbours, in the classifier's input.
        compat: ``"deepcore"`` keeps the smallest of a symmetric divergence.
    """

    score = "cal"

    def __init__(self, *, balanced: bool, proxy: str | None, k: int, compat: str) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.k = k
        self.compat = compat == "deepcore"
        self.sign = -1 if self.compat else 1

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal ones in order of id."""
        import torch

        from cc_plugins.coresets._last_layer import last_layer
        from cc_plugins.coresets._neighbours import neighbours

        features, logits = (torch.from_numpy(a).to(task.device) for a in last_layer(task, self.proxy))
        near, _ = neighbours(features, self.k)
        values = divergence(logits.log_softmax(1), near, symmetric=self.compat).double().cpu().numpy()
        return self.kept(task, self.sign * values, {self.score: values})
