"""What an image adds to the images chosen before it: one class for each set function.

A set function gives the gains of the images that are asked for, and is told which one is chosen. Columns of
similarities are made when they are looked at, a tile at a time; all pairs are held of small sets only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np

from cc_plugins.submodular.cholesky import Cholesky
from cc_plugins.submodular.distances import SquaredDistances
from cc_plugins.submodular.gradients import ALL, Gradients, Rows

HELD = 256 << 20  # bytes: all pairs of 5,792 images, more than a class of CIFAR-10 has
TILE = 1 << 21  # float64 numbers of similarities that are held at once, 16 MiB


class Similarity(Protocol):
    """How alike the n images of a set are, as set functions ask for it."""

    def __len__(self) -> int: ...
    def between(self, rows: Rows, columns: Rows) -> np.ndarray:
        """(r, c) float64, symmetric and not below 0."""
        ...


class Cosine:
    """(1 + cosine) / 2 of gradients, in [0, 1]; one of length 0 is similar to nothing: its cosine counts as 0.

    Args:
        gradients: of n images, of any length.
    """

    def __init__(self, gradients: Gradients) -> None:
        self.unit = gradients.unit()

    def __len__(self) -> int:
        return len(self.unit)

    def own(self) -> np.ndarray:
        """(n,) float64: the similarity of each image to itself, 1 but for a gradient of length 0."""
        return 0.5 + 0.5 * self.unit.squares()

    def between(self, rows: Rows, columns: Rows) -> np.ndarray:
        """(r, c) float64."""
        found = self.unit.inner(rows, columns)
        found += 1
        found *= 0.5
        return found


class Held:
    """The columns of a similarity, each made once: facility location looks at the same ones many times."""

    def __init__(self, similarity: Similarity) -> None:
        self.similarity = similarity
        self.columns = np.empty((len(similarity), len(similarity)))
        self.made = np.zeros(len(similarity), bool)

    def __len__(self) -> int:
        return len(self.similarity)

    def between(self, rows: Rows, columns: Rows) -> np.ndarray:
        """(r, c) float64, a copy."""
        positions = np.arange(len(self))[columns]
        missing = positions[~self.made[positions]]
        if len(missing):
            self.columns[missing] = self.similarity.between(missing, ALL)  # symmetric, and written as it is made
        self.made[missing] = True
        return self.columns[positions][:, rows].T


class Running(ABC):
    """A set function of which a choice changes every gain by a sum: one running vector, O(n) memory."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def first(self) -> np.ndarray:
        """(n,) float64: the gain of each image while nothing is chosen."""

    @abstractmethod
    def change(self, chosen: int) -> np.ndarray:
        """(n,) float64: what is added to every gain once this image is chosen."""

    @cached_property
    def _values(self) -> np.ndarray:
        return self.first()

    def gains(self, rows: Rows) -> np.ndarray:
        """(r,) float64: what each of these images would add now."""
        return self._values[rows]

    def take(self, chosen: int) -> None:
        """An image is chosen."""
        self._values += self.change(chosen)


class GraphCut(Running):
    """Graph cut with lambda = 1 over :class:`Cosine` of last-layer gradients, as DeepCore and DQ have it.

    The gain of x is the sum over the whole set of its similarity to x, less twice the sum over the chosen ones. Neither
    needs all pairs: the first goes through one C x (D + 1) matrix, a choice costs a column, O(n (C + D)).
    """

    def __init__(self, gradients: Gradients) -> None:
        self.similarity = Cosine(gradients)

    def __len__(self) -> int:
        return len(self.similarity)

    def first(self) -> np.ndarray:
        """Column sums of the similarity matrix."""
        unit = self.similarity.unit
        return 0.5 * len(unit) + 0.5 * unit.along(unit.combined(ALL, np.ones(len(unit))))

    def change(self, chosen: int) -> np.ndarray:
        """Less twice the similarity to the chosen image."""
        return -2 * self.similarity.between(ALL, np.array([chosen]))[:, 0]


class Herd(Running):
    """How near an image brings the sum of the chosen features to as many times the mean, squared and negative.

    With features less their mean, x after the chosen S is |sum of S + x|^2 away; |sum of S|^2, the same for all, is
    left out. A choice costs one product with all features.

    Args:
        features: (n, D) floats.
        farthest: the sign turned around (DeepCore's released code).
    """

    def __init__(self, features: np.ndarray, *, farthest: bool = False) -> None:
        self.distances = SquaredDistances(features)
        self.sign = 1 if farthest else -1

    def __len__(self) -> int:
        return len(self.distances)

    def first(self) -> np.ndarray:
        """Squared distances from the mean."""
        return self.sign * self.distances.squares

    def change(self, chosen: int) -> np.ndarray:
        """Twice the inner product with the chosen image."""
        return self.sign * 2 * self.distances.rows @ self.distances.rows[chosen]


class FacilityLocation:
    """The sum over all images of the largest similarity to a chosen one; 0 while nothing is chosen."""

    def __init__(self, similarity: Similarity) -> None:
        self.similarity = Held(similarity) if 8 * len(similarity) ** 2 <= HELD else similarity
        self.largest = np.zeros(len(similarity))

    def __len__(self) -> int:
        return len(self.largest)

    def gains(self, rows: Rows) -> np.ndarray:
        """(r,) float64: by how much each of these images would raise the sum."""
        parts = [np.empty(0)]
        for part in _tiles(np.arange(len(self))[rows], len(self)):
            columns = self.similarity.between(ALL, part)
            columns -= self.largest[:, None]
            parts.append(np.maximum(columns, 0, out=columns).sum(0))
        return np.concatenate(parts)

    def take(self, chosen: int) -> None:
        """An image is chosen."""
        self.largest = np.maximum(self.largest, self.similarity.between(ALL, np.array([chosen]))[:, 0])


class LogDeterminant:
    """log det of the similarities among the chosen images, which grows by the logarithm of what they leave unexplained.

    The gain that is given is that variance s_xx - s_xA S_A^-1 s_Ax itself, in [0, 1]: it orders images alike, and
    where S_A becomes singular it is 0 instead of minus infinity.

    Args:
        similarity: positive semi-definite, as products are and distances need not be.
        explained: give s_xA S_A^-1 s_Ax instead, which is largest for repetitions (DeepCore's released code).
    """

    def __init__(self, similarity: Cosine, *, explained: bool = False) -> None:
        self.similarity = similarity
        self.explained = explained
        self.chosen = np.empty(0, np.int64)  # but those that the ones before explain
        self.factor = Cholesky()
        self.own = similarity.own()

    def __len__(self) -> int:
        return len(self.own)

    def gains(self, rows: Rows) -> np.ndarray:
        """(r,) float64: the variance of each of these images, given the chosen ones."""
        parts = [np.empty(0)]
        for part in _tiles(np.arange(len(self))[rows], len(self.chosen)):
            known = np.square(self.factor.half(self.similarity.between(self.chosen, part))).sum(0)
            parts.append(known if self.explained else np.maximum(self.own[part] - known, 0))
        return np.concatenate(parts)

    def take(self, chosen: int) -> None:
        """An image is chosen."""
        column = self.similarity.between(self.chosen, np.array([chosen]))[:, 0]
        if self.factor.append(column, float(self.own[chosen])):
            self.chosen = np.append(self.chosen, chosen)


def _tiles(positions: np.ndarray, height: int) -> Iterator[np.ndarray]:
    """So many positions at a time that height x them is no more than a tile."""
    width = max(1, TILE // max(1, height))
    for start in range(0, len(positions), width):
        yield positions[start : start + width]
