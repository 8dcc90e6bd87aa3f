"""Dataset quantization: bins by graph cut, one after the other from what is left, and an even draw from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cc_plugins.submodular.functions import GraphCut
from cc_plugins.submodular.gradients import Gradients
from cc_plugins.submodular.greedy import greedy
from cc_plugins.submodular.shares import allocate


def cut(gradients: Gradients, bins: int) -> list[np.ndarray]:
    """Bins of n / ``bins`` images, rounded, the last of what is left: graph cut chooses each from the rest.

    Args:
        gradients: of n images.
        bins: how many; at most one for each image.

    Returns:
        Positions in the order of choice, each in one bin; the bins in the order in which they were made.
    """
    left, made = np.arange(len(gradients)), list[np.ndarray]()
    size = max(1, round(len(left) / bins))
    while len(made) < bins - 1 and len(left) > size:
        rest = Gradients(gradients.errors[left], gradients.features[left])
        chosen = greedy(GraphCut(rest), size)
        made.append(left[chosen])
        left = np.delete(left, chosen)
    return [*made, left]


def drawn(
    bins: Sequence[np.ndarray], budget: int, rng: np.random.Generator, shares: np.ndarray | None = None
) -> np.ndarray:
    """(budget,) positions drawn without replacement, bin after bin.

    Args:
        bins: positions.
        shares: (bins,) int64, how many of each; None: equally many as far as it has them.
    """
    if shares is None:
        shares = allocate(np.array([len(part) for part in bins]), budget)
    return np.concatenate([rng.choice(part, share, replace=False) for part, share in zip(bins, shares, strict=True)])
