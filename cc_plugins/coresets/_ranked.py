"""What methods have in common that keep one end of a ranking (DCQ, A.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ccbench.plugin import MethodSpec, Need, Param

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

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


def ranking(
    score: str,
    target: str,
    *,
    version: str,
    summary: str,
    random: bool = False,
    params: tuple[Param, ...] = (),
    needs: tuple[Need, ...] = (),
    cost: str = DYNAMICS,
) -> MethodSpec:
    """The spec of a method that ranks by the score of its name.

    Args:
        score: its name, and that of the score.
        target: a subclass of :class:`Ranked`.
        params: beside ``balanced`` and ``proxy``.
        needs: beside the proxy; none: the score of its name.
    """
    return MethodSpec(
        name=score,
        target=target,
        version=version,
        summary=summary,
        params=(Param(name="balanced", default=False, doc=_PER_CLASS), PROXY, *params),
        random=random,
        needs=("proxy", *(needs or (Need("score", score=score),))),
        stores=RAW,
        cost=cost,
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
    sign: int = 1

    def __init__(self, *, balanced: bool, proxy: str | None) -> None:
        self.balanced = balanced
        self.proxy = proxy

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal scores in order of id."""
        return self.keep(task, self.score)

    def keep(self, task: Task, score: str) -> CompressedDataset:
        """Keep ``task.images`` images by a score, which may have parameters."""
        from cc_plugins.coresets._rank import read_score

        values = read_score(task, score, self.proxy)
        return self.kept(task, self.sign * values, {score: values})

    def kept(self, task: Task, values: np.ndarray, scores: Mapping[str, np.ndarray]) -> CompressedDataset:
        """The ``task.images`` images of the largest values, (n,), over the whole set or within each class.

        Args:
            scores: by name, (n,), what the values were made from, for whoever looks at the file.
        """
        from cc_plugins.coresets._rank import largest, largest_per_class
        from ccbench.plugin import CompressedDataset

        data = task.dataset
        if self.balanced:
            chosen = largest_per_class(values, data.labels, len(data.classes), task.images)
        else:
            chosen = largest(values, task.images)
        return CompressedDataset.subset(data, chosen, scores=scores)
