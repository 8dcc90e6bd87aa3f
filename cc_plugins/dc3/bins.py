"""Bins: a class cut into clusters of similar images (section 3.3, Eq. 3)."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from cc_plugins.submodular.threads import one_thread
from ccbench.plugin import UserError


def cluster(features: np.ndarray, bins: int, seed: int) -> list[np.ndarray]:
    """K-means of one class: k-means++ from one start, Lloyd's iterations to the end, as in the released code.

    Args:
        features: (n, D) floats, one row for each image of the class, n >= 1.
        bins: K; fewer images, or fewer that differ, give fewer bins.
        seed: in [0, 2**32).

    Returns:
        Ascending positions (int64) of each bin's images, every image in one bin, none empty; the largest bin first,
        among equal ones that with the lowest position.

    Raises:
        UserError: a feature is not finite.
    """
    n = len(features)
    if min(bins, n) == 1:
        return [np.arange(n)]
    rows = np.asarray(features, np.float64)
    if not np.isfinite(rows).all():
        raise UserError(
            "features that bins are made of are not finite",
            found=f"{np.count_nonzero(~np.isfinite(rows).all(1))} of {n} images",
            mend="another proxy, or for features=vae dtype=float32",
        )
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than bins
        labels = KMeans(min(bins, n), n_init=1, random_state=seed).fit_predict(rows)
    found = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return sorted(found, key=lambda members: (-len(members), members[0]))
