"""k-means palettes with scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ccbench.methods.per_image import from_rgb24, rgb24
from ccbench.plugin import PerImage


class KMeansPalettes(PerImage):
    """k-means on the distinct colours of an image in RGB, each weighted by its pixels.

    The weighted problem has the same optimum as the one on all pixels and fewer points (Celebi 2011).
    Centres are rounded to 8 bits, and each colour then goes to the nearest rounded centre.

    Args:
        restarts: runs from different k-means++ starts; the least squared error is kept.
        iterations: most iterations of a run.
    """

    def __init__(self, *, restarts: int, iterations: int) -> None:
        self.restarts = restarts
        self.iterations = iterations

    def quantise(self, image: np.ndarray, colours: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """See :meth:`PerImage.quantise`."""
        codes, place, pixels = np.unique(rgb24(image), return_inverse=True, return_counts=True)
        points = from_rgb24(codes).astype(np.float32)
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = KMeans(colours, n_init=self.restarts, max_iter=self.iterations, tol=1e-3, random_state=seed).fit(
                points, sample_weight=pixels.astype(np.float32)
            )
        palette = np.unique(fitted.cluster_centers_.round().clip(0, 255).astype(np.uint8), axis=0)
        centres = palette.astype(np.float32)
        # |x - c|^2 less |x|^2, which is the same for every centre
        nearest = ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)
        return nearest[place].reshape(image.shape[:2]), palette
