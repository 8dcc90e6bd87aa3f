"""What methods have in common that keep one end of a ranking (DCQ, A.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ccbench.plugin import MethodSpec, Need, Param

if TYPE_CHECKING:
    from ccbench.plugin import CompressedDataset, Task

RAW = "the kept images, 24 bits per pixel, and their labels"
DYNAMICS = "one proxy training, shared by every score"
PROXY = Param(
    name="proxy",
    default=None,
    type=str,
    choices="architecture",
    doc="architecture whose training gives the score; auto: the protocol's proxy",
)
_PER_CLASS = "keep equally many images of every class, as far as it has them, instead of ranking over the whole set"


def ranking(score: str, target: str, *, version: str, summary: str) -> MethodSpec:
    """The spec of a method that ranks by the score of its name.

    Args:
        score: its name, and that of the score.
        target: a subclass of :class:`Ranked`.
    """
    return MethodSpec(
        name=score,
        target=target,
        version=version,
        summary=summary,
        params=(Param(name="balanced", default=False, doc=_PER_CLASS), PROXY),
        random=False,
        needs=("proxy", Need("score", score=score)),
        stores=RAW,
        cost=DYNAMICS,
    )


class Ranked:
    """Keep the images at one end of a score.

    Args:
        balanced: rank within each class and keep equally many of every class, as far as it has them.
        proxy: architecture that is trained for the score; None: the protocol's.

    Attributes:
        score: what is ranked by.
        sign: 1 keeps the largest, -1 the smallest.
    """

    score: ClassVar[str]
    sign: ClassVar[int] = 1

    def __init__(self, *, balanced: bool, proxy: str | None) -> None:
        self.balanced = balanced
        self.proxy = proxy

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal scores in order of id."""
        from cc_plugins.coresets._rank import largest, largest_per_class, read_score
        from ccbench.plugin import CompressedDataset

        values = self.sign * read_score(task, self.score, self.proxy)
        data = task.dataset
        if self.balanced:
            kept = largest_per_class(values, data.labels, len(data.classes), task.images)
        else:
            kept = largest(values, task.images)
        return CompressedDataset.subset(data, kept)
