"""CRAIG: images whose weighted gradients stand for the gradients of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import choosing
from cc_plugins.coresets._submodular import PARAMS, Submodular

if TYPE_CHECKING:
    import numpy as np

    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.functions import FacilityLocation
    from cc_plugins.submodular.gradients import Gradients, Rows
    from ccbench.plugin import Task

SPEC = choosing(
    "craig",
    "cc_plugins.coresets.craig:Craig",
    summary="keeps images near to which all gradients lie, each weighted by how many it stands for",
    params=PARAMS,
    weighted=True,
    cost="distances of all pairs, held for a class of up to 5,792 images (256 MiB), made as they are looked at for "
    "a larger one: time quadratic in its images, memory linear",
)
SAME = 1e-12  # of two squared lengths: what rounding leaves of the squared distance between equal gradients


class Nearness:
    """How near gradients lie: a bound of their distances less the distance, so never below 0.

    The bound, twice the longest gradient, changes every gain alike until something is chosen, and none after that.
    """

    def __init__(self, gradients: Gradients) -> None:
        import numpy as np

        self.gradients = gradients
        self.squares = gradients.squares()
        self.bound = 2 * float(np.sqrt(self.squares.max()))

    def __len__(self) -> int:
        return len(self.gradients)

    def between(self, rows: Rows, columns: Rows) -> np.ndarray:
        """(r, c) float64."""
        import numpy as np

        sums = self.squares[rows][:, None] + self.squares[columns]
        squares = sums - 2 * self.gradients.inner(rows, columns)
        squares[squares < SAME * sums] = 0
        return self.bound - np.sqrt(squares)


class Craig(Submodular):
    """Minimise the sum over all images of the distance from their gradient to the nearest kept one.

    A kept image weighs as much as it stands for: the number of images to which it is the nearest.
    """

    def skip(self, task: Task) -> str | None:
        """What the released code does in another way still, or None."""
        if self.compat == "deepcore" and not self.balanced:
            return "compat=deepcore is for balanced=true: over the whole set the released code cuts classes apart"
        return None

    def function(self, group: Group) -> FacilityLocation:
        """Of the group's gradients."""
        from cc_plugins.submodular.functions import FacilityLocation

        return FacilityLocation(Nearness(group.gradients()))

    def weigh(self, group: Group, chosen: np.ndarray) -> np.ndarray:
        """The sizes of the clusters; every chosen image is in its own, other ties go to the first chosen."""
        import numpy as np

        from cc_plugins.submodular.greedy import TIE

        near = Nearness(group.gradients())
        nearest, largest = np.zeros(len(near), np.int64), np.full(len(near), -np.inf)
        for k, place in enumerate(chosen):
            column = near.between(slice(None), np.array([place]))[:, 0]
            column[place] = np.inf
            nearer = column > largest + TIE * near.bound
            nearest[nearer], largest[nearer] = k, column[nearer]
        return np.bincount(nearest, minlength=len(chosen)) + float(self.compat == "deepcore")
