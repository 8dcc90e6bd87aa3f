"""A Cholesky factor that grows by a row: k rows take k^2 numbers, and one more takes k^2 steps."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

DEPENDENT = 1e-10  # of its own square: what is left of a row that the others explain, up to rounding


class Cholesky:
    """The lower triangle L with L L^T = A, for a positive definite A that is told row by row."""

    def __init__(self) -> None:
        self.rows = 0
        self._room = np.zeros((16, 16))

    @property
    def lower(self) -> np.ndarray:
        """(k, k) float64."""
        return self._room[: self.rows, : self.rows]

    def append(self, column: np.ndarray, square: float) -> bool:
        """Add a row; False where the rows before explain it, which leaves the factor as it is.

        Args:
            column: (k,), A between the new row and those before.
            square: A at the new row itself.
        """
        half = self.half(column[:, None])[:, 0]
        left = square - half @ half
        if left <= DEPENDENT * square:
            return False
        k = self.rows
        if k == len(self._room):
            self._room = np.pad(self._room, (0, k))
        self._room[k, :k], self._room[k, k] = half, np.sqrt(left)
        self.rows = k + 1
        return True

    def half(self, columns: np.ndarray) -> np.ndarray:
        """L^-1 times (k, b) columns."""
        if not self.rows:
            return np.zeros(columns.shape)
        return solve_triangular(self.lower, columns, lower=True, check_finite=False)

    def solve(self, right: np.ndarray) -> np.ndarray:
        """A^-1 times (k,)."""
        return solve_triangular(self.lower, self.half(right[:, None])[:, 0], trans="T", lower=True, check_finite=False)
