"""Methods that keep one end of a ranking: entropy, forgetting, EL2N, AUM (DCQ, A.2.1)."""

from __future__ import annotations

from typing import ClassVar

from cc_plugins.coresets.rank import largest, largest_per_class, read_score
from ccbench.plugin import CompressedDataset, Task


class _Ranked:
    """Keep the images at one end of a score.

    Args:
        balanced: rank within each class and keep equally many of every class, as far as it has them.
        proxy: architecture that is trained for the score; None: the protocol's.
    """

    score: ClassVar[str]
    sign: ClassVar[int] = 1  # 1 keeps the largest, -1 the smallest

    def __init__(self, *, balanced: bool, proxy: str | None) -> None:
        self.balanced = balanced
        self.proxy = proxy

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal scores in order of id."""
        values = self.sign * read_score(task, self.score, self.proxy)
        data = task.dataset
        if self.balanced:
            kept = largest_per_class(values, data.labels, len(data.classes), task.images)
        else:
            kept = largest(values, task.images)
        return CompressedDataset.subset(data, kept)


class Entropy(_Ranked):
    """Keep the highest entropy of the finished proxy."""

    score = "entropy"


class Forgetting(_Ranked):
    """Keep the most forgetting events; the many ties of small counts go to the lower id."""

    score = "forgetting"


class EL2N(_Ranked):
    """Keep the largest early error."""

    score = "el2n"


class AUM(_Ranked):
    """Keep the smallest AUM, the hardest images, as the baseline in the released CCS code does.

    DCQ's appendix says that a larger AUM is more important, but its published accuracies (21.35 % on CIFAR-10 at
    96 %) can only come from keeping the hardest.
    """

    score = "aum"
    sign = -1
