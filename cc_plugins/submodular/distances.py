"""Squared distances between features, a column at a time."""

from __future__ import annotations

import numpy as np


class SquaredDistances:
    """Squared Euclidean distances of n images, of which no matrix is made.

    Args:
        features: (n, D) floats.

    Attributes:
        rows: (n, D) float64, less their mean: distances stay, and lose fewer digits.
        squares: (n,) float64, their squared lengths.
    """

    def __init__(self, features: np.ndarray) -> None:
        rows = np.asarray(features, np.float64)
        self.rows = rows - rows.mean(0)
        self.squares = np.einsum("nd,nd->n", self.rows, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, place: int) -> np.ndarray:
        """(n,) float64, from one image to every image."""
        return self.squares - 2 * self.rows @ self.rows[place] + self.squares[place]
