"""DC3's bins and sampling against the same steps written plainly, and the memory of its greedy choice.

``python -m benchmarks.dc3_selection`` prints the rows. Images are one class of CIFAR-10, 5,000 of them, where
torchvision finds it under ``CCBENCH_DATA``, otherwise crops of scikit-learn's photographs. The network is a random bank
of filters with a ridge classifier of ten classes on it: timings depend on the sizes of features and logits alone.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._measure import paired
from benchmarks.dcq import images as pictures_of

IMAGES, WIDTH, CLASSES, BINS, IPC = 5000, 512, 10, 10, 50


def network(n: int) -> tuple[dict[str, np.ndarray], np.ndarray, str]:
    """``features`` (n, 512) and ``logits`` (n, 10) of ``n`` images of one class; (n, 50) rows as of the VAE."""
    import torch
    import torch.nn.functional as F
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge

    pictures, labels, source = _one_class(n)
    bank = torch.randn(WIDTH // 4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) / 8
    features = np.empty((len(pictures), WIDTH), np.float32)
    for start in range(0, len(pictures), 250):
        batch = torch.from_numpy(pictures[start : start + 250]).permute(0, 3, 1, 2).float() / 255
        maps = F.adaptive_avg_pool2d(F.relu(F.conv2d(batch, bank, stride=2)), 2)
        features[start : start + 250] = maps.flatten(1).numpy()
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    logits = 8 * Ridge(1.0).fit(features, targets).predict(features).astype(np.float32)
    own = labels == 0
    latents = PCA(50, random_state=0).fit_transform(pictures[own].reshape(own.sum(), -1) / 255.0).astype(np.float32)
    return {"features": features[own], "logits": logits[own]}, latents, source


def rows() -> list[dict[str, Any]]:
    """Seconds of one class, and bytes of greedy choice in one bin."""
    from sklearn.cluster import KMeans

    from cc_plugins.dc3.bins import cluster
    from cc_plugins.dc3.selection import select

    layer, latents, source = network(IMAGES)
    n = len(latents)
    labels = np.zeros(n, np.int64)
    what = f"{n} images of one class of {source}, {WIDTH} features, {CLASSES} classes, {BINS} bins, IPC {IPC}"

    def ours(gain: str) -> np.ndarray:
        return select(
            labels, 1, IPC, bins=BINS, features=lambda: latents, last_layer=lambda: layer, sampling="submodular",
            gain=gain, gradient="released", seed=0,
        )  # fmt: skip

    seed = int(np.random.default_rng([0, 0]).integers(2**32))

    def plain(gain: str) -> None:
        found = KMeans(BINS, n_init=1, random_state=seed).fit_predict(latents)
        for k in range(BINS):
            plain_greedy(layer, np.flatnonzero(found == k), IPC // BINS, gain)

    def sampled(rule: Callable[[np.ndarray], np.ndarray]) -> Callable[[], object]:
        return lambda: [rule(m) for m in cut]

    cut = cluster(latents, BINS, seed)
    exact = {name: rows.astype(np.float64) for name, rows in layer.items()}
    table = []
    for gain, note in (("graphcut", "gradients written out, all pairs, NumPy"), ("paper", "all pairs, NumPy")):
        found = [(ours_greedy(layer, m, IPC // BINS, gain), plain_greedy(exact, m, IPC // BINS, gain)) for m in cut]
        same = sum(len(np.intersect1d(mine, theirs)) for mine, theirs in found)
        steps = sampled(lambda m, g=gain: ours_greedy(layer, m, IPC // BINS, g))
        peer = sampled(lambda m, g=gain: plain_greedy(layer, m, IPC // BINS, g))
        picks = f"{same} of {IPC} picks as it picks in float64"
        table.append(_row(f"sampling, {gain}", *paired(steps, peer, 5), f"{note}; {picks}; {what}"))
        both = paired(lambda g=gain: ours(g), lambda g=gain: plain(g), 5)
        table.append(_row(f"bins and sampling, {gain}", *both, "both bins by scikit-learn's K-means"))
    alone = paired(
        lambda: cluster(latents, BINS, seed), lambda: KMeans(BINS, n_init=1, random_state=seed).fit(latents), 5
    )
    table.append(_row("bins", *alone, "the same K-means; ours in float64 on one thread, the same on every machine"))
    return table + memory_rows()


def memory_rows() -> list[dict[str, Any]]:
    """Peak of what greedy choice allocates, without its inputs, when all images are one bin."""
    peaks = {(n, kind): _peak(n, kind) for n, kind in ((2000, "ours"), (8000, "ours"), (2000, "plain"))}
    few, many = peaks[2000, "ours"], peaks[8000, "ours"]
    return [
        {"name": "DC3 greedy memory, 8,000 / 2,000 images", "ours": many, "peer": few, "ratio": many / few,
         "unit": "MiB", "note": "graph cut in one bin: linear is 4"},
        {"name": "DC3 greedy memory, 2,000 images", "ours": few, "peer": peaks[2000, "plain"],
         "ratio": peaks[2000, "plain"] / few, "unit": "MiB", "note": "against gradients and all pairs"},
    ]  # fmt: skip


def ours_greedy(layer: dict[str, np.ndarray], members: np.ndarray, budget: int, gain: str) -> np.ndarray:
    """The picks in one bin, by DC3's code."""
    from cc_plugins.dc3.sampling import Bin, submodular

    return submodular(Bin(members, 0, lambda: layer, np.random.default_rng(0), gain, "released"), budget)


def plain_greedy(layer: dict[str, np.ndarray], members: np.ndarray, budget: int, gain: str) -> np.ndarray:
    """The picks in one bin as one would write it down: gradients, similarities of all pairs, each gain summed anew."""
    features = layer["features"][members]
    if gain == "paper":
        squares = np.square(features).sum(1)
        pairs = squares[:, None] + squares - 2 * features @ features.T
    else:
        gradients = plain_gradients(features, layer["logits"][members])
        lengths = np.linalg.norm(gradients, axis=1)
        pairs = 0.5 + 0.5 * (gradients @ gradients.T) / (lengths[:, None] * lengths)
    chosen = np.zeros(len(members), bool)
    gains = np.empty(len(members))
    for _ in range(budget):
        open_ = ~chosen
        if gain == "paper":
            gains[open_] = pairs[np.ix_(chosen, open_)].sum(0) - pairs[np.ix_(open_, open_)].sum(0)
        else:
            gains[open_] = pairs[:, open_].sum(0) - 2 * pairs[np.ix_(chosen, open_)].sum(0)
        gains[chosen] = -np.inf
        chosen[gains.argmax()] = True
    return np.flatnonzero(chosen)


def plain_gradients(features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(n, C * (D + 1)) float32, of the released loss for label 0."""
    import torch

    outputs = torch.from_numpy(logits).requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(outputs.softmax(1), torch.zeros(len(logits), dtype=torch.long))
    errors = torch.autograd.grad(loss, outputs)[0].numpy()
    weights = errors[:, :, None] * features[:, None, :]
    return np.concatenate([errors, weights.reshape(len(errors), -1)], axis=1)


def _one_class(n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Pictures and labels of which ``n`` are of class 0, and some of the others for the classifier to tell apart."""
    import os

    try:
        from torchvision.datasets import CIFAR10

        data = CIFAR10(os.environ["CCBENCH_DATA"])
        labels = np.array(data.targets)
        if np.count_nonzero(labels == 0) < n:
            raise RuntimeError
        kept = np.concatenate([np.flatnonzero(labels == c)[: n if c == 0 else 100] for c in range(CLASSES)])
        return data.data[kept], labels[kept], "CIFAR-10"
    except (KeyError, RuntimeError):
        pictures, source = pictures_of(n + 900)
        labels = np.concatenate([np.zeros(n, np.int64), np.arange(900) % (CLASSES - 1) + 1])
        return pictures, labels, source


def _peak(n: int, kind: str) -> float:
    rng = np.random.default_rng(0)
    layer = {"features": rng.normal(size=(n, WIDTH)).astype(np.float32),
             "logits": rng.normal(0, 2, (n, CLASSES)).astype(np.float32)}  # fmt: skip
    greedy = ours_greedy if kind == "ours" else plain_greedy
    greedy(layer, np.arange(20), 2, "graphcut")  # imports are not counted
    tracemalloc.start()
    greedy(layer, np.arange(n), IPC, "graphcut")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _row(name: str, ours: float, peer: float, note: str) -> dict[str, Any]:
    return {"name": f"DC3 {name}", "ours": ours, "peer": peer, "ratio": peer / ours, "unit": "s", "note": note}


if __name__ == "__main__":
    for row in rows():
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
