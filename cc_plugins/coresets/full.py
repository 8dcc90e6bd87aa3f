"""The whole training set, for reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccbench.plugin import MethodSpec

if TYPE_CHECKING:
    from ccbench.plugin import CompressedDataset, Task

SPEC = MethodSpec(
    name="full",
    target="cc_plugins.coresets.full:Full",
    version="1",
    budgets="none",
    random=False,
    summary="the whole training set, for reference",
    stores="every image, 24 bits per pixel, and the labels",
)


class Full:
    """Keep everything: the row that the others are compared with."""

    def compress(self, task: Task) -> CompressedDataset:
        """Every image, whatever the budget."""
        from ccbench.plugin import CompressedDataset

        return CompressedDataset.subset(task.dataset, range(len(task.dataset.labels)))
