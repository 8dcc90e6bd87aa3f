"""DUAL: uncertain and hard early in training, and the method that draws by it with easier images the less is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._mean import Mean
from cc_plugins.coresets._ranked import Ranked, ranking
from cc_plugins.coresets._window import Windowed
from ccbench.plugin import Need, Param, ScoreSpec

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ccbench.plugin import CompressedDataset, Task

T, J = 30, 10
TOP = 10  # images of the largest score, whose mean probability is the anchor
CONCENTRATION = 16.0  # a + b of the beta density
_EPOCHS = Param(name="t", default=T, low=2, high=100_000, doc="epochs that count")

SPECS = (
    ranking(
        "dual",
        "cc_plugins.coresets.dual:DUAL",
        version="1",
        summary="draws images that are hard and uncertain early in training, easier ones the less is kept",
        random=True,
        params=(
            Param(
                name="sampling",
                default="beta",
                choices=("beta", "none"),
                doc="draw by the score times a beta density of the mean probability, or keep the largest scores",
            ),
            Param(name="c_d", default=4.0, low=0, high=1000, doc="how late, as the ratio grows, easier images come in"),
        ),
        needs=(
            Need("score", score="dual"),
            Need("score", score="true-probability", when={"sampling": "beta"}),
        ),
    ),
    ScoreSpec(
        name="dual",
        target="cc_plugins.coresets.dual:DUALScore",
        version="1",
        paper="Cho, Shin, Kang and Yun, Lightweight Dataset Pruning without Full Training via Example Difficulty and "
        "Prediction Uncertainty, ICML 2025",
        summary="deviation times the complement of the mean of the true class's probability, over early windows",
        params=(_EPOCHS, Param(name="j", default=J, low=2, high=1000, doc="consecutive epochs in a window")),
    ),
    ScoreSpec(
        name="true-probability",
        target="cc_plugins.coresets.dual:TrueProbability",
        version="1",
        paper="Swayamdipta et al., Dataset Cartography, EMNLP 2020",
        summary="mean over the first epochs of the true class's probability",
        params=(_EPOCHS,),
    ),
)


def log_weights(score: np.ndarray, probability: np.ndarray, ratio: float, c_d: float) -> np.ndarray:
    """The logarithm of each image's weight in the draw, up to a constant; (n,) float64, -inf where the score is 0.

    Args:
        score: (n,) >= 0.
        probability: (n,) in [0, 1], of the true class, mean over the epochs of the score.
        ratio: of images removed, in [0, 1].
        c_d: the larger, the later easier images come in.
    """
    import numpy as np

    top = np.argsort(-score, kind="stable")[:TOP]
    b = (CONCENTRATION - 1) * (1 - probability[top].mean()) * (1 - ratio**c_d)
    p = np.clip(probability, 1e-6, 1 - 1e-6)  # a density may be infinite at the ends
    with np.errstate(divide="ignore"):
        return (CONCENTRATION - b - 1) * np.log(p) + (b - 1) * np.log1p(-p) + np.log(score)


class DUAL(Ranked):
    """Draw without replacement, with a probability in proportion to score times beta density.

    Args:
        balanced: equally many of every class, drawn or ranked within it.
        proxy: architecture that is trained for the scores; None: the protocol's.
        sampling: ``"beta"``, or ``"none"`` to keep the largest scores.
        c_d: exponent of the ratio.
    """

    score = "dual"

    def __init__(self, *, balanced: bool, proxy: str | None, sampling: str, c_d: float) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.sampling, self.c_d = sampling, c_d

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images."""
        from cc_plugins.coresets._rank import read_score

        if self.sampling == "none":
            return self.keep(task, self.score)
        score, easy = (read_score(task, name, self.proxy) for name in ("dual", "true-probability"))
        weights = log_weights(score, easy, 1 - task.images / len(score), self.c_d)
        # the largest of log weight + Gumbel noise are a draw without replacement, one after the other
        lots = weights + task.rng().gumbel(size=len(score))
        return self.kept(task, lots, {self.score: score, "true-probability": easy})


def true_probability(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(b,) float32, of the labelled class."""
    return logits.float().softmax(1).gather(1, labels[:, None])[:, 0]


class DUALScore(Windowed):
    """Mean over windows of the standard deviation of p_y times 1 - mean of p_y, within the first t epochs.

    The deviation divides by j - 1. The released code multiplies it by ten, which no ranking or draw notices.
    """

    def __init__(self, n: int, classes: int, *, t: int, j: int) -> None:
        super().__init__(n, t, j)

    def number(self, ids: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The true class's probability."""
        return true_probability(logits, labels)

    def window(self, values: torch.Tensor) -> torch.Tensor:
        """Deviation times difficulty."""
        mean = values.mean(1, keepdim=True)
        deviation = (values - mean).norm(dim=1) / (values.shape[1] - 1) ** 0.5
        return deviation * (1 - mean[:, 0])

    def joined(self, before: torch.Tensor, now: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The mean of all windows."""
        return (before * count + now) / (count + 1)


class TrueProbability(Mean):
    """Mean probability of the true class over the first t epochs, in [0, 1]."""

    def __init__(self, n: int, classes: int, *, t: int) -> None:
        super().__init__(n, classes)
        self.t = t

    def observed(self, epoch: int, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
        """The probability of each image's class; epochs from t on add nothing."""
        return true_probability(logits, labels) if epoch < self.t else None
