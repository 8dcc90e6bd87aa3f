"""GLISTER: images a step along whose gradients lowers the loss of others most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import COMPAT, Choosing, choosing
from ccbench.plugin import Param

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.gradients import Gradients, Rows

SPEC = choosing(
    "glister",
    "cc_plugins.coresets.glister:Glister",
    summary="keeps images a step along whose gradients lowers the loss of all most",
    params=(
        Param(name="eta", default=0.1, low=0, high=1e6, doc="length of the step along the kept images' mean gradient"),
        COMPAT,
    ),
    cost="two products of all features with a matrix of the last layer's size for each kept image; memory linear",
)


class Gain:
    """How much a small step along an image's gradient lowers the loss, after a step along those of the chosen ones.

    The gain is the inner product of the image's gradient with the mean gradient of all images, taken anew after each
    choice where a step of length eta along the mean of the chosen gradients has brought the last layer.

    Args:
        gradients: of n images.
        logits: (n, C) before any step.
        labels: (n,) int64.
        eta: length of the step.
    """

    def __init__(self, gradients: Gradients, logits: np.ndarray, labels: np.ndarray, eta: float) -> None:
        import numpy as np

        self.gradients, self.logits, self.labels, self.eta = gradients, logits, labels, eta
        self.sum = np.zeros_like(logits)  # of what the chosen gradients do to every image's logits
        self.chosen = 0
        self.values = self._values(gradients)

    def __len__(self) -> int:
        return len(self.labels)

    def gains(self, rows: Rows) -> np.ndarray:
        """(r,) float64."""
        return self.values[rows]

    def take(self, chosen: int) -> None:
        """An image is chosen: the last layer goes a step along the mean gradient of all chosen ones."""
        import numpy as np

        from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors

        features, errors = self.gradients.features, self.gradients.errors
        self.sum += np.outer(1 + features @ features[chosen], errors[chosen])
        self.chosen += 1
        moved = self.logits - self.eta / self.chosen * self.sum
        self.values = self._values(Gradients(cross_entropy_errors(moved, self.labels), features))

    def _values(self, now: Gradients) -> np.ndarray:
        import numpy as np

        return self.gradients.along(now.combined(slice(None), np.full(len(now), 1 / len(now))))


class Glister(Choosing):
    """Choose greedily by the loss of the group's own images.

    Args:
        eta: length of the step after which the loss is looked at.
        compat: ``"deepcore"`` never takes that step.
        balanced, proxy: see :class:`Choosing`.
    """

    def __init__(self, *, eta: float, compat: str, balanced: bool, proxy: str | None) -> None:
        super().__init__(balanced=balanced, proxy=proxy)
        self.eta = eta
        self.compat = compat

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Greedily; equal gains in order of id."""
        import numpy as np

        from cc_plugins.submodular.greedy import greedy

        gain = Gain(group.gradients(), group.logits, group.labels, self.eta)
        if self.compat == "deepcore":
            return np.argsort(-gain.values, kind="stable")[:budget]
        return greedy(gain, budget)
