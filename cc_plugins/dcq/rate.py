"""Entries that weigh colour error against coded bits (not in the paper).

What an entry costs is told by counts over the set itself: how often each entry follows the entries to the left, above,
above left and above right, in images of one cluster. Every pixel in raster order takes the entry with the least
squared error + rate * bits: its own bits and those of the pixels that have it as context. After each sweep counts are
made anew. No step raises that sum, and so none the bits above those of the nearest entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cc_plugins.dcq.colors import batches
from cc_plugins.dcq.edges import texture_loss
from cc_plugins.dcq.lab import bytes_to_lab
from cc_plugins.dcq.refine import Images

SWEEPS = 3  # a fourth brings 2 % of the bits
BATCH_PIXELS = 1 << 22  # in memory at a time; each takes about 50 bytes
_LOSS_PIXELS = 1 << 18
_NEIGHBOURS = ((0, -1), (-1, 0), (-1, -1), (-1, 1))  # (rows, columns) to what counts know, that which tells most first
_SKEW = 3  # columns by which a row stays behind the one above: pixels of one step then share no count
_SEEN = 32  # pixels for each count, on average, at least
_COUNTS, _CLUSTERS = 1 << 24, 64  # counts held, and clusters told apart, at most


@dataclass(frozen=True)
class Weighed:
    """What was won and lost, each as (of the nearest entries, of those taken).

    Attributes:
        bits: a pixel, by the counts; the table of a coder is not among them.
        error: the mean squared distance in LAB.
        texture: the texture loss.
    """

    bits: tuple[float, float]
    error: tuple[float, float]
    texture: tuple[float, float]


def weigh(
    images: Images,
    indices: np.ndarray,
    clusters: np.ndarray,
    palettes: np.ndarray,
    *,
    rate: float,
    attention: np.ndarray | None,
    weights: tuple[float, float, float],
    color_weight: float,
    device: str,
    progress: Callable[[int, int], None] | None = None,
) -> Weighed:
    """Change indices, in place, to entries that cost fewer bits where that loses little.

    Args:
        images: gives images by their ids, on the device.
        indices: (N, H, W) uint8, the nearest entries.
        clusters: (N,) int64 the palette of each image.
        palettes: (k, entries, 3) uint8 RGB.
        rate: what a bit is worth in squared LAB distance, >= 0.
        attention: (N, H, W) not negative: an error counts half for itself and half by its share of the image's
            attention; None: all errors count alike.
        weights, color_weight: of the texture loss, which is told and not minimised.
        device: where.
        progress: called with (images done, images to do), all sweeps together.
    """
    n, height, width = indices.shape
    lab = bytes_to_lab(palettes).to(device)
    counts = Counts.of(indices.shape, lab.shape[:2], device)
    sweep = _Sweep(images, clusters, lab, attention, counts, _Plane(height, width, device))
    loss = _Losses(images, clusters, lab, torch.tensor(weights, device=device), color_weight)
    before, first = loss(indices), sweep.costs(indices)
    table, bits = first
    for number in range(SWEEPS):
        for part in batches(np.arange(n), height * width, BATCH_PIXELS):
            sweep(indices, part, rate * table)
            if progress is not None:
                progress(number * n + int(part[-1]) + 1, SWEEPS * n)
        table, bits = sweep.costs(indices)
    after = loss(indices)
    return Weighed((first[1], bits), (before[0], after[0]), (before[1], after[1]))


@dataclass(frozen=True)
class Counts:
    """What is counted: a context is a number made of the cluster and of the neighbours' entries.

    Attributes:
        entries: of a palette; what lies beyond the border is one more, ``entries`` itself.
        neighbours: how many are looked at.
        clusters: that are told apart.
        device: where.
    """

    entries: int
    neighbours: int
    clusters: int
    device: str

    @classmethod
    def of(cls, size: tuple[int, ...], palettes: tuple[int, ...], device: str) -> Counts:
        """As much as a set of this size has enough pixels for."""
        many, entries = palettes
        room = min(_COUNTS, math.prod(size) // _SEEN)
        clusters = many if many <= _CLUSTERS and many * (entries + 1) <= room else 1
        fits = [k for k in range(1, len(_NEIGHBOURS) + 1) if clusters * (entries + 1) ** (k + 1) <= room]
        return cls(entries, max(fits, default=0), clusters, device)

    def place(self, neighbour: int) -> int:
        """What a context grows by where the entry of this neighbour grows by one."""
        return (self.entries + 1) ** neighbour

    @property
    def size(self) -> int:
        """Counts of all contexts."""
        return self.clusters * (self.entries + 1) ** (self.neighbours + 1)

    def costs(self, found: Tensor) -> tuple[Tensor, float]:
        """What each entry costs in each context, and what all pixels cost together.

        Args:
            found: (size,) int64, how often each entry followed each context.

        Returns:
            (size,) float32 bits, 0 of what lies beyond the border; bits.
        """
        counts = found.view(-1, self.entries + 1).double()
        total = counts.sum(1, keepdim=True)
        unseen = (2 * (total + self.entries)).log2()
        bits = torch.where(counts > 0, (total / counts.clamp(min=1)).log2(), unseen)
        bits[:, -1] = 0
        return bits.float().view(-1), float((counts * bits).sum())


class _Plane:
    """Images side by side, (places, images), with a border of one place around each."""

    def __init__(self, height: int, width: int, device: str) -> None:
        self.height, self.width, self.device = height, width, device
        rows = torch.arange(1, height + 1, device=device)[:, None] * (width + 2)
        self.inside = (rows + torch.arange(1, width + 1, device=device)).reshape(-1)
        self.to = [down * (width + 2) + right for down, right in _NEIGHBOURS]  # places from a pixel to its neighbours
        turn = torch.arange(width) + _SKEW * torch.arange(height)[:, None]
        order = turn.reshape(-1).argsort(stable=True).to(device)
        self.steps = order.split(turn.reshape(-1).bincount().tolist())  # pixels chosen together, as raster order would

    def filled(self, indices: np.ndarray, border: int) -> Tensor:
        """(places, images) int64 of (images, H, W)."""
        shape = (self.height + 2) * (self.width + 2), len(indices)
        out = torch.full(shape, border, dtype=torch.int64, device=self.device)
        out[self.inside] = torch.from_numpy(indices).to(self.device).flatten(1).T.long()
        return out


@dataclass(frozen=True)
class _Sweep:
    """Looks at every pixel of a set, some images at a time."""

    images: Images
    clusters: np.ndarray
    palettes: Tensor
    attention: np.ndarray | None
    counts: Counts
    plane: _Plane

    def costs(self, indices: np.ndarray) -> tuple[Tensor, float]:
        """As of :meth:`Counts.costs`, and the bits a pixel, of (N, H, W) indices."""
        found = torch.zeros(self.counts.size, dtype=torch.int64, device=self.counts.device)
        for part in batches(np.arange(len(indices)), indices[0].size, BATCH_PIXELS):
            values = self.plane.filled(indices[part], self.counts.entries)
            codes = self._contexts(values, part)[self.plane.inside] * (self.counts.entries + 1)
            codes += values[self.plane.inside]
            found += torch.bincount(codes.reshape(-1), minlength=self.counts.size)
        costs, bits = self.counts.costs(found)
        return costs, bits / indices.size

    def __call__(self, indices: np.ndarray, part: np.ndarray, costs: Tensor) -> None:
        """Choose anew, in place, for the images of ``part``; ``costs`` as of :meth:`Counts.costs`, times the rate."""
        values = self.plane.filled(indices[part], self.counts.entries)
        contexts = self._contexts(values, part)
        rgb = self.images(torch.from_numpy(part).to(self.plane.device)).flatten(2).permute(2, 0, 1)
        lab = bytes_to_lab(rgb).permute(2, 0, 1).contiguous()  # (3, pixels, images)
        own = torch.from_numpy(self.clusters[part]).to(self.plane.device)
        palettes = self.palettes[own].permute(1, 2, 0).contiguous()  # (entries, 3, images)
        seen = None if self.attention is None else _seen(torch.from_numpy(self.attention[part]).to(self.plane.device))
        for pixels in self.plane.steps:
            error = _Error(lab[:, pixels], palettes, None if seen is None else seen[pixels])
            self._choose(values, contexts, self.plane.inside[pixels], error, costs)
        found = values[self.plane.inside].T.reshape(-1, *indices.shape[1:])
        indices[part] = found.to(torch.uint8).cpu().numpy()

    def _choose(self, values: Tensor, contexts: Tensor, where: Tensor, error: _Error, costs: Tensor) -> None:
        """The best entry at some places, entry by entry: what is compared stays in a core's cache."""
        base, old, neighbours = self.counts.entries + 1, values[where], range(self.counts.neighbours)
        later = [where - self.plane.to[j] for j in neighbours]  # the pixels that have it as neighbour j
        steps = [self.counts.place(j) for j in neighbours]
        places = [(contexts[where] * base, 1)]  # of the first entry's costs, and how far it is to those of the next
        for at, step in zip(later, steps, strict=True):
            places.append(((contexts[at] - old * step) * base + values[at], step * base))
        best, chosen = torch.full(old.shape, torch.inf, device=old.device), torch.zeros_like(old)
        for entry in range(self.counts.entries):
            score = error(entry)
            for first, step in places:
                score += costs.take(first + entry * step)
            chosen.masked_fill_(score < best, entry)
            torch.minimum(best, score, out=best)
        values[where] = chosen
        for at, step in zip(later, steps, strict=True):
            contexts[at] += (chosen - old) * step

    def _contexts(self, values: Tensor, part: np.ndarray) -> Tensor:
        """(places, images) int64; those of the border mean nothing."""
        own = self.clusters[part] if self.counts.clusters > 1 else np.zeros(len(part), np.int64)
        first = torch.from_numpy(own).to(values.device) * self.counts.place(self.counts.neighbours)
        out = first.repeat(len(values), 1)
        for j in range(self.counts.neighbours):
            out[-self.plane.to[j] :].add_(values[: self.plane.to[j]], alpha=self.counts.place(j))
        return out


@dataclass(frozen=True)
class _Error:
    """Squared distances (pixels, images) of colours (3, pixels, images) from an entry of palettes, weighted."""

    lab: Tensor
    palettes: Tensor
    weight: Tensor | None

    def __call__(self, entry: int) -> Tensor:
        color = self.palettes[entry]
        error = (self.lab[0] - color[0]).square_()
        for channel in (1, 2):
            error += (self.lab[channel] - color[channel]).square_()
        return error if self.weight is None else error.mul_(self.weight)


def _seen(attention: Tensor) -> Tensor:
    """(pixels, images) float32 weights of (images, H, W), with a mean of 1 in every image."""
    seen = attention.flatten(1).float().nan_to_num().clamp(min=0)
    mean = seen.mean(1, keepdim=True)
    return torch.where(mean > 0, 0.5 + 0.5 * seen / mean.clamp(min=1e-6), 1).T.contiguous()


@dataclass(frozen=True)
class _Losses:
    """Mean squared distance in LAB and texture loss of a whole set."""

    images: Images
    clusters: np.ndarray
    palettes: Tensor
    weights: Tensor
    color_weight: float

    def __call__(self, indices: np.ndarray) -> tuple[float, float]:
        error, texture, device = 0.0, 0.0, self.palettes.device
        for part in batches(np.arange(len(indices)), indices[0].size, _LOSS_PIXELS):
            lab = bytes_to_lab(self.images(torch.from_numpy(part).to(device)).permute(0, 2, 3, 1))
            own = self.palettes[torch.from_numpy(self.clusters[part]).to(device)]
            chosen = torch.from_numpy(indices[part]).to(device).flatten(1).long()
            taken = own.gather(1, chosen[..., None].expand(-1, -1, 3)).view(lab.shape)
            pair = lab.permute(0, 3, 1, 2), taken.permute(0, 3, 1, 2)
            error += float((lab - taken).square().sum(3).mean((1, 2)).double().sum())
            texture += float(texture_loss(*pair, self.weights, self.color_weight).double().sum())
        return error / len(indices), texture / len(indices)
