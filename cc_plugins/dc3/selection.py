"""Which images of the training set are compensated: bins of each class, a share of the budget for each, a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cc_plugins.dc3 import SELECTIONS
from cc_plugins.dc3.bins import cluster
from cc_plugins.dc3.budgets import shares
from cc_plugins.dc3.sampling import RULES, WEIGHTS, Bin

Arrays = Callable[[], Mapping[str, np.ndarray]]


def too_small(labels: np.ndarray, classes: tuple[str, ...], ipc: int) -> str | None:
    """Which classes have fewer images than ``ipc``, in words, or None."""
    sizes = np.bincount(labels, minlength=len(classes))
    short = np.flatnonzero(sizes < ipc)
    if not len(short):
        return None
    first = short[sizes[short].argmin()]
    others = f", and {len(short) - 1} more classes are smaller than that" if len(short) > 1 else ""
    return f"{ipc} images per class are more than the {sizes[first]} of class {classes[first]!r}{others}"


def select(
    labels: np.ndarray,
    classes: int,
    ipc: int,
    *,
    bins: int,
    features: Callable[[], np.ndarray],
    last_layer: Arrays,
    sampling: str,
    gain: str,
    gradient: str,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Algorithm 1 on every class, or another selection (Table 9).

    Args:
        labels: (N,) int64 in 0 .. classes-1; every class has at least ``ipc`` images.
        ipc: images per class that are kept.
        bins: K; 1 is no clustering. A selection that chooses from the whole class has no K-means bins.
        features: gives (N, D) floats that bins are made of; not called for one bin.
        last_layer: gives the stage ``last-layer``; called only by rules that look at the network.
        sampling: a name of :data:`cc_plugins.dc3.sampling.RULES`.
        gain, gradient: see :class:`cc_plugins.dc3.sampling.Bin`.
        seed: a class's choice depends on it, the class's number and its images alone.

    Returns:
        (classes * ipc,) int64 positions, class after class, ascending within each; and, from a selection that has them,
        float64 weights of the same length.
    """
    kept, weights = [], []
    clusters = 1 if sampling in SELECTIONS else bins
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        rows = features()[members] if clusters > 1 else np.empty((len(members), 0))
        found = cluster(rows, clusters, int(np.random.default_rng([seed, label]).integers(2**32)))
        quotas = shares(np.array([len(positions) for positions in found]), ipc)
        for number, (positions, quota) in enumerate(zip(found, quotas, strict=True)):
            if quota:
                rng = np.random.default_rng([seed, label, number])
                images = Bin(members[positions], label, last_layer, rng, gain, gradient, bins)
                taken = RULES[sampling](images, int(quota))
                kept.append(images.members[taken])
                if sampling in WEIGHTS:
                    weights.append(WEIGHTS[sampling](images, taken))
        progress(label + 1, classes)
    chosen = np.concatenate(kept)
    order = np.lexsort((chosen, labels[chosen]))
    return chosen[order], np.concatenate(weights)[order] if weights else None
