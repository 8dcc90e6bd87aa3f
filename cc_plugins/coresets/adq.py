"""Adaptive dataset quantization: more images from the bins that are textured and diverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cc_plugins.coresets._quantized import Quantized, quantizing
from ccbench.plugin import Param

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from cc_plugins.coresets._choosing import Group

SPEC = quantizing(
    "adq",
    "cc_plugins.coresets.adq:ADQ",
    summary="Adaptive dataset quantization: more of the bins whose images are textured and unlike each other",
    params=(Param(name="alpha", default=0.6, low=0, high=1, doc="how much a bin's importance counts, not its size"),),
    cost=" and the edges of every image",
)
GREY = (0.299, 0.587, 0.114)
CHUNK = 1 << 22  # pixels looked at at once


def texture(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Mean absolute edge of each image's brightness in [0, 1]: half of both Sobel derivatives, mirrored at the border.

    Args:
        images: (N, H, W, 3) uint8.
        ids: (n,) positions of those that are asked for.

    Returns:
        (n,) float64.
    """
    import numpy as np
    from scipy.ndimage import correlate1d

    found = np.empty(len(ids))
    step = max(1, CHUNK // (images.shape[1] * images.shape[2]))
    for start in range(0, len(ids), step):
        grey = images[ids[start : start + step]] @ (np.array(GREY) / 255)
        edges = 0
        for across, along in ((1, 2), (2, 1)):
            smooth = correlate1d(grey, [1, 2, 1], across, mode="mirror")
            edges = edges + np.abs(correlate1d(smooth, [-1, 0, 1], along, mode="mirror"))
        found[start : start + step] = np.mean(edges / 2, axis=(1, 2))
    return found


def diversity(features: np.ndarray) -> float:
    """One over the mean cosine of all pairs, each image with itself too; at most the number of images.

    Args:
        features: (n, D) floats.
    """
    import numpy as np

    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.divide(features, lengths, out=np.zeros_like(features), where=lengths > 0)
    return float(1 / max(np.square(unit.mean(0)).sum(), 1 / len(unit)))


def ratios(representative: np.ndarray, diverse: np.ndarray, sizes: np.ndarray, alpha: float) -> np.ndarray:
    """(m,) float64, summing to 1: the share of each bin that is sampled, up to what fits the budget.

    Each score counts as its share of the sum over the bins, importance is the mean of both, and a bin's ratio is
    alpha times that and 1 - alpha times its share of the images.
    """
    importance = (_shares(representative) + _shares(diverse)) / 2
    return alpha * importance + (1 - alpha) * _shares(sizes)


def _shares(values: np.ndarray) -> np.ndarray:
    import numpy as np

    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))


class ADQ(Quantized):
    """Draw from each bin without replacement, in proportion to its images times its ratio.

    Args:
        alpha: see :func:`ratios`.
        more: of :class:`Quantized`.
    """

    def __init__(self, *, alpha: float, **more: Any) -> None:
        super().__init__(**more)
        self.alpha = alpha

    def choose(self, group: Group, budget: int) -> np.ndarray:
        """Bin after bin."""
        from cc_plugins.submodular.quantization import drawn

        bins = self.divide(group)
        return drawn(bins, budget, group.rng, self.shares(group, bins, budget))

    def shares(self, group: Group, bins: Sequence[np.ndarray], budget: int) -> np.ndarray:
        """(m,) int64: how many images each bin gives."""
        import numpy as np

        from cc_plugins.submodular.shares import proportional

        assert group.images is not None
        edges = texture(group.images, group.members)
        sizes = np.array([len(part) for part in bins])
        found = ratios(
            np.array([edges[part].mean() for part in bins]),
            np.array([diversity(group.features[part]) for part in bins]),
            sizes,
            self.alpha,
        )
        return proportional(found * sizes, sizes, budget)
