"""A random subset: what every other selection has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import RAW
from ccbench.plugin import Alias, MethodSpec, Param

if TYPE_CHECKING:
    from ccbench.plugin import CompressedDataset, Task

SPEC = MethodSpec(
    name="random",
    target="cc_plugins.coresets.random:Random",
    version="2",
    stores=RAW,
    params=(
        Param(
            name="balanced",
            default=True,
            doc="draw equally many images of every class, as far as it has them; false: from the whole set",
        ),
    ),
    summary="images drawn at random without replacement",
    aliases=(Alias("uniform", balanced=True),),  # as DeepCore calls it
)


class Random:
    """Draw ``task.images`` images without replacement.

    Args:
        balanced: draw equally many images of every class, as far as it has them; otherwise from the whole set.
    """

    def __init__(self, *, balanced: bool) -> None:
        self.balanced = balanced

    def compress(self, task: Task) -> CompressedDataset:
        """Every subset of the asked shape is equally likely."""
        from cc_plugins.coresets._rank import largest, largest_per_class
        from ccbench.plugin import CompressedDataset

        data = task.dataset
        lots = task.rng().permutation(len(data.labels))
        if self.balanced:
            kept = largest_per_class(lots, data.labels, len(data.classes), task.images)
        else:
            kept = largest(lots, task.images)
        return CompressedDataset.subset(data, kept)
