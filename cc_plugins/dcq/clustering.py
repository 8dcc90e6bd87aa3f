"""Chromaticity-aware clustering (DCQ, section 3.2.1): images into clusters that share a palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from cc_plugins.dcq import descriptors
from cc_plugins.dcq.temporary import temporary

SAMPLE = 10_000  # images on which K-means starts
STARTS = 2
ITERATIONS = 50  # of each start
TOLERANCE = 1e-4  # of the rows' variance: a start ends where its centres move by less
PASSES = 10  # over all images after that
ROWS = 2048  # rows in memory at a time
COMPONENTS = 64

RowsOf = Callable[[np.ndarray], np.ndarray]  # ids (b,) to rows (b, D) float32


def kmeans_clusters(
    rows: RowsOf, n: int, clusters: int, rng: np.random.Generator, device: str | torch.device = "cpu"
) -> np.ndarray:
    """K-means of n rows that need not fit into memory.

    K-means++ and its restarts run on a random sample of at most 10,000 rows. Then Lloyd's
    iterations go over all rows in batches, until no row changes its cluster, ten at most.

    Args:
        rows: gives the rows of some ids, ascending.
        n: how many there are.
        clusters: how many are wanted; fewer rows give fewer clusters.
        rng: draws the sample and the starts.
        device: where to compute.

    Returns:
        (n,) int64 cluster of each row, in 0 .. k-1, none empty, k <= clusters; numbered by size, the largest first.
    """
    clusters = min(clusters, n)
    if clusters == 1:
        return np.zeros(n, np.int64)
    sample = np.sort(rng.choice(n, min(n, max(SAMPLE, 10 * clusters)), replace=False))
    labels = np.full(n, -1, np.int64)
    with _one_thread(), torch.no_grad():
        x = torch.from_numpy(rows(sample)).to(device)
        centres = _start(x, clusters, rng)
        batches = _Batches(rows, n, x)
        for _ in range(PASSES if n > len(sample) else 1):
            found, centres, _ = _pass(batches, centres)
            before, labels = labels, found.cpu().numpy()
            if np.array_equal(before, labels):
                break
    return compact(labels)


class _Batches:
    """All rows in batches, on the device of some of them (``like``); held on a GPU that has twice the memory free."""

    def __init__(self, rows: RowsOf, n: int, like: Tensor) -> None:
        self.rows, self.n, self.device = rows, n, like.device
        size = n * like.shape[1] * like.element_size()
        held = self.device.type == "cuda" and size <= torch.cuda.mem_get_info(self.device)[0] // 2
        self.held = list(self._read()) if held else None

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.held) if self.held is not None else self._read()

    def _read(self) -> Iterator[Tensor]:
        return (torch.from_numpy(self.rows(ids)).to(self.device) for ids in _batches(self.n))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inside, torch works with one thread: sums are then added in one order on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _pass(batches: Iterable[Tensor], centres: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One of Lloyd's iterations over rows (b, D): their clusters, the means of these, and the error short of |x|^2."""
    sums = torch.zeros(centres.shape, dtype=torch.float64, device=centres.device)
    sizes, error = sums.new_zeros(len(centres)), sums.new_zeros(())
    numbers, found = torch.arange(len(centres), device=centres.device)[:, None], []
    for x in batches:
        least, own = _scores(x, centres).min(dim=1)
        if x.device.type == "cpu":
            sums += torch.zeros_like(centres).index_add_(0, own, x)
            sizes += torch.bincount(own, minlength=len(centres))
        else:  # a GPU adds by index in no fixed order
            member = (own == numbers).to(x.dtype)
            sums += member @ x
            sizes += member.sum(dim=1)
        error += least.double().sum()
        found.append(own)
    moved = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], centres).to(centres.dtype)
    return torch.cat(found), moved, error


def _scores(x: Tensor, centres: Tensor) -> Tensor:
    """(b, k): squared distances short of |x|^2."""
    return torch.addmm(centres.square().sum(dim=1), x, centres.T, alpha=-2)


def _start(x: Tensor, clusters: int, rng: np.random.Generator) -> Tensor:
    """(k, D): the best of several runs of K-means++ and Lloyd's iterations over rows (m, D) in memory."""
    tolerance = TOLERANCE * x.var(dim=0, correction=0).mean()
    runs = []
    for _ in range(STARTS):
        centres = _plus_plus(x, clusters, rng)
        for _ in range(ITERATIONS):
            before = centres
            _, centres, error = _pass(x.split(ROWS), centres)
            if bool((centres - before).square().sum() <= tolerance):
                break
        runs.append((float(error), centres))
    return min(runs, key=lambda run: run[0])[1]


def _plus_plus(x: Tensor, clusters: int, rng: np.random.Generator) -> Tensor:
    """Greedy K-means++ starts (k, D), see :func:`cc_plugins.dcq.starts.plus_plus`."""
    trials = 2 + int(np.log(clusters))
    chances = torch.from_numpy(rng.random((clusters, trials))).to(x.device)
    norms = x.square().sum(dim=1)[:, None]
    centres = x[int(rng.integers(len(x)))].repeat(clusters, 1)
    nearest = (norms + _scores(x, centres[:1])).clamp_(min=0)
    for j in range(1, clusters):
        edges = nearest[:, 0].double().cumsum(0)
        drawn = torch.searchsorted(edges, chances[j] * edges[-1]).clamp_(max=len(x) - 1)
        candidates = x.index_select(0, drawn)
        distance = torch.minimum((norms + _scores(x, candidates)).clamp_(min=0), nearest)
        best = distance.sum(dim=0).argmin(dim=0, keepdim=True)
        centres[j], nearest = candidates.index_select(0, best)[0], distance.index_select(1, best)
    return centres


def compact(labels: np.ndarray) -> np.ndarray:
    """Clusters renumbered without gaps, the largest first; equal ones by their first image."""
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(first))
    return rank[inverse]


def random_clusters(n: int, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int64: images dealt at random into clusters of equal size, up to one image."""
    return rng.permutation(n) % min(clusters, n)


def image_rows(images: np.ndarray, kind: str, rng: np.random.Generator) -> RowsOf:
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
        from sklearn.decomposition import PCA  # here: it takes a second, and the features of a network need none
        from threadpoolctl import threadpool_limits

        sample = np.sort(rng.choice(len(images), min(len(images), SAMPLE), replace=False))
        pixels = descriptors.pixels(images[sample])
        pca = PCA(min(COMPONENTS, *pixels.shape), svd_solver="randomized", random_state=int(rng.integers(2**32)))
        # images that are all equal have no variance to share out
        # one thread: sums are then added in one order on every machine
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
