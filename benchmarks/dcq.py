"""DCQ's stages against the same steps written plainly with scikit-image and scikit-learn, and its memory.

``python -m benchmarks.dcq`` prints them; ``python -m benchmarks.dcq 50000 2`` times every step on 50,000 images.
Images are CIFAR-10's where torchvision finds it under ``CCBENCH_DATA``, otherwise crops of scikit-learn's photographs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ccbench.machine import cores

if TYPE_CHECKING:
    from ccbench.data import ImageDataset

IMAGES, CLUSTERS, BITS, KEEP = 5000, 20, 2, 50


def images(n: int) -> tuple[np.ndarray, str]:
    """(n, 32, 32, 3) uint8 and where they are from."""
    try:
        from torchvision.datasets import CIFAR10

        data = CIFAR10(os.environ["CCBENCH_DATA"]).data
        if len(data) >= n:
            return data[:n], "CIFAR-10"
    except (KeyError, RuntimeError):
        pass
    from sklearn.datasets import load_sample_images

    rng, pictures = np.random.default_rng(0), load_sample_images().images
    corners = rng.integers([0, 0, 0], [2, 427 - 32, 640 - 32], (n, 3))
    return np.stack([pictures[p][r : r + 32, c : c + 32] for p, r, c in corners]), "photograph crops"


def inputs(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Images, and features and attention as stages give them: a pooled filter bank, smooth maps in [0, 1]."""
    import torch
    import torch.nn.functional as F

    pictures, source = images(n)
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(64, 3, 3, 3, generator=generator) / 5
    features = np.empty((n, 1024), np.float32)
    attention = np.empty((n, 32, 32), np.float16)
    for start in range(0, n, 500):
        batch = torch.from_numpy(pictures[start : start + 500]).permute(0, 3, 1, 2).float() / 255
        maps = F.adaptive_avg_pool2d(F.relu(F.conv2d(batch, bank, padding=1)), 4)
        features[start : start + 500] = maps.flatten(1).numpy()
        coarse = torch.rand(len(batch), 1, 4, 4, generator=generator)
        smooth = F.interpolate(coarse, size=(32, 32), mode="bilinear")[:, 0]
        attention[start : start + 500] = smooth.numpy()
    return pictures, features, attention, source


def rows() -> list[dict[str, Any]]:
    """One row per stage, in seconds, and the memory rows, in MiB."""
    from skimage.color import rgb2lab
    from sklearn.cluster import KMeans

    from cc_plugins.dcq.attention import keep_mask
    from cc_plugins.dcq.clustering import kmeans_clusters
    from cc_plugins.dcq.colors import distinct_colors
    from cc_plugins.dcq.method import _members
    from cc_plugins.dcq.palettes import STARTS, kmeans_palette
    from cc_plugins.dcq.quantise import quantise_dataset
    from cc_plugins.dcq.refine import refine
    from ccbench.training import DeviceData

    pictures, features, attention, source = inputs(IMAGES)
    entries = 1 << BITS
    what = f"{IMAGES} images of {source}, {CLUSTERS} clusters, {BITS} bits"

    def cluster() -> np.ndarray:
        return kmeans_clusters(lambda ids: features[ids], IMAGES, CLUSTERS, np.random.default_rng(0))

    ours_cluster = _seconds(cluster)
    members = _members(cluster())
    plain_cluster = _seconds(lambda: KMeans(CLUSTERS, n_init=2, random_state=0).fit(features), 1)

    def palettes() -> list[np.ndarray]:
        return [kmeans_palette(*distinct_colors(pictures, ids, attention, KEEP), entries, 0) for ids in members]

    def plain_pixels(ids: np.ndarray) -> np.ndarray:
        return rgb2lab(pictures[ids][keep_mask(attention[ids], KEEP)])

    def plain_palettes(restarts: int) -> list[np.ndarray]:
        fitted = [KMeans(entries, n_init=restarts, random_state=0).fit(plain_pixels(ids)) for ids in members]
        return [f.cluster_centers_ for f in fitted]

    ours_palettes = _seconds(palettes)
    found = palettes()
    timed = {n: _timed(lambda n=n: plain_palettes(n), 1) for n in (1, STARTS)}
    error = {n: _inertia(members, plain_pixels, p) for n, (_, p) in timed.items()}
    own = _inertia(members, plain_pixels, found)

    start = np.stack(found)
    options: dict[str, Any] = {"steps": 100, "lr": 0.5, "weights": (1.0, 1.0, 1.0), "color_weight": 4.0}
    at = DeviceData.from_dataset(_dataset(pictures)).decode
    options |= {"size": pictures.shape[1:3], "rng": np.random.default_rng(0)}
    seconds, refined = _timed(lambda: refine(at, members, start, **options), 1)
    lower = 1 - refined.after.mean() / refined.before.mean()
    ours_assign = _seconds(lambda: quantise_dataset(pictures, members, refined.palettes))

    def plain_assign() -> None:
        for ids, palette in zip(members, refined.palettes, strict=True):
            lab = rgb2lab(palette)
            for i in ids:
                np.square(rgb2lab(pictures[i])[:, :, None] - lab).sum(-1).argmin(-1)

    table = [
        _row("clustering", ours_cluster, plain_cluster, f"K-means, all rows, 2 restarts; {what}"),
        *(
            _row("palettes", ours_palettes, timed[n][0],
                 f"K-means, all kept pixels, n_init={n}; ours, {STARTS} starts: {own / error[n]:.4f} of its inertia")
            for n in timed
        ),
        _row("refinement", seconds, None, f"100 steps, the loss falls by {lower:.1%}"),
        _row("assignment", ours_assign, _seconds(plain_assign, 1), "rgb2lab and all distances, image by image"),
    ]  # fmt: skip
    return table + memory_rows()


def memory_rows() -> list[dict[str, Any]]:
    """Peak memory of DCQ, each size in a process of its own; images, features and attention are memory-mapped."""
    peaks = {n: memory(n) for n in (5000, 20000)}
    (few, many) = peaks.values()
    return [
        {"name": f"DCQ memory, {kind}, 20,000 / 5,000 images", "ours": many[key], "peer": few[key],
         "ratio": many[key] / few[key], "unit": "MiB", "note": note}
        for kind, key, note in (
            ("private", "private", "sampled: what the process itself holds, without mapped files"),
            ("ru_maxrss", "maxrss", "with the mapped inputs and libraries"),
        )
    ]  # fmt: skip


def memory(n: int) -> dict[str, float]:
    """Peaks of one compression of ``n`` images in a fresh process, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, features, attention, _ = inputs(n)
        for name, array in (("images", pictures), ("features", features), ("attention", attention)):
            np.save(Path(folder) / f"{name}.npy", array)
        del pictures, features, attention
        command = [sys.executable, "-m", "benchmarks.dcq", "memory", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _dataset(images: np.ndarray) -> ImageDataset:
    from ccbench.data import ImageDataset

    return ImageDataset("benchmark", "train", images, np.arange(len(images)) % 10, tuple("0123456789"), "")


def _gpu() -> str:
    """The name of the GPU, empty where there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


class _Task:
    """What DCQ asks of a task, with the stages' arrays given: the benchmark times DCQ, not the proxy."""

    def __init__(self, images: np.ndarray, stages: dict[str, dict[str, np.ndarray]], bits: int) -> None:
        from ccbench.budget import Budget

        self.dataset, self.device = _dataset(images), "cuda" if _gpu() else "cpu"
        self.budget, self.stages = Budget.from_bits(bits), stages
        self.marks: list[tuple[str, float]] = []

    def rng(self, name: str) -> np.random.Generator:
        from ccbench.seeds import derive

        return np.random.default_rng(derive(0, name=name))

    def stage(self, name: str, **_: Any) -> dict[str, np.ndarray]:
        return self.stages[name]

    def progress(self, done: int, total: int, what: str) -> None:
        if done >= total:
            if self.device == "cuda":
                import torch

                torch.cuda.synchronize()
            self.marks.append((what, time.perf_counter()))


def _measure_memory(folder: str) -> None:
    import resource

    loaded = {n: np.load(Path(folder) / f"{n}.npy", mmap_mode="r") for n in ("images", "features", "attention")}
    stages = {n: {n: loaded[n]} for n in ("features", "attention")}
    from cc_plugins.dcq import DCQ

    peak, stop = [0], threading.Event()

    def watch() -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not stop.wait(0.002):
            resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
            peak[0] = max(peak[0], (resident - shared) * page)

    watcher = threading.Thread(target=watch)
    watcher.start()
    DCQ.build().compress(_Task(loaded["images"], stages, BITS))
    stop.set()
    watcher.join()
    maxrss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"private": peak[0] / 2**20, "maxrss": maxrss}))


def step_seconds(n: int, bits: int) -> Iterator[tuple[str, float]]:
    """(step, seconds) of one compression of ``n`` images, features and attention at hand."""
    from cc_plugins.dcq import DCQ

    pictures, features, attention, source = inputs(n)
    task = _Task(pictures, {"features": {"features": features}, "attention": {"attention": attention}}, bits)
    before = time.perf_counter()
    DCQ.build().compress(task)
    whole = time.perf_counter() - before
    yield f"{source}, {_gpu() or f'{cores()} cores'}, in all", whole
    for what, mark in task.marks:
        yield what, mark - before
        whole, before = whole - (mark - before), mark
    yield "packing and the rest", whole


def steps(n: int, bits: int) -> None:
    """Print :func:`step_seconds`."""
    for what, seconds in step_seconds(n, bits):
        print(f"{what:24s} {seconds:7.2f} s")


def _row(name: str, ours: float, peer: float | None, note: str) -> dict[str, Any]:
    ratio = None if peer is None else peer / ours
    return {"name": f"DCQ {name}", "ours": ours, "peer": peer, "ratio": ratio, "unit": "s", "note": note}


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    taken, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), result


def _seconds(work: Callable[[], Any], repeats: int = 3) -> float:
    return _timed(work, repeats)[0]


def _inertia(
    members: list[np.ndarray], pixels: Callable[[np.ndarray], np.ndarray], palettes: list[np.ndarray]
) -> float:
    total = 0.0
    for ids, palette in zip(members, palettes, strict=True):
        lab = pixels(ids)
        total += min_distances(lab, palette).sum()
    return total


def min_distances(lab: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """(m,) the squared distance of each colour to its nearest entry."""
    return np.min([np.square(lab - entry).sum(axis=1) for entry in palette], axis=0)


def _main() -> None:
    if sys.argv[1:2] == ["memory"]:
        _measure_memory(sys.argv[2])
    elif len(sys.argv) == 3:
        steps(int(sys.argv[1]), int(sys.argv[2]))
    else:
        for row in rows():
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)


if __name__ == "__main__":
    _main()
