"""Graph cut: images like all others of their class and unlike each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import choosing
from cc_plugins.coresets._submodular import PARAMS, Submodular

if TYPE_CHECKING:
    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.functions import GraphCut as Function

SPEC = choosing(
    "graph-cut",
    "cc_plugins.coresets.graph_cut:GraphCut",
    summary="keeps images with gradients like those of all and unlike each other's",
    params=PARAMS,
    cost="a column of similarities for each kept image: time images x kept, memory linear",
)


class GraphCut(Submodular):
    """Maximise the similarities, (1 + cosine) / 2, of the kept to all images, less those among the kept."""

    def function(self, group: Group) -> Function:
        """Of the group's gradients."""
        from cc_plugins.submodular.functions import GraphCut as Function

        return Function(group.gradients())
