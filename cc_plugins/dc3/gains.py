"""What an image adds to the images chosen before it: graph cut of gradients, or the paper's distances (section 3.4).

Both are set functions of which a greedy choice needs two things: every image's gain while nothing is chosen, and by how
much each gain changes when one image is. Neither needs all pairs, so memory is linear in a bin's images.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

TIE = 1e-10  # of the largest gain; rounding differs between machines, the lower position must win on all of them


class Gain(Protocol):
    """A set function as :func:`greedy` sees it."""

    def first(self) -> np.ndarray:
        """(n,) float64: the gain of each image while nothing is chosen."""
        ...

    def change(self, chosen: int) -> np.ndarray:
        """(n,) float64: what is added to every gain once this image is chosen."""
        ...


def greedy(gain: Gain, budget: int) -> np.ndarray:
    """Take the image of largest gain, ``budget`` times; among equal ones the lower position.

    Args:
        gain: of n images.
        budget: 0 <= budget <= n.

    Returns:
        (budget,) int64 positions in the order of choice.
    """
    gains = gain.first()
    size = np.abs(gains).max(initial=0)
    chosen = np.empty(budget, np.int64)
    for k in range(budget):
        chosen[k] = np.flatnonzero(gains >= gains.max() - TIE * size)[0]
        if k + 1 < budget:
            gains += gain.change(chosen[k])
            gains[chosen[k]] = -np.inf
    return chosen


class GraphCut:
    """Graph cut with lambda = 1 over (1 + cosine) / 2 of last-layer gradients, as in the released code.

    The gain of x is the sum over the whole bin of its similarity to x, less twice the sum over the chosen ones.

    An image's gradient by the last layer's weights and bias is the outer product of two short vectors, its error
    e (C,) and [h, 1] with the layer's input h (D,), so <g, g'> = <e, e'> (1 + <h, h'>): no gradient (C x (D + 1)) is
    ever made, the sums go through one C x (D + 1) matrix, and a column of similarities costs O(n (C + D)).

    Args:
        errors: (n, C), derivatives of each image's loss by its logits, up to a positive factor for each image.
        features: (n, D), the last layer's input.

    An error of length 0 is similar to nothing: its cosine with every image, itself included, counts as 0.
    """

    def __init__(self, errors: np.ndarray, features: np.ndarray) -> None:
        self.features = np.asarray(features, np.float64)
        lengths = np.sqrt(1 + np.einsum("nd,nd->n", self.features, self.features))
        self.errors = _unit(np.asarray(errors, np.float64)) / lengths[:, None]  # the gradient's length is 1

    def first(self) -> np.ndarray:
        """Column sums of the similarity matrix."""
        together = self.errors.T @ self.features  # (C, D), and for the bias (C,)
        inner = self.features @ together.T + self.errors.sum(0)
        return 0.5 * len(self.errors) + 0.5 * np.einsum("nc,nc->n", inner, self.errors)

    def change(self, chosen: int) -> np.ndarray:
        """Less twice the similarity to the chosen image."""
        cosines = (self.errors @ self.errors[chosen]) * (1 + self.features @ self.features[chosen])
        return -1 - cosines


class PaperGain:
    """Eq. 4: squared distances to the chosen images, less squared distances to the others of the bin.

    S grows with every choice (the k - 1 of Eq. 4), starting empty, and D is the bin: Alg. 1 sees one bin at a time. An
    image that is chosen moves from the second sum to the first, so every gain changes by twice its distance.

    Args:
        features: (n, D) floats.
    """

    def __init__(self, features: np.ndarray) -> None:
        rows = np.asarray(features, np.float64)
        self.rows = rows - rows.mean(0)  # distances stay, and lose fewer digits
        self.squares = np.einsum("nd,nd->n", self.rows, self.rows)

    def first(self) -> np.ndarray:
        """Less the squared distances to all images."""
        return -(len(self.rows) * self.squares - 2 * self.rows @ self.rows.sum(0) + self.squares.sum())

    def change(self, chosen: int) -> np.ndarray:
        """Twice the squared distance to the chosen image."""
        return 2 * (self.squares - 2 * self.rows @ self.rows[chosen] + self.squares[chosen])


def cross_entropy_errors(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Derivatives of the cross-entropy by the logits: softmax less the one-hot label.

    Args:
        logits: (n, C) floats.
        labels: (n,) int64.

    Returns:
        (n, C) float64; each row sums to 0. The digits of a nearly certain prediction are kept.
    """
    probabilities = _softmax(logits)
    errors = probabilities.copy()
    errors[np.arange(len(labels)), labels] -= 1
    return _balanced(errors, labels)


def released_errors(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same for the released code's loss, which takes the cross-entropy of softmax(logits) as if that were logits.

    Args and return value as in :func:`cross_entropy_errors`.
    """
    probabilities = _softmax(logits)
    outer = cross_entropy_errors(probabilities, labels)
    errors = probabilities * (outer - np.einsum("nc,nc->n", probabilities, outer)[:, None])
    return _balanced(errors, probabilities.argmax(1))


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def _balanced(errors: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Rows sum to 0: the entry that a subtraction from 1 left inexact is made from the others."""
    rows = np.arange(len(errors))
    errors[rows, column] = 0
    errors[rows, column] = -errors.sum(1)
    return errors


def _unit(rows: np.ndarray) -> np.ndarray:
    """Each row at length 1, or 0 where it has none; huge and tiny ones keep their direction."""
    largest = np.abs(rows).max(1, keepdims=True, initial=0)
    rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return np.divide(rows, lengths, out=rows, where=lengths > 0)
