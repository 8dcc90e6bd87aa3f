"""Selection that looks at no score: a random subset, and the whole set for reference."""

from __future__ import annotations

import numpy as np

from cc_plugins.coresets.rank import largest, largest_per_class
from ccbench.plugin import CompressedDataset, Task


class Random:
    """Draw ``task.images`` images without replacement.

    Args:
        balanced: draw equally many images of every class, as far as it has them; otherwise from the whole set.
    """

    def __init__(self, *, balanced: bool) -> None:
        self.balanced = balanced

    def compress(self, task: Task) -> CompressedDataset:
        """Every subset of the asked shape is equally likely."""
        data = task.dataset
        lots = task.rng().permutation(len(data.labels))
        if self.balanced:
            kept = largest_per_class(lots, data.labels, len(data.classes), task.images)
        else:
            kept = largest(lots, task.images)
        return CompressedDataset.subset(data, kept)


class Full:
    """Keep everything: the row that the others are compared with."""

    def compress(self, task: Task) -> CompressedDataset:
        """Every image, whatever the budget."""
        return CompressedDataset.subset(task.dataset, np.arange(len(task.dataset.labels)))
