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
    cost="distances to each kept image; memory linear, features of the whole set stay on the disk",
)


class KCenter(Choosing):
    """Take a random image, then the one farthest from all that are taken, by the last layer's input."""

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """The greedy centres; of equally far ones the lower id."""
        from cc_plugins.submodular.farthest_rows import farthest_rows
        from cc_plugins.submodular.gradients import finite_in_place

        rows = finite_in_place(group.layer, "features", group.members)
        return farthest_rows(rows, int(group.rng.integers(len(rows))), budget)
