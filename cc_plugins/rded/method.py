"""RDED: score crops, keep the best of each class, put them side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ccbench.plugin import CompressedDataset, Task, UserError

LARGE = 64  # pixels; above, a picture holds 2 x 2 crops


class RDED:
    """Realistic, Diverse and Efficient Dataset Distillation (Sun et al., 2024), as in the released code.

    Args:
        mipc, crops, teacher: see :func:`cc_plugins.rded.realism.run`.
        factor: crops along each side of a picture; None is 1 for images of up to 64 pixels, otherwise 2.
        codec, quality, chroma, soft_labels, temperature: see :func:`cc_plugins.synthetic.dataset.synthetic`.

    Images and crops are drawn by the run's base seed and the seed's index alone, so that the pictures of a smaller
    budget are made of the best crops of a larger one, and crops are scored once for all of them.
    """

    def __init__(
        self,
        *,
        mipc: int,
        crops: int,
        factor: int | None,
        codec: str,
        quality: int,
        chroma: str,
        soft_labels: str,
        temperature: float,
        teacher: str | None,
    ) -> None:
        self.mipc, self.crops, self.factor = mipc, crops, factor
        self.codec, self.quality, self.chroma = codec, quality, chroma
        self.soft_labels, self.temperature, self.teacher = soft_labels, temperature, teacher

    def skip(self, task: Task) -> str | None:
        """Pictures need more crops than there are images, of which each gives one; or a crop has no pixel."""
        height, width = task.dataset.images.shape[1:3]
        factor, ipc = self._factor(task), _ipc(task)
        if factor > min(height, width):
            return f"factor={factor} cuts images of {height} x {width} pixels into less than a pixel"
        needed = ipc * factor**2
        sizes = np.bincount(task.dataset.labels, minlength=len(task.dataset.classes))
        smallest = int(sizes.argmin())
        each = f"{ipc} pictures per class of {factor} x {factor} crops need {needed} images"
        if needed > sizes[smallest]:
            return f"{each}, the class {task.dataset.classes[smallest]!r} has {sizes[smallest]}"
        if needed > self.mipc:
            return f"{each}, mipc={self.mipc} looks at fewer; rded[mipc={needed}] at as many"
        return None

    def compress(self, task: Task) -> CompressedDataset:
        """IPC pictures of each class, IPC being the budget's images over the classes, rounded down.

        Args:
            task: see ``ccbench.methods.task.Task``.

        Returns:
            Encoded pictures, class after class, the best crops first; their ids are -1.

        Raises:
            UserError: a class has too few images for the budget, or the teacher does not suit the data.
        """
        from cc_plugins.synthetic.dataset import synthetic

        if reason := self.skip(task):
            raise UserError(reason, mend="a smaller --ipc")
        ipc, classes = _ipc(task), len(task.dataset.classes)
        return synthetic(
            task,
            self.pictures(task),
            np.repeat(np.arange(classes), ipc),
            codec=self.codec,
            quality=self.quality,
            chroma=self.chroma,
            soft=self.soft_labels,
            teacher=self.teacher,
            temperature=self.temperature,
            meta={"ipc": ipc, "factor": self._factor(task)},
        )

    def pictures(self, task: Task) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 each: a class's n best crops are the first tiles of its n pictures, the next n the second."""
        import torch

        from cc_plugins.rded.mosaic import mosaic
        from cc_plugins.rded.realism import tile
        from ccbench.plugin import resized_crop

        data, factor, ipc = task.dataset, self._factor(task), _ipc(task)
        size, draw = tuple(data.images.shape[1:3]), task.repetition
        crops = task.stage("realism", mipc=self.mipc, crops=self.crops, factor=factor, draw=draw, teacher=self.teacher)
        labels = data.labels[crops["images"]]
        for label in range(len(data.classes)):
            best = np.flatnonzero(labels == label)[: ipc * factor**2]
            for first in range(ipc):
                rows = best[first::ipc]
                pixels = torch.from_numpy(np.ascontiguousarray(data.images[crops["images"][rows]])).permute(0, 3, 1, 2)
                boxes = torch.from_numpy(np.array(crops["boxes"][rows]))
                yield mosaic(resized_crop(pixels, boxes, tile(size, factor)), factor, size).numpy()
            task.progress(label + 1, len(data.classes), "pictures")

    def _factor(self, task: Task) -> int:
        return self.factor or (1 if max(task.dataset.images.shape[1:3]) <= LARGE else 2)


def _ipc(task: Task) -> int:
    return task.images // len(task.dataset.classes)
