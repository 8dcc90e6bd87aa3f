"""A compressed dataset as an ordinary PyTorch dataset."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import Dataset

from ccbench.archive import container
from ccbench.archive.compressed import CompressedDataset
from ccbench.archive.payloads import FloatImages
from ccbench.archive.spaces import Space
from ccbench.errors import UserError


class TorchImages(Dataset[tuple[Any, Any]]):
    """Images and labels of one compressed file; made by :func:`load`.

    Attributes:
        transform: called with a PIL image (RGB), or None.
        classes: class names.
        labels: (n,) int64 array, the class of each image.
        ids: (n,) int64 array, where each stood in the training set; -1 for synthetic images.
        weights: (n,) float32 array, what each counts for in the loss, or None.
        space: of float pictures; ``space.values(images)`` brings (b, 3, H, W) test images in 0 .. 255 into it. None for
            all other images.
        compressed: the CompressedDataset itself.
    """

    def __init__(self, path: str | os.PathLike[str], transform: Callable[[Image.Image], Any] | None = None) -> None:
        self.path = Path(path).absolute()
        self.transform = transform
        self._attach(CompressedDataset.open(path))

    def _attach(self, compressed: CompressedDataset) -> None:
        self.compressed = compressed
        self.classes, self.labels, self.ids = compressed.classes, compressed.labels, compressed.ids
        self.weights = compressed.weights
        payload, soft = compressed.payload, compressed.soft_labels
        self._floats = payload if isinstance(payload, FloatImages) else None
        self.space: Space | None = self._floats.space if self._floats else None
        self._targets: Any = compressed.labels.tolist() if soft is None else torch.from_numpy(soft).float()

    def __len__(self) -> int:
        return len(self.compressed)

    def __repr__(self) -> str:
        return f"TorchImages({str(self.path)!r}, {self.compressed!r}, transform={self.transform!r})"

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        """(uint8 or float32 tensor (3, H, W) or what the transform makes, int label or float32 tensor (C,))."""
        return self.__getitems__([range(len(self))[i]])[0]

    def __getitems__(self, index: list[int]) -> list[tuple[Any, Any]]:
        """Several items, decoded in one go; the DataLoader calls this."""
        if self._floats and self.transform is None:
            images = self._floats.tensor(index)
        else:
            images = self.compressed.decode(index)
        if self.transform is None:
            return [(image, self._targets[i]) for image, i in zip(images, index, strict=True)]
        pixels = images.permute(0, 2, 3, 1).numpy()
        return [(self.transform(Image.fromarray(p)), self._targets[i]) for p, i in zip(pixels, index, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "transform": self.transform, "digest": self.compressed.digest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.transform = state["path"], state["transform"]
        if container.read_digest(self.path) != state["digest"]:
            raise UserError(f"{self.path} has changed since it was loaded", mend="load it again")
        self._attach(CompressedDataset.open(self.path))


def load(path: str | os.PathLike[str], transform: Callable[[Image.Image], Any] | None = None) -> TorchImages:
    """Open a compressed file as a dataset for a DataLoader.

    Args:
        path: a ``.ccb`` file.
        transform: called with each PIL image (RGB), as in torchvision; without it images are uint8 tensors (3, H, W),
            and float pictures float32 tensors in the space that they were trained in, which is where a network wants
            them; the transform gets them clipped to colours.

    Returns:
        A ``torch.utils.data.Dataset`` of (image, label). A label is an int, or a float32 tensor (C,) of
        probabilities where the file holds soft labels. It works with any number of workers.

    Raises:
        UserError: as :meth:`CompressedDataset.open`.
    """
    return TorchImages(path, transform)
