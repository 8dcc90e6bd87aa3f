"""K-center: images such that none is far from all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import Choosing, choosing

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = choosing(
    "k-center",
    "cc_plugins.coresets.k_center:KCenter",
    summary="keeps images to one of which every image's features are near, from a random first one on",
    balanced=False,
    random=True,
    cost="distances to each kept image; memory linear",
)


class KCenter(Choosing):
    """Take a random image, then the one farthest from all that are taken, by the last layer's input."""

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """The greedy centres; of equally far ones the lower id."""
        from cc_plugins.submodular.distances import SquaredDistances
        from cc_plugins.submodular.farthest import farthest_first

        distances = SquaredDistances(group.features)
        return farthest_first(distances.to, int(group.rng.integers(len(distances))), budget)
