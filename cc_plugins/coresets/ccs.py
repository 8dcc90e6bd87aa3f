"""Coverage-centric coreset selection (Zheng et al., ICLR 2023): hard cut-off, then stratified sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import DYNAMICS, PROXY, RAW
from ccbench.plugin import MethodSpec, Need, Param, UserError

if TYPE_CHECKING:
    import numpy as np

    from ccbench.plugin import CompressedDataset, Task

BETA = Param(
    name="beta",
    default=None,
    type=float,
    low=0,
    high=0.99,
    doc="fraction of all images dropped as hardest by AUM; auto: the published values, interpolated",
)
SPEC = MethodSpec(
    name="ccs",
    target="cc_plugins.coresets.ccs:CCS",
    version="1",
    summary="drops the hardest images, then samples evenly over strata of a score",
    params=(
        Param(name="score", default="aum", choices="score", doc="the score that is cut into strata"),
        BETA,
        Param(name="strata", default=50, low=1, high=100_000, doc="number of equal-width strata"),
        PROXY,
    ),
    # whatever the strata are cut by, AUM says what is hard
    needs=("proxy", "score", Need("score", score="aum")),
    stores=RAW,
    cost=DYNAMICS,
)

# ratio of images removed: beta, the fraction of all images that is dropped as hardest
PUBLISHED_BETA = {
    "cifar10": {0.3: 0.0, 0.5: 0.0, 0.7: 0.1, 0.8: 0.1, 0.9: 0.3},
    "cifar100": {0.3: 0.1, 0.5: 0.2, 0.7: 0.2, 0.8: 0.4, 0.9: 0.5},
    "imagenet": {0.0: 0.0, 0.8: 0.2, 0.9: 0.3},
}
FEW_CLASSES = 20  # up to here the CIFAR-10 values, above the CIFAR-100 values
MANY_CLASSES = 1000  # from here on the ImageNet values


def published_beta(ratio: float, classes: int) -> float:
    """Beta for a fraction of removed images, in [0, 1).

    The published values hold at ratios 0.3, 0.5, 0.7, 0.8 and 0.9. Between two of them beta is
    interpolated linearly; below 0.3 and above 0.9 it stays what it is there. Sets of at most 20
    classes take the values of CIFAR-10, sets of 1,000 and more those of ImageNet, published at 0.8
    and 0.9 and interpolated down to 0 at ratio 0, others those of CIFAR-100. Never more than the
    ratio itself: the cut-off cannot drop images that the budget keeps.
    """
    import numpy as np

    name = "cifar10" if classes <= FEW_CLASSES else "cifar100" if classes < MANY_CLASSES else "imagenet"
    table = PUBLISHED_BETA[name]
    return float(min(np.interp(ratio, list(table), list(table.values())), ratio))


def strata_of(values: np.ndarray, strata: int) -> np.ndarray:
    """The stratum of each value, (n,) int64 in 0 .. strata-1: equal widths over [min, max], both ends included."""
    import numpy as np

    low, high = values.min(), values.max()
    if not low < high:
        return np.zeros(len(values), np.int64)
    return np.minimum(((values - low) / (high - low) * strata).astype(np.int64), strata - 1)


def select(
    aum: np.ndarray, score: np.ndarray, count: int, *, beta: float, strata: int, rng: np.random.Generator
) -> np.ndarray:
    """Sorted positions of ``count`` images.

    Args:
        aum: (n,) the lowest ``floor(beta * n)`` of it are dropped first, whatever the score (the released code).
        score: (n,) cut into strata after that.
        count: 1 .. n; the cut-off leaves at least so many.
        beta: in [0, 1).
        strata: number of equal-width strata.
        rng: draws within a stratum, each image with the same probability.
    """
    import numpy as np

    from cc_plugins.coresets._rank import largest
    from cc_plugins.submodular.shares import allocate

    n = len(aum)
    hard = min(int(beta * n + 1e-9), n - count)
    rest = largest(aum, n - hard)
    stratum = strata_of(score[rest], strata)
    given = allocate(np.bincount(stratum, minlength=strata), count)
    lots = rng.permutation(len(rest))
    order = np.lexsort((lots, stratum))  # shuffled within each stratum
    first = np.searchsorted(stratum[order], np.arange(strata))
    place = np.arange(len(rest)) - first[stratum[order]]
    return np.sort(rest[order[place < given[stratum[order]]]])


def beta_of(task: Task, given: float | None) -> float:
    """The beta that was given, otherwise the published one for the task's budget and classes."""
    if given is not None:
        return given
    return published_beta(1 - task.images / len(task.dataset.labels), len(task.dataset.classes))


class CCS:
    """Drop the hardest fraction beta by AUM, then sample strata of the score as evenly as they allow.

    Args:
        score: which score is cut into strata.
        beta: fraction of the images dropped as hardest; None: :func:`published_beta`.
        strata: number of equal-width strata, 50 in the paper.
        proxy: architecture that is trained for the scores; None: the protocol's.
    """

    def __init__(self, *, score: str, beta: float | None, strata: int, proxy: str | None) -> None:
        self.score = score
        self.beta = beta
        self.strata = strata
        self.proxy = proxy

    def skip(self, task: Task) -> str | None:
        """Why a beta given by hand does not fit the budget, or None."""
        n = len(task.dataset.labels)
        if self.beta is not None and int(self.beta * n + 1e-9) > n - task.images:
            return f"beta={self.beta:g} drops more of the {n} images than the budget, which keeps {task.images}"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """Keep exactly ``task.images`` images.

        Raises:
            UserError: a given beta drops images that the budget keeps.
        """
        from cc_plugins.coresets._rank import read_score
        from ccbench.plugin import CompressedDataset

        reason = self.skip(task)
        if reason:
            raise UserError(f"ccs: {reason}", mend="lower beta, or leave it out")
        aum = read_score(task, "aum", self.proxy)
        score = aum if self.score == "aum" else read_score(task, self.score, self.proxy)
        kept = select(aum, score, task.images, beta=beta_of(task, self.beta), strata=self.strata, rng=task.rng())
        return CompressedDataset.subset(task.dataset, kept, scores={self.score: score, "aum": aum})
