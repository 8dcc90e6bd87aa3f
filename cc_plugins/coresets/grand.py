"""GraNd: the length of an image's loss gradient in the last layer; the images where it is largest are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import Ranked, ranking
from ccbench.plugin import Need, Param

if TYPE_CHECKING:
    import numpy as np

    from ccbench.plugin import CompressedDataset, Task

SPEC = ranking(
    "grand",
    "cc_plugins.coresets.grand:GraNd",
    version="1",
    summary="keeps the images with the longest loss gradient in the last layer",
    params=(
        Param(
            name="repeats", default=1, low=1, high=100, doc="independent proxy trainings whose gradients are averaged"
        ),
    ),
    needs=(Need("last-layer"),),
    cost="one proxy training for each of repeats; the first is shared by every score",
)


def lengths(features: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The length of each gradient of the cross entropy in the last layer's weights and bias, (n,) float64.

    The gradient is the outer product of softmax(z) - onehot(y) and [h, 1], so its length is the product of theirs.

    Args:
        features: (n, D), h.
        logits: (n, C), z.
        labels: (n,) int64, y.
    """
    import numpy as np

    from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors

    return np.sqrt(Gradients(cross_entropy_errors(logits, labels), np.asarray(features, np.float64)).squares())


class GraNd(Ranked):
    """Keep the largest mean gradient length.

    Args:
        balanced: rank within each class.
        proxy: architecture that is trained; None: the protocol's.
        repeats: independent trainings.
    """

    score = "grand"

    def __init__(self, *, balanced: bool, proxy: str | None, repeats: int) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.repeats = repeats

    def compress(self, task: Task) -> CompressedDataset:
        """Keep ``task.images`` images; equal lengths in order of id."""
        import numpy as np

        from cc_plugins.coresets._last_layer import last_layer

        total = np.zeros(len(task.dataset.labels))
        for repeat in range(self.repeats):
            total += lengths(*last_layer(task.repeated(repeat), self.proxy), task.dataset.labels)
            task.progress(repeat + 1, self.repeats, "gradients")
        return self.kept(task, total, {self.score: total / self.repeats})
