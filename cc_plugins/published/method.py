"""A condensed set made elsewhere, as a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cc_plugins.distill._matching import payload_of
from cc_plugins.published import _labels, _layouts, _pictures, _spaces
from cc_plugins.published._real import recognised, searchable
from ccbench.plugin import CompressedDataset, EncodedImages, FloatImages, RawImages, Task, Unfit, UserError


class Published:
    """Read pictures, labels and what was learned with them.

    Args:
        file, labels, rate, set: see :func:`cc_plugins.published._layouts.read`; or a folder of class folders.
        normalise, zca: see :func:`cc_plugins.published._spaces.place`.
        classes: file of class names in the order of the labels, or None.
        kind: see :func:`cc_plugins.published._labels.understood`.
        store: ``"auto"``, ``"float32"``, ``"float16"`` or ``"uint8"``.
    """

    def __init__(
        self,
        *,
        file: Path | None,
        labels: Path | None,
        rate: Path | None,
        set: int | None,  # noqa: A002 - as users write it
        normalise: str,
        zca: Path | None,
        classes: Path | None,
        kind: str,
        store: str,
    ) -> None:
        self.file, self.labels, self.rate, self.set = file, labels, rate, set
        self.normalise, self.zca, self.classes, self.kind, self.store = normalise, zca, classes, kind, store

    def skip(self, task: Task) -> str | None:
        """Why there is nothing to read, or None."""
        return None if self.file else "it names no file: published[file=FILE,ipc=10]"

    def compress(self, task: Task) -> CompressedDataset:
        """All pictures of the file, which must fill the budget.

        Args:
            task: see ``ccbench.methods.task.Task``.

        Returns:
            The pictures in the file's order; those that are training images pixel by pixel have their ids.

        Raises:
            UserError: a file cannot be read, cannot belong to these data, or leaves open what a parameter decides.
            Unfit: it fills another budget.
        """
        if self.file is None:
            raise UserError("published names no file", mend="published[file=FILE,ipc=10]")
        folders = _pictures.folders_of(self.file)
        made, notes = self._folders(task, folders) if folders else self._arrays(task, self.file)
        height, width = task.dataset.images.shape[1:3]
        if made["payload"].shape != (height, width):
            (h, w) = made["payload"].shape
            notes.append(
                f"pictures of {w} x {h} pixels for images of {width} x {height}: resized where those are trained"
            )
        self._fits(task, self.file, made["labels"])
        return CompressedDataset(
            **made, classes=task.dataset.classes, nominal="images", meta={"notes": [f"published: {n}" for n in notes]}
        )

    def _folders(self, task: Task, folders: list[Path]) -> tuple[dict[str, Any], list[str]]:
        file, names = folders[0].parent, list(task.dataset.classes)
        unused: dict[str, Any] = {"labels": self.labels, "rate": self.rate, "set": self.set, "zca": self.zca}
        unused["normalise"] = None if self.normalise == "auto" else self.normalise
        if given := [name for name, value in unused.items() if value is not None]:
            raise UserError(f"{file} holds class folders of pictures", found=f"{given[0]}, which is for arrays")
        if self.store.startswith("float"):
            raise UserError(
                f"{file} holds pictures of 8 bits", found=f"store={self.store}", mend="store=uint8, or auto"
            )
        read = _pictures.read(folders, task.progress)
        if self.classes:
            numbers, note = (
                self._listed(len(folders), names),
                "class folders in the order of a file, as told",
            )
        else:
            numbers, note = _labels.order(read.folders, names, file)
        notes = [note] + [f"{read.others} files left out that are no pictures"] * bool(read.others)
        labels, n = np.array(numbers)[read.owners], len(read.payload)
        payload: EncodedImages | RawImages = read.payload
        ids = np.full(n, -1)
        if self.store == "uint8" or searchable(task, read.payload.shape):
            pixels = np.stack([read.payload.decode(i) for i in range(n)])
            ids, found = recognised(task, pixels, labels, file)
            notes += found
            payload = RawImages(pixels) if self.store == "uint8" else payload
        return {"payload": payload, "ids": ids, "labels": labels}, notes

    def _arrays(self, task: Task, file: Path) -> tuple[dict[str, Any], list[str]]:
        classes = len(task.dataset.classes)
        found = _layouts.read(file, self.labels, self.rate, self.set)
        where = self.labels or file
        labels, soft, kind = _labels.understood(found.labels, classes, self.kind, where)
        notes = [*found.notes, kind]
        if self.classes:
            numbers = np.array(self._listed(classes, list(task.dataset.classes)))
            labels, soft = numbers[labels], None if soft is None else soft[:, np.argsort(numbers)]
            notes.append("classes in the order of a file, as told")
        else:
            notes.append("classes in the order of the data's")
        payload, pixels, placed = self._payload(task, file, found.images)
        ids, known = recognised(task, pixels, labels, file) if pixels is not None else (np.full(len(labels), -1), [])
        made = {"payload": payload, "ids": ids, "labels": labels, "soft_labels": soft, "learning_rate": found.rate}
        return made, [*notes, placed, *known]

    def _payload(
        self, task: Task, file: Path, images: np.ndarray
    ) -> tuple[FloatImages | RawImages, np.ndarray | None, str]:
        """What the file of pictures is stored as, its whole pixels where it has them, and the space they lie in."""
        if images.dtype == np.uint8:
            if self.zca or self.normalise not in {"auto", "bytes"} or self.store.startswith("float"):
                raise UserError(f"{file} holds pixels of 8 bits", mend="leave out normalise, zca and store")
            pixels = np.ascontiguousarray(images)
            return RawImages(pixels), pixels, "pixels of 8 bits"
        placed = _spaces.place(task, file, images, self.normalise, self.zca)
        store = self.store if self.store != "auto" else "float16" if images.dtype == np.float16 else "float32"
        with np.errstate(over="ignore"):
            if not np.isfinite(images.astype(store if store != "uint8" else "float32")).all():
                raise UserError(f"{file} has values too large for {store}", found=f"up to {np.abs(images).max():.4g}")
        if store == "uint8" and placed.pixels is not None:
            return RawImages(placed.pixels), placed.pixels, placed.note
        return payload_of(_spaces.values(images), placed.space, store), placed.pixels, placed.note

    def _listed(self, count: int, names: list[str]) -> list[int]:
        assert self.classes is not None
        numbers = _labels.listed(self.classes, names)
        if len(numbers) != count:
            raise UserError(f"{self.classes} names {len(numbers)} classes", found=f"the file has {count}")
        return numbers

    def _fits(self, task: Task, file: Path, labels: np.ndarray) -> None:
        kept, each = len(labels), np.bincount(labels, minlength=len(task.dataset.classes))
        if kept == task.images:
            return
        even = each.min() == each.max()
        share = f"ipc={each[0]}" if even else f"fraction={kept / len(task.dataset.labels):.10g}"
        raise Unfit(
            f"{file} holds {'more' if kept > task.images else 'fewer'} pictures than the budget",
            found=f"{kept}, {each[0] if even else f'{each.min()} to {each.max()}'} of each class, for {task.images}",
            mend=f"{share} among its parameters: published[{share},file=...]",
        )
