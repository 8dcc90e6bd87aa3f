"""What every method returns: images in some payload, where they came from, and how they are labelled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ccbench.archive import container
from ccbench.archive.checks import (
    check_classes,
    check_full,
    check_ids,
    check_labels,
    check_learning_rate,
    check_meta,
    check_scores,
    check_soft_labels,
    check_weights,
    smallest,
)
from ccbench.archive.coded import code, coders, restore, unknown
from ccbench.archive.facts import check
from ccbench.archive.ids import restore_ids, store_ids
from ccbench.archive.palette import PaletteImages
from ccbench.archive.payloads import KINDS, EncodedImages, FloatImages, LevelImages, PatchImages, Payload, RawImages
from ccbench.budget import BITS_PER_PIXEL, DataShape
from ccbench.errors import UserError

if TYPE_CHECKING:
    import torch

    from ccbench.archive.decode import Decoder
    from ccbench.data import ImageDataset

NOMINAL = ("bits", "images")
_CHUNK = 1024  # images decoded at once where all are wanted


class CompressedDataset:
    """A compressed training set; checked when it is made, so that one that exists is sound.

    Args:
        payload: RawImages, PaletteImages, EncodedImages, PatchImages, LevelImages or FloatImages: n >= 1 images of one
            size.
        ids: (n,) whole numbers, where each image stood in the training set, unique; -1 for synthetic images.
        labels: (n,) whole numbers in 0 .. len(classes)-1.
        classes: C >= 1 class names.
        soft_labels: (n, C) probabilities, each row summing to 1 within float16; stored as float16.
        weights: (n,) finite numbers above 0, what each image counts for in the loss; stored as float32.
        meta: whatever JSON can hold; kept with the file.
        nominal: how the papers' formula counts it: ``"bits"``, q/24 of a pixel's raw bits; or ``"images"``, one image
            whatever its size and codec, as condensation counts images per class (IPC).
        learning_rate: learned together with the images, above 0; used by protocols that say ``learned_lr``.

    Attributes:
        scores: by name, (N,) float32 of every image of the training set, what a selection went by; not in the file,
            whose ``meta`` has the names alone.

    Raises:
        UserError: any of it is not so.
    """

    def __init__(
        self,
        payload: Payload,
        ids: np.ndarray | Sequence[int],
        labels: np.ndarray | Sequence[int],
        *,
        classes: Sequence[str],
        soft_labels: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        meta: dict[str, Any] | None = None,
        nominal: str = "bits",
        learning_rate: float | None = None,
    ) -> None:
        if nominal not in NOMINAL:
            raise UserError(f"nominal must be one of {', '.join(NOMINAL)}", found=repr(nominal))
        if not isinstance(payload, tuple(KINDS.values())):
            raise UserError(
                f"the payload must be one of {', '.join(c.__name__ for c in KINDS.values())}",
                found=type(payload).__name__,
            )
        n = len(payload)
        self.payload = payload
        self.classes = check_classes(classes)
        self.ids = check_ids(ids, n)
        self.labels = check_labels(labels, n, len(self.classes))
        self.soft_labels = check_soft_labels(soft_labels, n, len(self.classes))
        self.weights = check_weights(weights, n)
        self.meta = check_meta(meta)
        self.nominal = nominal
        self.learning_rate = check_learning_rate(learning_rate)
        self.scores: dict[str, np.ndarray] = {}
        self._decoders: dict[str, Decoder] = {}
        self.digest = ""  # of the file it was opened from
        self.coders: dict[str, str] = {}  # of that file's coded arrays: "zstd, version 1"
        self._seen = False  # whether a batch was decoded while the file's pixels were still coded

    @classmethod
    def subset(
        cls,
        dataset: ImageDataset,
        ids: np.ndarray | Sequence[int],
        *,
        weights: np.ndarray | None = None,
        scores: Mapping[str, np.ndarray] | None = None,
    ) -> CompressedDataset:
        """The images of a training set that a selection keeps, as they are, in the order of their ids.

        Args:
            dataset: where they come from.
            ids: (n,) positions in it, unique, in any order; n >= 1.
            weights: (n,) in the order of ``ids``.
            scores: by name, (N,) numbers of all images of the dataset, what they were chosen by, the most telling
                first; ``ccbench inspect`` draws them.

        Raises:
            UserError: no ids, an id twice or out of range, bad weights, or scores of another number of images.
        """
        ids = np.asarray(ids)
        if ids.ndim != 1 or not ids.size:
            raise UserError("a subset needs at least one id", found=f"shape {ids.shape}")
        ids = check_ids(ids, len(ids))
        if ids.min() < 0 or ids.max() >= len(dataset.labels):
            bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
            raise UserError(f"ids must lie in 0..{len(dataset.labels) - 1}", found=bad)
        weights = check_weights(weights, len(ids))
        order = np.argsort(ids)
        ids = ids[order]
        whole = len(ids) == len(dataset.labels)  # then a memory-mapped set stays on the disk
        made = cls(
            RawImages(dataset.images if whole else dataset.images[ids]),
            ids,
            dataset.labels[ids],
            classes=dataset.classes,
            weights=None if weights is None else weights[order],
        )
        made.scores = check_scores(scores, len(dataset.labels))
        return made

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        made = [f"{self.meta[key]}" for key in ("method", "dataset") if key in self.meta]
        also = [
            what for what, held in (("soft labels", self.soft_labels), ("weights", self.weights)) if held is not None
        ]
        parts = [*([" of ".join(made)] if made else []), repr(self.payload), f"{len(self.classes)} classes", *also]
        return f"CompressedDataset({', '.join(parts)})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoders": {}}  # decoders stay on their device

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.payload.shape

    @property
    def bits_per_pixel(self) -> float:
        """24 for raw images, q for palettes, measured for encoded ones, less of patches, 48 or 96 of floats.

        Of levels three times the bits of a channel value.
        """
        return float(self.payload.bits_per_pixel)

    def nominal_kept(self, shape: DataShape) -> Fraction:
        """The fraction of a training set's raw bits that is kept by the papers' formula.

        q/24 times the images kept (DCQ, section 4.1), images of another size than the training set's by
        their pixels; or, where ``nominal`` is ``"images"``, the images alone (IPC).
        """
        if self.nominal == "images":
            return Fraction(len(self), shape.images)
        height, width = self.shape
        pixels = Fraction(len(self) * height * width, shape.images * shape.height * shape.width)
        return pixels * self.payload.bits_per_pixel / BITS_PER_PIXEL

    def to_device(self, device: str | torch.device) -> Decoder:
        """A callable that decodes batches on a device, made once and kept.

        The packed images go to the device here. Called with a (b,) int64 tensor of
        positions in 0..n-1 on that device, it gives (b, 3, H, W) uint8 there,
        channels_last, without waiting for the host. Encoded images and patches are decoded here,
        once, where their raw pixels take at most 2 GiB; otherwise batch by batch.
        """
        from ccbench.archive.decode import make_decoder

        place = _device(device)
        name = str(place)
        if name not in self._decoders:
            self._decoders[name] = make_decoder(self.payload, place)
        return self._decoders[name]

    def decode(self, index: Any, device: str | torch.device = "cpu") -> torch.Tensor:
        """Images by position.

        Args:
            index: (b,) whole numbers in 0..n-1: a list, a numpy array or a tensor; one number is a batch of one.
            device: where they are wanted.

        Returns:
            (b, 3, H, W) uint8 RGB, channels_last, on ``device``.

        Raises:
            IndexError: a position is out of range (not checked for an index that lies on a GPU).
        """
        import torch

        from ccbench.archive.decode import make_decoder

        place = _device(device)
        if isinstance(index, torch.Tensor) and index.device.type != "cpu":
            positions = index.to(place, torch.int64).reshape(-1)
        else:
            array = np.asarray(index).reshape(-1)
            if array.size and (array.dtype.kind not in "ui" or array.min() < 0 or array.max() >= len(self)):
                raise IndexError(f"positions must be whole numbers in 0..{len(self) - 1}")
            positions = torch.from_numpy(array.astype(np.int64)).to(place)
        name = str(place)
        if self.payload.kind in {"encoded", "patches", "levels", "floats"} and name not in self._decoders:
            return make_decoder(self.payload, place, keep=False)(positions)  # one batch is no reason to decode all
        if (few := self._few(positions)) is not None:
            return make_decoder(few, place)(torch.arange(len(few), device=place))
        return self.to_device(place)(positions)

    def _few(self, positions: torch.Tensor) -> Payload | None:
        """The images of the first batch that is asked for, alone, where the others are still coded; otherwise None."""
        if not isinstance(self.payload, RawImages | PaletteImages) or self._seen or not len(positions):
            return None
        if (coded := self.payload.pending) is None:
            return None
        self._seen = True
        wanted = positions.cpu().numpy()
        found = coded.some(wanted)
        return None if found is None else self.payload.some(found, wanted)

    def to_dataset(self, name: str) -> ImageDataset:
        """Decoded, for the next step of a pipeline or another tool; :meth:`after` brings soft labels and weights along.

        Args:
            name: of the new dataset.
        """
        from ccbench.data import ImageDataset

        images = self.payload.images if isinstance(self.payload, RawImages) else self._pixels()
        return ImageDataset.from_arrays(images, self.labels.copy(), self.classes, name=name)

    def _pixels(self) -> np.ndarray:
        images = np.empty((len(self), *self.shape, 3), np.uint8)
        for start in range(0, len(self), _CHUNK):
            stop = min(start + _CHUNK, len(self))
            images[start:stop] = self.decode(np.arange(start, stop)).permute(0, 2, 3, 1).numpy()
        return images

    def after(self, previous: CompressedDataset) -> CompressedDataset:
        """The same images with ids in the whole training set, for a pipeline step that worked on what another kept.

        Soft labels and weights of the step before stay with their images where this step made none itself.

        Args:
            previous: what the step before kept; this one's ids are positions in it. -1 stays -1.

        Raises:
            UserError: an id of this step is not a position in it.
        """
        if self.ids.max() >= len(previous):
            raise UserError(f"the previous step kept {len(previous)} images", found=f"id {self.ids.max()}")
        real = self.ids >= 0
        mapped = np.full(len(self), -1, np.int64)
        mapped[real] = previous.ids[self.ids[real]]
        soft, weights = self.soft_labels, self.weights
        if real.all():
            soft = previous.soft_labels[self.ids] if soft is None and previous.soft_labels is not None else soft
            weights = previous.weights[self.ids] if weights is None and previous.weights is not None else weights
        return CompressedDataset(
            self.payload,
            mapped,
            self.labels,
            classes=self.classes,
            soft_labels=soft,
            weights=weights,
            meta=self.meta,
            nominal=self.nominal,
            learning_rate=self.learning_rate,
        )

    def content_digest(self) -> str:
        """Sixteen hexadecimal digits over pixels as stored, ids, labels, soft labels and weights; not over ``meta``."""
        digest = hashlib.sha256()
        payload = self.payload
        parts: list[Any] = [getattr(payload, name, None) for name in ("images", "packed", "palettes", "clusters")]
        for part in (*parts, self.ids, self.labels, self.soft_labels, self.weights):
            if part is None:
                digest.update(b"-")
            else:  # as bytes in place: a large set is not copied for it
                digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
                digest.update(b"+")
        if isinstance(payload, PatchImages | LevelImages):
            facts, arrays = payload.arrays()
            for held in (repr(facts).encode(), *arrays.values()):
                digest.update(held if isinstance(held, bytes) else np.ascontiguousarray(held).data)
        if isinstance(payload, FloatImages):
            facts, arrays = payload.arrays()
            digest.update(repr(facts).encode())
            for name in sorted(arrays):
                digest.update(np.ascontiguousarray(arrays[name]).data)
        if self.learning_rate is not None:
            digest.update(repr(self.learning_rate).encode())
        if isinstance(payload, EncodedImages):
            if payload.per_file > 1 or payload.shape != payload.stored:  # the same files are other images then
                digest.update(repr((payload.grid, payload.count, payload.shape)).encode())
            for blob in payload.blobs:
                digest.update(hashlib.sha256(blob).digest())
        return digest.hexdigest()[:16]

    def save(self, path: str | os.PathLike[str], coding: str = "none") -> int:
        """Write the file, whole or not at all; equal content makes equal bytes on one machine, coded or not.

        Args:
            path: by custom with the extension ``.ccb``; replaced if it exists.
            coding: ``"none"``; ``"best"``, whatever makes each part smallest; or how the pixels are coded: ``"rans"``
                (palette indices), ``"jxl"`` or ``"webp"`` (raw images), ``"zstd"``. No pixel and no
                :meth:`content_digest` changes by it.

        Returns:
            Bytes on disk, everything counted.

        Raises:
            UserError: the folder cannot be written, the disk is full, there is no such coding here, or ``meta`` was
                changed to what no file may say.
            Unfit: that coding is for other images.
        """
        about, arrays = self.payload.arrays()
        ids, id_arrays = store_ids(self.ids)
        arrays = {**arrays, **id_arrays, "labels": self.labels.astype(smallest(len(self.classes) - 1))}
        if self.soft_labels is not None:
            arrays["soft_labels"] = self.soft_labels
        if self.weights is not None:
            arrays["weights"] = self.weights
        facts: dict[str, Any] = {"kind": self.payload.kind, "payload": about, "ids": ids, "classes": self.classes}
        facts["meta"] = check_meta(self.meta)
        if self.nominal != "bits":  # files of the first version had no other
            facts["nominal"] = self.nominal
        if self.learning_rate is not None:
            facts["learning_rate"] = self.learning_rate
        coded, arrays = code(self.payload, arrays, coding)
        if coded:
            facts["coded"] = coded
        return container.write(path, facts, arrays)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> CompressedDataset:
        """Read a file that :meth:`save` wrote; its images stay on the disk until they are decoded.

        Coded images are decoded when they are first asked for, once. What codes them is needed only then.

        Raises:
            UserError: the file is missing, a folder, empty, foreign, cut short, damaged or of a newer version.
        """
        facts, arrays, digest = container.read(path)
        if newer := unknown(facts):
            raise UserError(
                f"{path} was written by a newer version of ccbench", found=newer, mend="pip install --upgrade ccbench"
            )
        try:
            said = check(facts)
            arrays = restore(said.coded, arrays, path)
            opened = cls(
                KINDS[said.kind].from_arrays(said.payload, arrays),
                restore_ids(facts["ids"], arrays),
                arrays["labels"],
                classes=said.classes,
                soft_labels=arrays.get("soft_labels"),
                weights=arrays.get("weights"),
                meta=said.meta,
                nominal=said.nominal,
                learning_rate=said.learning_rate,
            )
            check_full(opened.meta.get("full"), opened.ids, opened.classes)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, UserError) as error:
            raise UserError(f"{path} is whole but its contents make no sense", found=error) from None
        except MemoryError:
            raise UserError(f"there is not enough memory for the coded arrays of {path}") from None
        opened.digest, opened.coders = digest, coders(said.coded)
        return opened


def _device(device: str | torch.device) -> torch.device:
    import torch

    try:
        place = torch.device(device)
        return place if place.type == "cpu" else torch.empty(0, device=place).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {device} cannot be used", found=str(error).splitlines()[0], mend="use cpu") from None
