"""A small network that foretells a pixel from its context, in whole numbers: the same table on every machine.

It is trained in floating point on the set itself. What is stored are weights of eight bits. What is computed from
them are sums of whole numbers below 2**24, which single precision holds exactly in whatever order they are added,
and steps that round down.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from ccbench.coding.contexts import ZONES, Contexts
from ccbench.coding.sample import Sample
from ccbench.coding.tables import NAT, frequencies, thresholds

_TOP = 255  # activations are whole numbers 0.._TOP, in steps of 1/_STEP
_STEP = 16
_FIRST, _LATER = 32, 64  # steps of 1 in the weights of the first layer and of the others
_SCALES = (_FIRST, _LATER, _LATER, _STEP * _LATER, _STEP * _LATER)
_LIMITS = (127, 127, 127, 32767, 32767)
_TOGETHER = 16384  # contexts that are computed at once
_BATCH, _RATE, _WARM = 4096, 0.01, 100
assert _STEP * _LATER == NAT


def width(contexts: Contexts) -> int:
    """Inputs of a network: the zone, the cluster, and the index of each neighbour, each of them one of many."""
    return ZONES + contexts.clusters + (contexts.neighbours << contexts.bits)


class Network:
    """Weights as they are stored.

    Args:
        contexts: what it foretells pixels from.
        parts: (inputs, a), (a, b), (b, colours) int8 weights, (b,) and (colours,) int16 biases.
    """

    def __init__(self, contexts: Contexts, parts: list[np.ndarray]) -> None:
        self.contexts, self.parts = contexts, parts

    @staticmethod
    def shapes(contexts: Contexts, hidden: tuple[int, int]) -> list[tuple[int, ...]]:
        """Of the parts."""
        (a, b), colours = hidden, 1 << contexts.bits
        return [(width(contexts), a), (a, b), (b, colours), (b,), (colours,)]

    def tobytes(self) -> bytes:
        """What the file keeps."""
        return b"".join(part.astype("i1" if part.ndim == 2 else "<i2").tobytes() for part in self.parts)

    @classmethod
    def frombytes(cls, contexts: Contexts, hidden: tuple[int, int], data: bytes) -> Network:
        """The inverse of :meth:`tobytes`.

        Raises:
            ValueError: too few or too many bytes.
        """
        parts, at = [], 0
        for shape in cls.shapes(contexts, hidden):
            kind = np.dtype("i1" if len(shape) == 2 else "<i2")
            count = int(np.prod(shape))
            parts.append(np.frombuffer(data, kind, count, at).reshape(shape))
            at += count * kind.itemsize
        if at != len(data):
            raise ValueError(f"{len(data)} bytes of a network that has {at}")
        return cls(contexts, parts)

    def thresholds(self) -> np.ndarray:
        """(contexts, colours) uint16, see :func:`ccbench.coding.tables.thresholds`."""
        out = np.empty((self.contexts.count, 1 << self.contexts.bits), np.uint16)
        at = 0
        for zone in range(ZONES):
            for sums in self._first(zone):
                out[at : at + len(sums)] = thresholds(frequencies(self._rest(sums)))
                at += len(sums)
        return out

    def _first(self, zone: int) -> Iterator[np.ndarray]:
        """The first layer's sums in the order of contexts, some thousand at a time."""
        first, colours = self.parts[0].astype(np.float32), 1 << self.contexts.bits
        places = self.contexts.zones[zone]
        base = ZONES + self.contexts.clusters
        halves = [np.zeros((1, first.shape[1]), np.float32) for _ in range(2)]
        for place, j in enumerate(places):  # the first digit changes fastest
            half = place >= len(places) // 2
            rows = first[base + j * colours : base + (j + 1) * colours]
            halves[half] = (rows[:, None] + halves[half][None]).reshape(-1, first.shape[1])
        low, high = halves
        step = max(1, _TOGETHER // len(low))
        for cluster in range(self.contexts.clusters):
            own = low + (first[zone] + first[ZONES + cluster])
            for start in range(0, len(high), step):
                yield (high[start : start + step, None] + own).reshape(-1, first.shape[1])

    def _rest(self, sums: np.ndarray) -> np.ndarray:
        """(m, colours) int32 logits in steps of 1/NAT."""
        _, second, third, bias, last = (part.astype(np.float32) for part in self.parts)
        hidden = np.floor(np.clip(sums * np.float32(_STEP / _FIRST), 0, _TOP))
        hidden = np.floor(np.clip((hidden @ second + bias) * np.float32(1 / _LATER), 0, _TOP))
        return (hidden @ third + last).astype(np.int32)


def train(sample: Sample, hidden: tuple[int, int], steps: int) -> Network:
    """Fit a network to a sample; the same sample gives the same network on one machine.

    Args:
        sample: what occurs in the set.
        hidden: widths of the two inner layers.
        steps: of Adam, on batches of contexts drawn as often as they occur.
    """
    with threadpool_limits(1):  # threads would add up in another order
        return _train(sample, hidden, steps)


def _train(sample: Sample, hidden: tuple[int, int], steps: int) -> Network:
    rng, contexts = np.random.default_rng(0), sample.contexts
    often = sample.counts.sum(1)
    upto, wanted = np.cumsum(often), (sample.counts / often[:, None]).astype(np.float32)
    inputs = _inputs(sample)
    top, empty = np.float32(_TOP / _STEP), width(contexts)
    steps_of = [np.float32(1 / scale) for scale in _SCALES]
    parts = _begin(Network.shapes(contexts, hidden), contexts.neighbours, rng)
    means, squares = [np.zeros_like(p) for p in parts], [np.zeros_like(p) for p in parts]
    for t in range(1, steps + 1):
        drawn = np.searchsorted(upto, rng.integers(0, upto[-1], _BATCH), side="right")
        x = np.zeros((_BATCH, empty + 1), np.float32)
        x[np.arange(_BATCH)[:, None], inputs[drawn]] = 1
        x = x[:, :empty]
        first, second, third, bias, last = (  # as they would be stored; gradients pass through the rounding
            np.rint(p * scale) * step for p, scale, step in zip(parts, map(np.float32, _SCALES), steps_of, strict=True)
        )
        one = np.clip(x @ first, 0, top)
        two = np.clip(one @ second + bias, 0, top)
        out = two @ third + last
        out = np.exp(out - out.max(1, keepdims=True))
        out /= out.sum(1, keepdims=True)
        slope = (out - wanted[drawn]) * np.float32(1 / _BATCH)
        slope_two = (slope @ third.T) * ((two > 0) & (two < top))
        slope_one = (slope_two @ second.T) * ((one > 0) & (one < top))
        slopes = [x.T @ slope_one, one.T @ slope_two, two.T @ slope, slope_two.sum(0), slope.sum(0)]
        rate = np.float32(_RATE * min(1, t / _WARM) * 0.5 * (1 + np.cos(np.pi * t / steps)))
        for part, g, mean, square, scale, limit in zip(parts, slopes, means, squares, _SCALES, _LIMITS, strict=True):
            mean += np.float32(0.1) * (g - mean)
            square += np.float32(0.01) * (g * g - square)
            part -= rate * mean / np.float32(1 - 0.9**t) / (np.sqrt(square / np.float32(1 - 0.99**t)) + 1e-8)
            np.clip(part, -limit / scale, limit / scale, out=part)
    stored = [np.rint(p * s).astype(np.int8 if p.ndim == 2 else np.int16) for p, s in zip(parts, _SCALES, strict=True)]
    return Network(contexts, stored)


def _begin(shapes: list[tuple[int, ...]], neighbours: int, rng: np.random.Generator) -> list[np.ndarray]:
    (_, a), (_, b), *_ = shapes
    spread = [1 / np.sqrt(neighbours + 2), np.sqrt(2 / a), np.sqrt(1 / b), 0, 0]
    return [rng.normal(0, s, shape).astype(np.float32) for s, shape in zip(spread, shapes, strict=True)]


def _inputs(sample: Sample) -> np.ndarray:
    """(u, 2 + neighbours) the inputs that are 1 in each context; one beyond the last where a neighbour is missing."""
    contexts, bits = sample.contexts, sample.contexts.bits
    out = np.full((len(sample.rows), 2 + contexts.neighbours), width(contexts))
    ends = np.cumsum(contexts.sizes)
    for zone, places in enumerate(contexts.zones):
        begin = ends[zone] - contexts.sizes[zone]
        here = (sample.rows >= begin) & (sample.rows < ends[zone])
        number = sample.rows[here] - begin
        out[here, 0] = zone
        out[here, 1] = ZONES + (number >> bits * len(places))
        for place, j in enumerate(places):
            digit = number >> bits * place & (1 << bits) - 1
            out[here, 2 + j] = ZONES + contexts.clusters + (j << bits) + digit
    return out
