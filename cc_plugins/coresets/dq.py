"""Dataset quantization's selection: bins by graph cut, one after the other from what is left, and a draw from each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import Choosing, choosing
from ccbench.plugin import Param

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = choosing(
    "dq",
    "cc_plugins.coresets.dq:DQ",
    summary="Dataset quantization's images: drawn evenly from bins that graph cut makes one after the other",
    params=(
        Param(name="bins", default=10, low=1, high=1000, doc="into which each group is divided (N)"),
        Param(
            name="gradient",
            default="cross-entropy",
            choices=("cross-entropy", "released"),
            doc="released: of softmax(logits) as if that were logits, as in the released code",
        ),
    ),
    cost="a column of similarities for every image: time quadratic in the images of a class, memory linear",
    random=True,
)


class DQ(Choosing):
    """Divide a group into bins of equal size and draw from each without replacement.

    The first bin is the graph-cut choice from all images, the second from what is left, and so on; the last is the
    rest. Where the budget is no multiple of the bins, later and larger ones give one image more.

    Args:
        bins: how many; at most one for each image.
        gradient: ``"cross-entropy"`` or ``"released"``.
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(self, *, bins: int, gradient: str, balanced: bool, proxy: str | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.bins, self.gradient = bins, gradient

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Evenly from the bins."""
        from cc_plugins.submodular.quantization import drawn

        return drawn(self.divide(group), budget, group.rng)

    def divide(self, group: Group) -> list[np.ndarray]:
        """The bins, in the order in which they are made: positions in ``group.members``, each in one of them."""
        from cc_plugins.submodular.gradients import ERRORS, Gradients
        from cc_plugins.submodular.quantization import cut

        return cut(Gradients(ERRORS[self.gradient](group.logits, group.labels), group.features), self.bins)
