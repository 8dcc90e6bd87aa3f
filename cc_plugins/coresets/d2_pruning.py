"""D2 pruning: difficulty spreads over a graph of neighbours, and each choice from it quiets its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import Ranked, ranking
from cc_plugins.coresets.ccs import BETA, beta_of
from ccbench.plugin import Need, Param

if TYPE_CHECKING:
    import numpy as np

    from ccbench.plugin import CompressedDataset, Task

SIGNS = {"forgetting": 1, "aum": -1, "el2n": 1, "entropy": 1, "margin": -1}  # 1: a large score means hard
SPEC = ranking(
    "d2-pruning",
    "cc_plugins.coresets.d2_pruning:D2Pruning",
    version="1",
    summary="keeps hard images that differ, by messages over a graph of nearest neighbours",
    params=(
        Param(name="score", default="forgetting", choices=tuple(SIGNS), doc="the score that says how hard an image is"),
        Param(name="n_neighbor", default=5, low=1, high=1000, doc="nearest neighbours of an image in the graph"),
        Param(name="gamma", default=0.1, low=0, high=1000, doc="how fast a choice's message fades with distance"),
        BETA,
    ),
    needs=(Need("score"), Need("score", score="aum"), Need("last-layer")),
    cost="one proxy training, shared; all distances between features, quadratic in images, block by block",
)


def spread(difficulty: np.ndarray, near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """What each image knows after the messages of its neighbours: its own plus theirs, each times exp(-distance).

    Args:
        difficulty: (n,) >= 0.
        near: (n, k) int64 positions.
        far: (n, k) distances.
    """
    import numpy as np

    return difficulty + (np.exp(-far) * difficulty[near]).sum(1)


def choose(
    values: np.ndarray, near: np.ndarray, far: np.ndarray, *, gamma: float, groups: np.ndarray, quotas: np.ndarray
) -> np.ndarray:
    """Take the largest value, again and again; each choice takes exp(-gamma distance) of its value off its neighbours'.

    Args:
        values: (n,) as :func:`spread` gives them.
        near: (n, k) int64 positions.
        far: (n, k) distances.
        gamma: >= 0.
        groups: (n,) int64, the group of each image.
        quotas: how many images each group gives; no more than it has.

    Returns:
        Sorted positions; among equal values the lower one is taken first.
    """
    import heapq

    import numpy as np

    now, left, weight = values.tolist(), quotas.tolist(), np.exp(-gamma * far)
    heap = [(-value, i) for i, value in enumerate(now)]
    heapq.heapify(heap)
    chosen = np.zeros(len(now), bool)
    for _ in range(int(quotas.sum())):
        while True:
            value, i = heapq.heappop(heap)
            if not chosen[i] and value == -now[i] and left[groups[i]]:
                break  # otherwise its value has changed since, and stands in the heap once more
        chosen[i] = True
        left[groups[i]] -= 1
        for j, share in zip(near[i].tolist(), weight[i].tolist(), strict=True):
            if not chosen[j]:
                now[j] -= share * now[i]
                heapq.heappush(heap, (-now[j], j))
    return np.flatnonzero(chosen)


class D2Pruning(Ranked):
    """Drop the hardest by AUM, spread the difficulty of the rest over a graph, and choose from it greedily.

    Args:
        balanced: equally many of every class, as far as it has them after the cut-off.
        proxy: architecture that is trained for scores and features; None: the protocol's.
        score: which score is the difficulty; it is scaled to [0, 1].
        n_neighbor: nearest neighbours, in the classifier's input.
        gamma: of the messages of chosen images.
        beta: fraction dropped as hardest; None: that of ``ccs``.
    """

    def __init__(
        self, *, balanced: bool, proxy: str | None, score: str, n_neighbor: int, gamma: float, beta: float | None
    ) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.by, self.n_neighbor, self.gamma, self.beta = score, n_neighbor, gamma, beta

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images."""
        import numpy as np
        import torch

        from cc_plugins.coresets._last_layer import last_layer
        from cc_plugins.coresets._neighbours import neighbours
        from cc_plugins.coresets._rank import read_score
        from cc_plugins.submodular.shares import allocate
        from ccbench.plugin import CompressedDataset

        aum, by = (read_score(task, name, self.proxy) for name in ("aum", self.by))
        rest = self.rest(task, aum)
        difficulty = SIGNS[self.by] * by[rest]
        difficulty -= difficulty.min()
        difficulty /= difficulty.max() or 1
        features = torch.from_numpy(last_layer(task, self.proxy)[0][rest]).to(task.device)
        near, far = (t.cpu().numpy() for t in neighbours(features, self.n_neighbor))
        far = far.astype(np.float64)
        groups = task.dataset.labels[rest] if self.balanced else np.zeros(len(rest), np.int64)
        quotas = allocate(np.bincount(groups), task.images)
        values = spread(difficulty, near, far)
        chosen = choose(values, near, far, gamma=self.gamma, groups=groups, quotas=quotas)
        return CompressedDataset.subset(task.dataset, rest[chosen], scores={self.by: by, "aum": aum})

    def rest(self, task: Task, aum: np.ndarray) -> np.ndarray:
        """Sorted positions of what the cut-off leaves; never less than the budget keeps.

        Args:
            aum: (n,) of the task's images.
        """
        from cc_plugins.coresets._rank import largest

        n = len(aum)
        hard = min(int(beta_of(task, self.beta) * n + 1e-9), n - task.images)
        return largest(aum, n - hard)
