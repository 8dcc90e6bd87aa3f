"""DCQ: clusters of images that share a palette, found where the network looks, refined for edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cc_plugins.dcq import gpu
from cc_plugins.dcq.clustering import image_rows, kmeans_clusters, random_clusters
from cc_plugins.dcq.colors import distinct_colors
from cc_plugins.dcq.palettes import kmeans_palette
from cc_plugins.dcq.quantise import quantise_dataset
from cc_plugins.dcq.rate import Weighed, weigh
from cc_plugins.dcq.reassign import best_palettes
from cc_plugins.dcq.refine import Images, refine
from cc_plugins.dcq.room import fit
from cc_plugins.dcq.temporary import temporary
from ccbench.plugin import CompressedDataset, PaletteImages, Task, UserError

RATE = 100.0  # at which a palette of one more bit takes about as many coded bytes as one without
SAMPLE = 4096  # images that foretell what a rate costs
NETWORK_FEATURES = ("shallow", "mid1", "mid2", "final")


class DCQ:
    """Dataset Color Quantization (Yu et al., 2026), section 3.2.

    Memory holds one cluster's distinct colours, one batch and one block of clusters. Time grows linearly in images, and
    that of refinement linearly in clusters whatever the number of images. On a GPU everything is computed there.

    Args:
        features: what images are clustered by.
        clusters: at most so many palettes; ``label`` takes one per class instead.
        pool: network features are averaged to pool x pool cells.
        attention: which class activation map tells the pixels that count; ``none`` takes all.
        keep_percent: per cent of each image's pixels that count for its palette.
        refine: whether palettes are refined by Eq. 6.
        refine_steps: gradient steps.
        refine_lr: first step size in LAB units.
        w_l: weight of L in Eq. 6.
        w_a: weight of a in Eq. 6.
        w_b: weight of b in Eq. 6.
        color_weight: weight of the colour difference beside Eq. 6.
        reassign: at most so many rounds in which images go to the palette that fits them best; not in the paper.
        rate: squared LAB distance that a pixel may lose for each bit that its entry saves when it is coded; not in the
            paper. 0: every pixel has the nearest entry. None: where the run holds coded files to bytes the least that
            fits, :data:`RATE` elsewhere.
        proxy: the proxy's architecture; None is the one of the protocol.
    """

    def __init__(
        self,
        *,
        features: str,
        clusters: int,
        pool: int,
        attention: str,
        keep_percent: float,
        refine: bool,
        refine_steps: int,
        refine_lr: float,
        w_l: float,
        w_a: float,
        w_b: float,
        color_weight: float,
        reassign: int,
        rate: float | None,
        proxy: str | None,
    ) -> None:
        self.features, self.clusters, self.pool = features, clusters, pool
        self.attention, self.keep_percent = attention, keep_percent
        self.refine, self.refine_steps, self.refine_lr = refine, refine_steps, refine_lr
        self.weights, self.color_weight = (w_l, w_a, w_b), color_weight
        self.reassign, self.rate, self.proxy = reassign, rate, proxy

    def compress(self, task: Task) -> CompressedDataset:
        """The training set in 2**q colours per cluster; every image is kept.

        Args:
            task: see ``ccbench.methods.task.Task``; its budget must lie on the palette grid q/24, q = 1..8.

        Raises:
            UserError: a budget that no palette hits.
        """
        bits = task.budget.palette_bits
        if bits is None:
            raise UserError(
                "dcq stores 1 to 8 whole bits per pixel, so it hits the ratios 1 - q/24 only",
                found=f"ratio {task.budget.ratio:g}",
                mend=f"--ratio {task.budget.snap().ratio:.6g}, or leave out --no-snap",
            )
        from ccbench.plugin import DeviceData

        images = task.dataset.images
        at = DeviceData.from_dataset(task.dataset, place(task)).decode
        clusters, palettes, moved = self.shared(task, 1 << bits, at)
        members = _members(clusters)
        refined = refine(
            at,
            members,
            palettes,
            size=images.shape[1:3],
            steps=self.refine_steps if self.refine else 0,
            lr=self.refine_lr,
            weights=self.weights,
            color_weight=self.color_weight,
            rng=task.rng("refine"),
            device=place(task),
            progress=lambda done, total: task.progress(done, total, "refining palettes"),
        )
        tell = lambda done, total: task.progress(done, total, "assigning colours")  # noqa: E731
        if on_cpu(task):
            indices = quantise_dataset(images, members, refined.palettes, tell)
        else:
            indices = gpu.quantise_dataset(at, clusters, refined.palettes, images.shape[1:3], task.device, tell)
        sizes = np.array([len(m) for m in members])
        meta: dict[str, Any] = {
            "clusters": len(members),
            "bits": bits,
            "loss_before": round(float((refined.before * sizes).sum() / sizes.sum()), 4),
            "loss_after": round(float((refined.after * sizes).sum() / sizes.sum()), 4),
        }
        if self.reassign:
            meta["moved"] = moved

        def make(rate: float) -> CompressedDataset:
            taken, told = indices, dict[str, Any]()
            if rate:
                taken = temporary(indices.shape, np.uint8)
                taken[:] = indices
                told = told_of(rate, self.weigh(task, rate, taken, clusters, refined.palettes, at))
            return CompressedDataset(
                PaletteImages(taken, refined.palettes, clusters, bits),
                ids=np.arange(len(images)),
                labels=task.dataset.labels,
                classes=task.dataset.classes,
                meta=meta | told,
            )

        if self.rate is not None or task.room is None:
            return make(RATE if self.rate is None else self.rate)
        some = np.linspace(0, len(images) - 1, min(len(images), SAMPLE)).astype(np.int64)

        def bits_of_some(rate: float) -> float:
            taken = indices[some]
            return self.weigh(task, rate, taken, clusters[some], refined.palettes, at, some).bits[1]

        return fit(make, task.room, bits_of_some)

    def shared(self, task: Task, entries: int, at: Images) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Clusters (n,), their palettes (k, entries, 3), and how many images moved in each round of ``reassign``."""
        clusters, moved = self.cluster(task), list[int]()
        palettes = self.palettes(task, _members(clusters), entries, at)
        tell = lambda done, total: task.progress(done, total, "images to their best palettes")  # noqa: E731
        for _ in range(self.reassign if len(palettes) > 1 else 0):
            better = best_palettes(at, len(clusters), palettes, place(task), tell)
            moved.append(int((better != clusters).sum()))
            if not moved[-1]:
                break
            clusters = np.unique(better, return_inverse=True)[1].astype(np.int64)  # a palette that nobody takes goes
            palettes = self.palettes(task, _members(clusters), entries, at)
        return clusters, palettes, moved

    def cluster(self, task: Task) -> np.ndarray:
        """(n,) int64 cluster of each image, numbered from 0 without gaps (section 3.2.1)."""
        images, n = task.dataset.images, len(task.dataset.labels)
        rng = task.rng("clusters")
        if self.features == "label":
            return np.unique(task.dataset.labels, return_inverse=True)[1].astype(np.int64)
        if self.features == "random":
            return random_clusters(n, self.clusters, rng)
        if min(self.clusters, n) == 1:
            return np.zeros(n, np.int64)
        if self.features in NETWORK_FEATURES:
            entry = task.stage("features", layer=self.features, pool=self.pool, proxy=self.proxy)["features"]
            rows = lambda ids: np.asarray(entry[ids], np.float32)  # noqa: E731
        else:
            rows = image_rows(images, self.features, rng)
        task.progress(0, 1, "clustering")
        assigned = kmeans_clusters(rows, n, self.clusters, rng, place(task))
        task.progress(1, 1, "clustering")
        return assigned

    def palettes(self, task: Task, members: list[np.ndarray], entries: int, at: Images) -> np.ndarray:
        """(k, entries, 3) float32 LAB palettes of the clusters' kept pixels (section 3.2.2)."""
        images, attention = task.dataset.images, self.looks(task)
        seeds = task.rng("palettes").integers(2**32, size=len(members))
        out = np.empty((len(members), entries, 3), np.float32)
        for c, ids in enumerate(members):
            if on_cpu(task):
                colors = distinct_colors(images, ids, attention, self.keep_percent)
                out[c] = kmeans_palette(*colors, entries, int(seeds[c]))
            else:
                pixels = images.shape[1] * images.shape[2]
                table = gpu.count_colors(at, ids, attention, self.keep_percent, pixels, task.device)
                out[c] = gpu.kmeans_palette(table, entries, int(seeds[c]))
            task.progress(c + 1, len(members), "palettes")
        return out

    def weigh(
        self,
        task: Task,
        rate: float,
        indices: np.ndarray,
        clusters: np.ndarray,
        palettes: np.ndarray,
        at: Images,
        ids: np.ndarray | None = None,
    ) -> Weighed:
        """Entries that cost fewer bits, in place, of all images or of those at ``ids`` (not in the paper)."""
        looks = self.looks(task)
        if ids is not None:
            where = torch.from_numpy(ids).to(place(task))
            whole, looks = at, None if looks is None else looks[ids]
            at = lambda some: whole(where[some])  # noqa: E731
        return weigh(
            at,
            indices,
            clusters,
            palettes,
            rate=rate,
            attention=looks,
            weights=self.weights,
            color_weight=self.color_weight,
            device=place(task),
            progress=lambda done, total: task.progress(done, total, "weighing bits"),
        )

    def looks(self, task: Task) -> np.ndarray | None:
        """(n, H, W) float16 attention, or None where all pixels count."""
        if self.attention == "none" or self.keep_percent >= 100:
            return None
        return task.stage("attention", cam=self.attention, proxy=self.proxy)["attention"]


def told_of(rate: float, found: Weighed) -> dict[str, Any]:
    """What stands in ``meta`` of a rate."""
    told = {"bits_per_pixel": found.bits, "lab_error": found.error, "texture_loss": found.texture}
    return {"rate": rate, **{name: [round(v, 4) for v in values] for name, values in told.items()}}


def on_cpu(task: Task) -> bool:
    """Whether colours are sorted out first, on the CPU; a GPU looks at every pixel, in float64 here and there."""
    return not task.device.startswith("cuda")


def place(task: Task) -> str:
    """Where to compute."""
    return "cpu" if on_cpu(task) else task.device


def _members(clusters: np.ndarray) -> list[np.ndarray]:
    """The ascending ids of each cluster's images."""
    order = np.argsort(clusters, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)
