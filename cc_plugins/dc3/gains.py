"""The paper's gain of an image over those chosen before it, by squared distances (section 3.4).

Its memory is linear in a bin's images: a choice changes every gain by one column of distances.
"""

from __future__ import annotations

import numpy as np

from cc_plugins.submodular.distances import SquaredDistances
from cc_plugins.submodular.functions import Running


class PaperGain(Running):
    """Eq. 4: squared distances to the chosen images, less squared distances to the others of the bin.

    S grows with every choice (the k - 1 of Eq. 4), starting empty, and D is the bin: Alg. 1 sees one bin at a time. An
    image that is chosen moves from the second sum to the first, so every gain changes by twice its distance.

    Args:
        features: (n, D) floats.
    """

    def __init__(self, features: np.ndarray) -> None:
        self.distances = SquaredDistances(features)

    def __len__(self) -> int:
        return len(self.distances)

    def first(self) -> np.ndarray:
        """Less the squared distances to all images."""
        rows, squares = self.distances.rows, self.distances.squares
        return -(len(rows) * squares - 2 * rows @ rows.sum(0) + squares.sum())

    def change(self, chosen: int) -> np.ndarray:
        """Twice the squared distance to the chosen image."""
        return 2 * self.distances.to(chosen)
