"""Dataset quantization by adaptive sampling: more images of the classes that the chosen ones do not teach yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cc_plugins.coresets._quantized import Quantized, quantizing
from ccbench.plugin import Param

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from ccbench.plugin import Task

SPEC = quantizing(
    "dqas",
    "cc_plugins.coresets.dqas:DQAS",
    summary="Dataset quantization by active learning: more of the classes in which errors are left, from DQ's bins",
    params=(
        Param(name="start", default=0.5, low=0, high=1, doc="share of the budget that classes give equally at first"),
        Param(name="rounds", default=5, low=1, high=1000, doc="in which the rest goes to classes by their errors"),
    ),
    balanced=False,
    cost="; for each round a softmax regression on the features of the chosen images; with drop the restored training "
    "set in memory and a pass for its last layer",
)


def errors(features: np.ndarray, labels: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) float64: the mean chance, by a softmax regression on chosen images, that another is misclassified.

    Args:
        features: (n, D) floats.
        labels: (n,) int64 in 0 .. classes-1.
        chosen: (k,) positions, some of every class that has images.
        classes: how many; one of which no image is left has 0.
    """
    import warnings

    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    left = np.setdiff1d(np.arange(len(labels)), chosen)
    known = np.unique(labels[chosen])
    if len(known) < 2 or not len(left):
        return np.zeros(classes)
    centre, spread = features[chosen].mean(0), features[chosen].std(0)
    rows = (features - centre) / np.where(spread > 0, spread, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred steps are enough to compare classes
        fitted = LogisticRegression().fit(rows[chosen], labels[chosen])
    right = fitted.predict_proba(rows[left])[np.arange(len(left)), np.searchsorted(known, labels[left])]
    counts = np.bincount(labels[left], minlength=classes)
    return np.bincount(labels[left], 1 - right, minlength=classes) / np.maximum(counts, 1)


class DQAS(Quantized):
    """Start with equally many images of every class, then give the rest, round by round, to classes by their errors.

    Every class has bins of its own, and every draw takes equally many of each as far as it has them.

    Args:
        start: share of the budget that is drawn before the first round; at least one image of each class.
        rounds: of equal size as far as that goes.
        more: of :class:`Quantized`; ``balanced`` gives every class equally many to the end, as DQ does.
    """

    def __init__(self, *, start: float, rounds: int, **more: Any) -> None:
        super().__init__(**more)
        self.start, self.rounds = start, rounds

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Draw after draw."""
        import numpy as np

        from cc_plugins.coresets._choosing import Group
        from cc_plugins.submodular.shares import allocate, proportional

        classes = np.unique(group.labels)
        label = np.searchsorted(classes, group.labels)
        bins = []
        for number in range(len(classes)):
            own = np.flatnonzero(label == number)
            part = Group(group.members[own], group.labels[own], group.layer, group.rng)
            bins.append([own[positions] for positions in self.divide(part)])
        first = min(budget, max(len(classes), round(self.start * budget)))
        chosen = self._drawn(bins, np.empty(0, np.int64), allocate(np.bincount(label), first), group.rng)
        for number in range(self.rounds):
            more = (budget - len(chosen)) // (self.rounds - number)
            if more:
                sizes = np.bincount(np.delete(label, chosen), minlength=len(classes))
                missed = errors(group.features, label, chosen, len(classes))
                chosen = self._drawn(bins, chosen, proportional(missed, sizes, more), group.rng)
        return chosen

    def _drawn(
        self, bins: Sequence[Sequence[np.ndarray]], chosen: np.ndarray, shares: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The chosen positions and, behind them, so many new ones of each class."""
        import numpy as np

        from cc_plugins.submodular.quantization import drawn

        found = [chosen]
        for own, share in zip(bins, shares, strict=True):
            if share:
                left = [part[~np.isin(part, chosen)] for part in own]
                found.append(drawn(left, int(share), rng))
        return np.concatenate(found)

    def picked(self, task: Task) -> tuple[np.ndarray, np.ndarray | None]:
        """By the features of images as they will be restored, where patches are dropped."""
        from dataclasses import replace

        from ccbench.plugin import ImageDataset

        data = task.dataset
        if self.drop:
            restored = self.restored(task)
            data = ImageDataset.from_arrays(restored, data.labels, data.classes, name=data.name)
        return super().picked(replace(task, dataset=data))
