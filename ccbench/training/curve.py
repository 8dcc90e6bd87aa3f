"""The course of a training: loss and learning rate, and what the test set said where the recipe looks at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from msgspec import Meta

from ccbench.schema import Number, Ordinal, Positive, Share

LOOK = 50  # iterations between reads of the loss, each of which waits for the device
POINTS = 50  # of a curve, however long the training
_BOUNDED = Meta(max_length=POINTS + 2)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What a training was on its way.

    Attributes:
        iterations: (p,) updates done at each point, rising; the last point is the end.
        loss: (p,) mean training loss of the updates since the point before.
        lr: (p,) learning rate of the last of those updates.
        looked: (q,) updates done at each look at the test set, rising, the last of them the test itself; empty where
            the recipe does not look during training.
        accuracy: (q,) share of the test images classified rightly there, in [0, 1].
    """

    iterations: Annotated[tuple[Ordinal, ...], Meta(min_length=1), _BOUNDED]
    loss: Annotated[tuple[Number, ...], _BOUNDED]
    lr: Annotated[tuple[Positive, ...], _BOUNDED]
    looked: Annotated[tuple[Ordinal, ...], _BOUNDED] = ()
    accuracy: Annotated[tuple[Share, ...], _BOUNDED] = ()

    def __post_init__(self) -> None:
        if not len(self.iterations) == len(self.loss) == len(self.lr) or len(self.looked) != len(self.accuracy):
            raise ValueError("a curve whose lists have other lengths")
        for places in (self.iterations, self.looked):
            if any(one >= other for one, other in pairwise(places)):
                raise ValueError("a curve whose points do not rise")

    @property
    def last_loss(self) -> float:
        """Mean loss of the last at most :data:`LOOK` updates, as a training reports it."""
        since = window(self.iterations[-1])
        starts = (0, *self.iterations)
        told = [(end - start, loss) for start, end, loss in zip(starts, self.iterations, self.loss, strict=False)
                if start >= since]  # fmt: skip
        return math.fsum(n * loss for n, loss in told) / max(sum(n for n, _ in told), 1)


def window(iterations: int) -> int:
    """Updates before those whose mean loss is the last one that is read."""
    return (iterations - 1) // LOOK * LOOK


def ends(iterations: int) -> list[int]:
    """After how many updates the points of a curve are taken: evenly spread, and where the last loss begins.

    Examples:
        >>> ends(3), len(ends(40_000)), ends(40_000)[:2], ends(40_000)[-3:]
        ([1, 2, 3], 51, [800, 1600], [39200, 39950, 40000])
    """
    even = {-(-point * iterations // POINTS) for point in range(1, POINTS + 1)}
    return sorted({*even, window(iterations)} - {0})


def thinned(looks: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most :data:`POINTS` of (iterations, accuracy), evenly spread, and the best of all.

    Examples:
        >>> looks = [(i, 1.0 if i == 7 else 0.5) for i in range(1, 1001)]
        >>> len(thinned(looks)), thinned(looks)[1], thinned(looks)[-1]
        (51, (7, 1.0), (1000, 0.5))
    """
    if len(looks) <= POINTS:
        return [*looks]
    kept = {round(point * (len(looks) - 1) / (POINTS - 1)) for point in range(POINTS)}
    return [looks[place] for place in sorted({*kept, max(range(len(looks)), key=lambda place: looks[place][1])})]
