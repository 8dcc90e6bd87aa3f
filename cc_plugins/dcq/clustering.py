"""Chromaticity-aware clustering (DCQ, section 3.2.1): images into clusters that share a palette."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from cc_plugins.dcq import descriptors
from cc_plugins.dcq.temporary import temporary

SAMPLE = 10_000  # images on which K-means starts
STARTS = 2
PASSES = 10  # over all images after that
ROWS = 2048  # rows in memory at a time
COMPONENTS = 64

Rows = Callable[[np.ndarray], np.ndarray]  # ids (b,) to rows (b, D) float32


def kmeans_clusters(rows: Rows, n: int, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """K-means of n rows that need not fit into memory.

    K-means++ and its restarts run on a random sample of at most 10,000 rows. Then Lloyd's
    iterations go over all rows in batches, until no row changes its cluster, ten at most.

    Args:
        rows: gives the rows of some ids, ascending.
        n: how many there are.
        clusters: how many are wanted; fewer rows give fewer clusters.
        rng: draws the sample and the starts.

    Returns:
        (n,) int64 cluster of each row, in 0 .. k-1, none empty, k <= clusters; numbered by size, the largest first.
    """
    clusters = min(clusters, n)
    if clusters == 1:
        return np.zeros(n, np.int64)
    sample = np.sort(rng.choice(n, min(n, max(SAMPLE, 10 * clusters)), replace=False))
    # one thread: sums are then added in one order on every machine
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        first = KMeans(clusters, n_init=STARTS, random_state=int(rng.integers(2**32)), max_iter=50).fit(rows(sample))
        centres = first.cluster_centers_.astype(np.float32)
        labels = np.full(n, -1, np.int64)
        for _ in range(PASSES if n > len(sample) else 1):
            labels, centres, changed = _pass(rows, labels, centres)
            if not changed:
                break
    return compact(labels)


def _pass(rows: Rows, labels: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    sums, sizes = np.zeros(centres.shape), np.zeros(len(centres))
    found = np.empty_like(labels)
    norms = np.square(centres).sum(axis=1)
    for ids in _batches(len(labels)):
        x = rows(ids)
        own = (norms - 2 * (x @ centres.T)).argmin(axis=1)
        member = np.zeros((len(centres), len(ids)), np.float32)
        member[own, np.arange(len(ids))] = 1
        sums += member @ x
        sizes += np.bincount(own, minlength=len(centres))
        found[ids] = own
    moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres).astype(np.float32)
    return found, moved, bool((found != labels).any())


def compact(labels: np.ndarray) -> np.ndarray:
    """Clusters renumbered without gaps, the largest first; equal ones by their first image."""
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(first))
    return rank[inverse]


def random_clusters(n: int, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64: images dealt at random into clusters of equal size, up to one image."""
    return rng.permutation(n) % min(clusters, n)


def image_rows(images: np.ndarray, kind: str, rng: np.random.Generator) -> Rows:
    """Rows for ``image``, ``pca``, ``histogram``, ``ccv`` or ``glcm``.

    ``image`` is made anew whenever it is asked for. The others are made once and, beyond
    64 MiB, lie in a temporary file. Columns of ``glcm`` are brought to zero mean and unit variance.

    Args:
        images: (n, H, W, 3) uint8, possibly memory-mapped.
        kind: which.
        rng: draws the images on which the principal components are found.
    """
    if kind == "image":
        return lambda ids: descriptors.pixels(images[ids])
    if kind == "pca":
        sample = np.sort(rng.choice(len(images), min(len(images), SAMPLE), replace=False))
        pixels = descriptors.pixels(images[sample])
        pca = PCA(min(COMPONENTS, *pixels.shape), svd_solver="randomized", random_state=int(rng.integers(2**32)))
        # images that are all equal have no variance to share out
        with threadpool_limits(limits=1), np.errstate(invalid="ignore"):
            pca.fit(pixels)
            table = _table(images, lambda batch: pca.transform(descriptors.pixels(batch)))
    else:
        table = _table(images, getattr(descriptors, kind))
    if kind == "glcm":
        mean = table.mean(axis=0, dtype=np.float64)
        spread = np.maximum(table.std(axis=0, dtype=np.float64), 1e-6)
        return lambda ids: ((table[ids] - mean) / spread).astype(np.float32)
    return lambda ids: table[ids]


def _table(images: np.ndarray, describe: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    size = max(1, (1 << 20) // (images.shape[1] * images.shape[2]))
    table = None
    for ids in _batches(len(images), size):
        rows = describe(images[ids])
        if table is None:
            table = temporary((len(images), rows.shape[1]), np.float32)
        table[ids] = rows
    assert table is not None
    return table


def _batches(n: int, size: int = ROWS) -> Iterator[np.ndarray]:
    for start in range(0, n, size):
        yield np.arange(start, min(n, start + size))
