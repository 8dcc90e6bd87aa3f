"""What methods have in common that choose images by what the trained proxy's last layer makes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cc_plugins.coresets._ranked import PROXY, RAW
from ccbench.plugin import MethodSpec, Need, Param

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from cc_plugins.submodular.gradients import Gradients
    from ccbench.plugin import CompressedDataset, Task

DEEPCORE_BATCH = 256  # images, the default of its --batch
COMPAT = Param(
    name="compat",
    default="none",
    choices=("none", "deepcore"),
    doc="deepcore: as the released code of DeepCore has it, see the card",
)
_BALANCED = "choose within each class, equally many of each as far as it has them; false: from the whole set at once"
_COST = "one proxy training and one pass for its last layer"


def choosing(
    name: str,
    target: str,
    *,
    summary: str,
    cost: str,
    params: tuple[Param, ...] = (),
    balanced: bool = True,
    random: bool = False,
    weighted: bool = False,
    stores: str = "",
    needs: tuple[Need, ...] = (),
    ready: str = "",
) -> MethodSpec:
    """The spec of a method that looks at the last layer.

    Args:
        target: a subclass of :class:`Choosing`.
        cost: beside the proxy's training.
        balanced: the default of that parameter.
        weighted: whether the file holds a weight for each image.
        stores: where the file may hold something else.
        needs: beside the proxy and its last layer.
        ready: see ``MethodSpec``.
    """
    return MethodSpec(
        name=name,
        target=target,
        version="1",
        summary=summary,
        params=(*params, Param(name="balanced", default=balanced, doc=_BALANCED), PROXY),
        random=random,
        needs=("proxy", "last-layer", *needs),
        ready=ready,
        stores=stores or (f"{RAW}; a weight of 4 bytes for each" if weighted else RAW),
        cost=f"{_COST}; {cost}",
    )


@dataclass
class Group:
    """The images among which a method chooses: those of a class, or all.

    Attributes:
        members: (n,) int64, where they stand in the task's dataset, ascending.
        labels: (n,) int64.
        layer: the stage ``last-layer``: ``features`` (N, D) and ``logits`` (N, C).
        rng: of the task.
        images: (N, H, W, 3) uint8 of the task's dataset, all of them.
    """

    members: np.ndarray
    labels: np.ndarray
    layer: Mapping[str, np.ndarray]
    rng: np.random.Generator
    images: np.ndarray | None = None

    @cached_property
    def features(self) -> np.ndarray:
        """(n, D) float64, the last layer's input."""
        from cc_plugins.submodular.gradients import finite_rows

        return finite_rows(self.layer, "features", self.members)

    @cached_property
    def logits(self) -> np.ndarray:
        """(n, C) float64."""
        from cc_plugins.submodular.gradients import finite_rows

        return finite_rows(self.layer, "logits", self.members)

    def gradients(self, *, batch: int = 0) -> Gradients:
        """Of the cross-entropy in the last layer's weights and bias.

        Args:
            batch: where not 0, of the mean loss over batches of so many images, as DeepCore's released code has it:
                every gradient is as much smaller as its batch is large.
        """
        import numpy as np

        from cc_plugins.submodular.gradients import Gradients, cross_entropy_errors

        errors = cross_entropy_errors(self.logits, self.labels)
        if batch:
            starts = np.arange(0, len(errors), batch)
            sizes = np.diff(np.append(starts, len(errors)))
            errors /= np.repeat(sizes, sizes)[:, None]
        return Gradients(errors, self.features)


class Choosing(ABC):
    """Choose images group by group.

    Args:
        balanced: each class is a group, and gives equally many images as far as it has them; otherwise all are one.
        proxy: architecture whose last layer is looked at; None: the protocol's.
    """

    def __init__(self, *, balanced: bool, proxy: str | None) -> None:
        self.balanced = balanced
        self.proxy = proxy

    @abstractmethod
    def choose(self, group: Group, budget: int) -> np.ndarray:
        """(budget,) positions in ``group.members``, each once; 1 <= budget <= n."""

    def weigh(self, group: Group, chosen: np.ndarray) -> np.ndarray | None:
        """(budget,) what each of these positions counts for in the loss, above 0; None: all the same."""
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """Keep exactly ``task.images`` images.

        Raises:
            UserError: the proxy's features or logits are not finite.
        """
        from ccbench.plugin import CompressedDataset

        ids, weights = self.picked(task)
        return CompressedDataset.subset(task.dataset, ids, weights=weights)

    def picked(self, task: Task) -> tuple[np.ndarray, np.ndarray | None]:
        """(n,) int64 positions of ``task.images`` images, group after group, and what each counts for, or None."""
        import numpy as np

        from cc_plugins.submodular.threads import one_thread

        kept, weights = [], []
        for group, budget in self._groups(task):
            with one_thread():
                chosen = self.choose(group, budget)
                weight = self.weigh(group, chosen)
            kept.append(group.members[chosen])
            weights += [] if weight is None else [weight]
            task.progress(sum(map(len, kept)), task.images, "choosing")
        return np.concatenate(kept), np.concatenate(weights) if weights else None

    def _groups(self, task: Task) -> Iterator[tuple[Group, int]]:
        import numpy as np

        from cc_plugins.submodular.shares import allocate

        labels, layer, rng = task.dataset.labels, task.stage("last-layer", proxy=self.proxy), task.rng()
        groups = labels if self.balanced else np.zeros_like(labels)
        for number, budget in enumerate(allocate(np.bincount(groups), task.images)):
            if budget:
                members = np.flatnonzero(groups == number)
                yield Group(members, labels[members], layer, rng, task.dataset.images), int(budget)
