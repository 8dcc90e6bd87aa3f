"""The plainest model: how often each index followed each context, as logarithms of eight bits."""

from __future__ import annotations

import numpy as np

from ccbench.coding import plain
from ccbench.coding.contexts import Contexts
from ccbench.coding.sample import Sample
from ccbench.coding.tables import NAT, frequencies, thresholds

_STEPS = 16  # of a nat that are told apart
_UNSEEN = 0.4  # what counts of an index that did not occur begin with


class Counts:
    """A table as it is stored.

    Args:
        contexts: what it foretells pixels from.
        below: (contexts, colours) uint8, how many sixteenths of a nat less likely than the likeliest.
    """

    def __init__(self, contexts: Contexts, below: np.ndarray) -> None:
        self.contexts, self.below = contexts, below

    @classmethod
    def of(cls, sample: Sample) -> Counts:
        """What a sample says; contexts that do not occur are left open."""
        logs = np.log(sample.counts + _UNSEEN)
        steps = np.rint((logs.max(1, keepdims=True) - logs) * _STEPS)
        below = np.zeros((sample.contexts.count, 1 << sample.contexts.bits), np.uint8)
        below[sample.rows] = np.minimum(steps, 255)
        return cls(sample.contexts, below)

    def tobytes(self) -> bytes:
        """What the file keeps."""
        return plain.pack(self.below.T.tobytes())

    @classmethod
    def frombytes(cls, contexts: Contexts, data: bytes) -> Counts:
        """The inverse of :meth:`tobytes`.

        Raises:
            ValueError: they are of another table.
        """
        colours = 1 << contexts.bits
        below = np.frombuffer(plain.unpack(data, contexts.count * colours), np.uint8)
        return cls(contexts, below.reshape(colours, contexts.count).T)

    def thresholds(self) -> np.ndarray:
        """(contexts, colours) uint16, see :func:`ccbench.coding.tables.thresholds`."""
        return thresholds(frequencies(self.below.astype(np.int32) * -(NAT // _STEPS)))
