"""Weighted K-means with restarts on a few thousand points, all restarts at once."""

from __future__ import annotations

import numpy as np


def kmeans(points: np.ndarray, weights: np.ndarray, entries: int, restarts: int, seed: int) -> np.ndarray:
    """The centres of the best of several runs of K-means++ and at most 20 of Lloyd's iterations.

    Args:
        points: (m, d) float, m >= 1.
        weights: (m,) > 0.
        entries: how many centres.
        restarts: how many runs.
        seed: in [0, 2**32).

    Returns:
        (entries, d) float64.
    """
    centres = lloyd(points, weights, plus_plus(points, weights, entries, restarts, np.random.default_rng(seed)), 20)
    distances = np.stack(
        [_scores(points, c[None])[:, 0].min(axis=1) for c in centres]
    )  # short of |x|^2, equal for all runs
    return centres[(distances @ weights).argmin()]


def plus_plus(
    points: np.ndarray, weights: np.ndarray, entries: int, restarts: int, rng: np.random.Generator
) -> np.ndarray:
    """Greedy K-means++ starts (restarts, entries, d) (Arthur and Vassilvitskii, 2007).

    Points are drawn with a chance of weight times squared distance to the centres so far; of
    2 + ln(entries) such draws the one that leaves the least squared error becomes the next centre.
    """
    m, d = points.shape
    norms = np.square(points).sum(axis=1)
    trials, runs = 2 + int(np.log(entries)), np.arange(restarts)
    nearest = np.full((restarts, m), np.inf)
    out = np.empty((restarts, entries, d))
    for j in range(entries):
        chance = np.cumsum(nearest * weights if j else np.ones((restarts, 1)) * weights, axis=1)
        chance[chance[:, -1] <= 0] = np.cumsum(weights)  # every point is a centre already
        draws = rng.random((restarts, trials if j else 1)) * chance[:, -1:]
        drawn = np.stack([np.searchsorted(c, r, side="right") for c, r in zip(chance, draws, strict=True)])
        candidates = points[np.minimum(drawn, m - 1)]
        distance = norms - 2 * candidates @ points.T + np.square(candidates).sum(axis=2)[..., None]
        distance = np.minimum(nearest[:, None], np.maximum(distance, 0))
        best = (distance @ weights).argmin(axis=1)
        out[:, j], nearest = candidates[runs, best], distance[runs, best]
    return out


def lloyd(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray, iterations: int = 100, tolerance: float = 0.02
) -> np.ndarray:
    """Lloyd's iterations from each of some starts, until no centre moves by more than ``tolerance``.

    Args:
        points: (m, d) float.
        weights: (m,) > 0.
        centres: (restarts, entries, d); one that no point is nearest to stays where it is.
        iterations: at most.
        tolerance: in units of the points.

    Returns:
        (restarts, entries, d) float64.
    """
    restarts, entries, d = centres.shape
    weighted = points * weights[:, None]
    for _ in range(iterations):
        label = _scores(points, centres).argmin(axis=2) + np.arange(restarts) * entries
        flat, size = label.T.reshape(-1), restarts * entries
        mass = np.bincount(flat, np.tile(weights, restarts), minlength=size)
        sums = np.stack(
            [np.bincount(flat, np.tile(weighted[:, c], restarts), minlength=size) for c in range(d)], axis=1
        )
        moved = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-300)[:, None], centres.reshape(size, d))
        moved = moved.reshape(centres.shape)
        shift = np.abs(moved - centres).max()
        centres = moved
        if shift < tolerance:
            break
    return centres


def _scores(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(m, restarts, entries): squared distances short of |x|^2."""
    flat = centres.reshape(-1, centres.shape[2])
    return (points @ (-2 * flat.T) + np.square(flat).sum(axis=1)).reshape(len(points), *centres.shape[:2])
