"""From logits in whole numbers to frequencies in whole numbers: what a model says, in the form that a coder needs."""

from __future__ import annotations

import numpy as np

TOTAL = 14  # log2 of what the frequencies of a context add up to
NAT = 1024  # logits are in steps of 1/NAT
_FINE = 64  # of which the table of exponentials keeps so many a nat
_REACH = 16  # nats; what is less likely than exp(-_REACH) of the likeliest counts as that
_DECAY = 4540188453729421604  # exp(-1 / _FINE) * 2**62


def _exponentials() -> np.ndarray:
    """(_REACH * _FINE + 1,) int64: 2**20 * exp(-i / _FINE) by integer multiplication, the same on every machine."""
    values, value = [], 1 << 60
    for _ in range(_REACH * _FINE + 1):
        values.append(value >> 40)
        value = value * _DECAY >> 62
    return np.array(values, np.int64)


_EXPONENTIALS = _exponentials()


def frequencies(logits: np.ndarray) -> np.ndarray:
    """How often each index is expected in each context.

    Args:
        logits: (contexts, colours) int32, in steps of 1/:data:`NAT`.

    Returns:
        (contexts, colours) int64, at least 1, each row adding up to ``2**TOTAL``.

    Examples:
        >>> frequencies(np.array([[0, 0], [0, -1024 * 20]], np.int32)).tolist()
        [[8192, 8192], [16383, 1]]
    """
    below = logits.max(1, keepdims=True) - logits
    below //= NAT // _FINE
    np.minimum(below, _REACH * _FINE, out=below)
    weights = np.take(_EXPONENTIALS, below)
    sums = weights.sum(1, keepdims=True)
    weights *= (1 << TOTAL) - logits.shape[1]
    weights //= sums
    weights += 1
    weights[np.arange(len(weights)), logits.argmax(1)] += (1 << TOTAL) - weights.sum(1)
    return weights


def thresholds(frequencies: np.ndarray) -> np.ndarray:
    """(contexts, colours) uint16: where each index begins among 2**TOTAL; index 0 begins at 0."""
    starts = np.zeros(frequencies.shape, np.uint16)
    np.cumsum(frequencies[:, :-1], axis=1, out=starts[:, 1:], dtype=np.uint16)
    return starts
