"""DC3: bins, sampling, colour compensation, stitching and storing, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, overload

import numpy as np

from cc_plugins.dc3 import GENERATED
from cc_plugins.dc3.prompts import prompts_of
from cc_plugins.dc3.selection import select, too_small
from cc_plugins.dc3.settings import Settings
from cc_plugins.dc3.shifts import shifted
from cc_plugins.dc3.stitch import stitched, variants
from cc_plugins.dc3.weights import revision_of
from cc_plugins.synthetic.dataset import synthetic
from cc_plugins.synthetic.encoding import resized
from ccbench.plugin import CompressedDataset, Task, UserError

SYNTHETIC = 1 << 40  # above every place in a training set


class DC3:
    """Dataset Condensation with Color Compensation (Wu et al., 2025).

    Args:
        bins, features: sections 3.3 and B, see :mod:`cc_plugins.dc3.bins`.
        sampling, gain, gradient, proxy: section 3.4, see :mod:`cc_plugins.dc3.sampling`.
        compensate: section 3.2 and Tables 6, 7 and 10.
        model, revision, dtype, steps, image_guidance, guidance, resolution, batch: see :class:`Settings`.
        prompts: a prompts file, see :mod:`cc_plugins.dc3.prompts`.
        stitch: appendix D, see :mod:`cc_plugins.dc3.stitch`.
        store_size, codec, quality, chroma, soft_labels, temperature, teacher: see :mod:`cc_plugins.synthetic`.

    Bins, choice, pictures and cuts are drawn by the run's base seed and the seed's index alone: not by the budget, and
    not by what other steps do. So the rows of an ablation differ in the step that is changed, and a picture
    that one of them generated serves the others.
    """

    def __init__(
        self,
        *,
        bins: int,
        features: str,
        sampling: str,
        gain: str,
        gradient: str,
        proxy: str | None,
        compensate: str,
        prompts: str,
        stitch: str,
        store_size: int,
        codec: str,
        quality: int,
        chroma: str,
        soft_labels: str,
        temperature: float,
        teacher: str | None,
        **diffusion: Any,
    ) -> None:
        self.bins, self.sampling, self.gain, self.gradient = bins, sampling, gain, gradient
        self.features = ("vae" if compensate in GENERATED else "network") if features == "auto" else features
        self.proxy, self.compensate, self.prompts, self.stitch = proxy, compensate, prompts, stitch
        self.store_size, self.codec, self.quality, self.chroma = store_size, codec, quality, chroma
        self.soft_labels, self.temperature, self.teacher = soft_labels, temperature, teacher
        self.settings = Settings(**diffusion)

    def skip(self, task: Task) -> str | None:
        """A class that has fewer images than the budget keeps per class."""
        return too_small(task.dataset.labels, task.dataset.classes, _ipc(task))

    def prepare(self, task: Task, part: int, parts: int) -> None:
        """Generate one of ``parts`` equal shares of the pictures into the store; nothing without diffusion."""
        if self.compensate not in GENERATED or self.skip(task):
            return
        from cc_plugins.dc3.generate import prepare

        images, ids, options = self.orders(task, self.select(task)[0])
        prepare(task, images, ids, part=part, parts=parts, **options)

    def compress(self, task: Task) -> CompressedDataset:
        """IPC pictures of each class, IPC being the budget's images over the classes, rounded down.

        Args:
            task: see ``ccbench.methods.task.Task``.

        Returns:
            Encoded pictures, class after class, ordered within a class by the images they come from. Their ids are
            -1; only ``compensate=none`` keeps ids, since these are training images. ``meta["source"]`` is where
            each one's image stands in the whole training split.

        Raises:
            UserError: a class is smaller than that; the diffusion model is missing; features are not finite.
        """
        data = task.dataset
        if reason := self.skip(task):
            raise UserError(reason, mend="a smaller --ipc")
        chosen, weights = self.select(task)
        return synthetic(
            task,
            self.stored(task, chosen),
            data.labels[chosen],
            ids=chosen if self.compensate == "none" else None,
            weights=weights,
            codec=self.codec,
            quality=self.quality,
            chroma=self.chroma,
            soft=self.soft_labels,
            teacher=self.teacher,
            temperature=self.temperature,
            meta={"ipc": len(chosen) // len(data.classes), "source": np.asarray(task.ids)[chosen].tolist()},
        )

    def stored(self, task: Task, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """What the file keeps of each image: its pictures stitched and brought to size, (H, W, 3) uint8."""
        size = (self.store_size, self.store_size) if self.store_size else task.dataset.images.shape[1:3]
        seed, keys = task.shared_seed("dc3 stitch"), _keys(task)[chosen]
        for done, (key, found) in enumerate(zip(keys, self.pictures(task, chosen), strict=True), start=1):
            picture = found[0] if self.compensate == "none" else stitched(found, self.stitch, seed, int(key))
            yield resized(picture, size)
            task.progress(done, len(chosen), "pictures")

    def select(self, task: Task) -> tuple[np.ndarray, np.ndarray | None]:
        """(n,) int64 positions of the images that are kept, class after class (sections 3.3 and 3.4), and weights."""
        last_layer = cache(lambda: task.stage("last-layer", proxy=self.proxy))
        return select(
            task.dataset.labels,
            len(task.dataset.classes),
            _ipc(task),
            bins=self.bins,
            features=cache(lambda: self.latents(task) if self.features == "vae" else last_layer()["features"]),
            last_layer=last_layer,
            sampling=self.sampling,
            gain=self.gain,
            gradient=self.gradient,
            seed=task.shared_seed("dc3 selection"),
            progress=lambda done, total: task.progress(done, total, "bins and sampling"),
        )

    def latents(self, task: Task) -> np.ndarray:
        """(N, 50) float32, the VAE's means reduced by PCA class by class."""
        held = {"model": self.settings.model, "revision": revision_of(self.settings), "dtype": self.settings.dtype}
        return task.stage("latents", **held)["latents"]

    def pictures(self, task: Task, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """For each image its pictures (variants, h, w, 3) uint8, cool ones first; without compensation itself alone."""
        images = task.dataset.images
        if self.compensate == "none":
            return (images[i][None] for i in chosen)
        if self.compensate not in GENERATED:
            keys, count, seed = _keys(task), variants(self.stitch), task.shared_seed("dc3 compensate")
            return (shifted(images[i], self.compensate, count, seed, int(keys[i])) for i in chosen)
        from cc_plugins.dc3.generate import compensated

        ordered, ids, options = self.orders(task, chosen)
        return compensated(task, ordered, ids, **options)

    def orders(self, task: Task, chosen: np.ndarray) -> tuple[ChosenImages, np.ndarray, dict[str, Any]]:
        """What the diffusion model is asked for: images, what they are called, and how to make their pictures."""
        options = {
            "variants": variants(self.stitch),
            "settings": self.settings,
            "prompts": prompts_of(self.compensate, self.prompts),
            "seed": task.shared_seed("dc3 compensate"),
        }
        return ChosenImages(task.dataset.images, chosen), _keys(task)[chosen], options


class ChosenImages(Sequence[np.ndarray]):
    """Some images of many, each read when it is looked at."""

    def __init__(self, images: np.ndarray, chosen: np.ndarray) -> None:
        self.images, self.chosen = images, chosen

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, row: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, row: slice) -> list[np.ndarray]: ...
    def __getitem__(self, row: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(row, slice):
            return [self.images[i] for i in self.chosen[row]]
        return self.images[self.chosen[row]]


def _ipc(task: Task) -> int:
    return task.images // len(task.dataset.classes)


def _keys(task: Task) -> np.ndarray:
    """(N,) int64, what tells images apart: where they stand in the whole training split, or in a synthetic one."""
    ids = np.asarray(task.ids, np.int64)
    return np.where(ids >= 0, ids, SYNTHETIC + np.arange(len(ids)))
