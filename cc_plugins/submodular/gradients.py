"""Last-layer gradients as two short vectors each, of which no C x (D + 1) matrix is made for any image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ccbench.plugin import UserError

Rows = np.ndarray | slice
ALL = slice(None)
BLOCK = 1 << 22  # numbers that are looked at at once


class Gradients:
    """Gradients of each image's loss by the last layer's weights and bias.

    Each is the outer product of the error e (C,) and [h, 1] with the layer's input h (D,), so
    <g, g'> = <e, e'> (1 + <h, h'>), and a weighted sum of all goes through one C x (D + 1) matrix.

    Args:
        errors: (n, C), derivatives of each image's loss by its logits.
        features: (n, D), the last layer's input.
    """

    def __init__(self, errors: np.ndarray, features: np.ndarray) -> None:
        self.errors = np.asarray(errors, np.float64)
        self.features = np.asarray(features, np.float64)

    def __len__(self) -> int:
        return len(self.errors)

    def inner(self, rows: Rows, columns: Rows) -> np.ndarray:
        """(r, c) float64: inner products of some gradients with others, O(r c (C + D))."""
        products = self.features[rows] @ self.features[columns].T
        products += 1
        products *= self.errors[rows] @ self.errors[columns].T
        return products

    def squares(self) -> np.ndarray:
        """(n,) float64, squared lengths."""
        return np.einsum("nc,nc->n", self.errors, self.errors) * self._inputs()

    def unit(self) -> Gradients:
        """The same directions at length 1; an error of length 0 keeps it."""
        return Gradients(_unit(self.errors) / np.sqrt(self._inputs())[:, None], self.features)

    def combined(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        """(C, D + 1) float64: the sum of some gradients, each times its weight (r,); the bias comes last."""
        weighted = self.errors[rows].T * weights
        return np.concatenate([weighted @ self.features[rows], weighted.sum(1, keepdims=True)], axis=1)

    def along(self, direction: np.ndarray) -> np.ndarray:
        """(n,) float64: the inner product of every gradient with a (C, D + 1) direction."""
        return np.einsum("nc,nc->n", self.features @ direction[:, :-1].T + direction[:, -1], self.errors)

    def _inputs(self) -> np.ndarray:
        return 1 + np.einsum("nd,nd->n", self.features, self.features)


def finite_rows(layer: Mapping[str, np.ndarray], name: str, members: np.ndarray) -> np.ndarray:
    """Rows of the stage ``last-layer``, (n, ...) float64.

    Args:
        layer: the stage's ``features`` (N, D) and ``logits`` (N, C).
        name: which of them.
        members: (n,) positions.

    Raises:
        UserError: some are not finite.
    """
    rows = np.asarray(layer[name][members], np.float64)
    if not np.isfinite(rows).all():
        raise UserError(
            f"the proxy's {name} are not finite",
            found=f"{np.count_nonzero(~np.isfinite(rows).all(1))} of {len(rows)} images",
            mend="train the proxy at a learning rate it survives, or take another proxy",
        )
    return rows


def finite_in_place(layer: Mapping[str, np.ndarray], name: str, members: np.ndarray) -> np.ndarray:
    """The same rows as they are stored; all of them stay where they lie.

    Args and errors as in :func:`finite_rows`; ``members`` ascend.
    """
    whole = len(members) == len(layer[name])
    rows: np.ndarray = layer[name] if whole else layer[name][members]
    step = max(1, BLOCK // rows.shape[1])
    if not all(np.isfinite(rows[start : start + step]).all() for start in range(0, len(rows), step)):
        finite_rows(layer, name, members)
    return rows


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


ERRORS = {"released": released_errors, "cross-entropy": cross_entropy_errors}
"""By the name of what the gradients are of, as in DC3 and DQ."""


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
