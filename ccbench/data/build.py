"""From what a dataset plugin gives to checked arrays in a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ccbench.budget import DataShape
from ccbench.data.images import content_digest, describe, labels_digest
from ccbench.data.source import ImageStream, NoTest
from ccbench.errors import UserError, few

SPLITS = ("train", "test")
_UNTESTED = NoTest("its plugin gives a training split alone", "another dataset with a test split of the same classes")
_HEADER = 128  # bytes that numpy's header of a (N, H, W, 3) uint8 file takes

Progress = Callable[[int, int, str], None]


def build(
    folder: Path,
    name: str,
    streams: Any,
    declared: DataShape | None,
    progress: Progress | None = None,
    *,
    share_given: bool = False,
) -> dict[str, Any]:
    """Write ``{train,test}-{images,labels}.npy`` and ``{train,test}-files.json`` into an empty folder.

    Without a test split there are no such files, and its facts say why.

    The images pass through once, batch by batch, and are hashed on the way.

    Args:
        folder: empty.
        name: of the dataset, for errors.
        streams: what its plugin gave.
        declared: the shape that its spec declares for the training split, or None.
        progress: called while images pass.
        share_given: whether the user asked for a share of the test split, which must then have been drawn.

    Returns:
        the facts of each split.

    Raises:
        UserError: the plugin gave something that is not a dataset, or the disk is full.
    """
    streams = check(name, streams)
    if share_given and not getattr(streams["test"], "drawn", False):
        raise unshared(name)
    _check_space(folder, name, streams)
    facts: dict[str, Any] = {
        split: asdict(stream) if isinstance(stream, NoTest) else _write(folder, name, split, stream, progress)
        for split, stream in streams.items()
    }
    train = facts["train"]
    shape = DataShape(train["shape"][0], train["shape"][1], train["shape"][2], len(train["classes"]))
    if declared is not None and shape != declared:
        raise UserError(
            f"dataset {name} is not what its plugin declares",
            found=f"{shape}, declared {declared}",
            mend="correct the shape in the plugin's DatasetSpec",
        )
    return facts


def check(name: str, streams: Any) -> dict[str, ImageStream | NoTest]:
    """What can be checked before an image is read.

    Returns:
        The training split, and the test split or why there is none.

    Raises:
        UserError: no training split, one class, an empty class, too few images, labels out of range,
            or two splits that do not fit together.
    """
    if not isinstance(streams, Mapping):
        raise UserError(
            f"dataset {name}: splits(source) must return a dict of ccbench.data.ImageStream",
            found=describe(streams),
            mend='return {"train": ..., "test": ...}',
        )
    if "train" not in streams:
        raise UserError(
            f"dataset {name} has no train split",
            found=f"splits: {', '.join(map(str, streams)) or 'none'}",
            mend="a benchmark needs images to train on",
        )
    streams = {"train": streams["train"], "test": streams.get("test", _UNTESTED)}
    for split in SPLITS:
        if split == "test" and isinstance(streams[split], NoTest):
            continue
        if not isinstance(streams[split], ImageStream):
            raise UserError(
                f"dataset {name}: the {split} split must be a ccbench.data.ImageStream", found=describe(streams[split])
            )
        _check_split(name, split, streams[split])
    train, test = (streams[split] for split in SPLITS)
    _check_counts(name, np.asarray(train.labels), tuple(train.classes), "train")
    if isinstance(test, NoTest):
        return streams
    if tuple(train.classes) != tuple(test.classes):
        raise UserError(
            f"dataset {name}: both splits must have the same classes in the same order",
            found=f"train {few(train.classes)}; test {few(test.classes)}",
        )
    if (train.height, train.width) != (test.height, test.width):
        raise UserError(
            f"dataset {name}: both splits must have images of one size",
            found=f"train {train.width}x{train.height}, test {test.width}x{test.height}",
            mend="--image-size, where the dataset takes it",
        )
    _check_counts(name, np.asarray(test.labels), tuple(test.classes), "test")
    return streams


def unshared(name: str) -> UserError:
    """What to say where ``--test-share`` changes nothing."""
    return UserError(
        f"dataset {name} has a split of its own, of which no share is held back",
        found="--test-share, or a file that was made with it",
        mend="leave --test-share out",
    )


def _check_split(name: str, split: str, stream: ImageStream) -> None:
    where = f"dataset {name}, {split} split"
    classes = stream.classes
    if not isinstance(classes, (tuple, list)) or not all(isinstance(c, str) for c in classes):
        raise UserError(f"{where}: classes must be a tuple of names", found=describe(classes))
    if len(set(classes)) != len(classes):
        raise UserError(f"{where}: two classes have one name", found=few(tuple(classes)))
    if len(classes) < 2:
        raise UserError(
            f"dataset {name} has fewer than two classes",
            found=few(tuple(classes)),
            mend="classification needs at least two",
        )
    for value in (stream.height, stream.width):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise UserError(
                f"{where}: height and width must be whole numbers above 0", found=f"{stream.height!r}, {stream.width!r}"
            )
    try:
        labels = np.asarray(stream.labels)
    except ValueError:  # lists of several lengths
        raise UserError(f"{where}: labels must be (N,) whole numbers", found=describe(stream.labels)) from None
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise UserError(f"{where}: labels must be (N,) whole numbers", found=describe(labels))
    if labels.size and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise UserError(
            f"{where}: labels must lie in 0 to {len(classes) - 1}", found=f"{labels.min()} to {labels.max()}"
        )
    if stream.files and len(stream.files) != len(labels):
        raise UserError(
            f"{where}: one file name for every image, or none", found=f"{len(stream.files)} for {len(labels)} images"
        )


def _check_counts(name: str, labels: np.ndarray, classes: tuple[str, ...], split: str) -> None:
    if split == "test":
        if len(labels) == 0:
            raise UserError(f"dataset {name} has no test image", mend="a benchmark needs images to test on")
        return
    if len(labels) < 2:
        raise UserError(f"dataset {name} has fewer than two training images", found=f"{len(labels)}")
    counts = np.bincount(labels.astype(np.int64), minlength=len(classes))
    empty = [c for c, n in zip(classes, counts, strict=True) if n == 0]
    if empty:
        raise UserError(
            f"dataset {name} has classes without a training image",
            found=few(tuple(empty)),
            mend="add images to them or remove the classes",
        )


def _check_space(folder: Path, name: str, streams: Mapping[str, ImageStream | NoTest]) -> None:
    """Refuse before hours of decoding what the disk cannot hold."""
    found = [stream for stream in streams.values() if isinstance(stream, ImageStream)]
    sizes = [len(s.labels) * int(s.height) * int(s.width) * 3 for s in found]
    free = shutil.disk_usage(folder).free
    if sum(sizes) > free:
        raise UserError(
            f"the cache cannot hold dataset {name}",
            found=f"its pixels take {_gigabytes(sum(sizes))}, {folder.parent} has {_gigabytes(free)} left",
            mend="set CCBENCH_CACHE to a folder on a larger disk, free some space, or give a smaller --image-size "
            "where the dataset takes it",
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


def _write(folder: Path, name: str, split: str, stream: ImageStream, progress: Progress | None) -> dict[str, Any]:
    where = f"dataset {name}, {split} split"
    labels = np.asarray(stream.labels).astype(np.int64)
    pixels = hashlib.sha256()
    count = 0
    want = (int(stream.height), int(stream.width), 3)
    # plain writes, not a writable memory map: a full disk is then an error and not a bus error; unbuffered,
    # so that closing the file after that error has nothing left to write
    with (folder / f"{split}-images.npy").open("wb", buffering=0) as file:
        file.seek(_HEADER)
        for batch in _batches(where, stream):
            if not isinstance(batch, np.ndarray) or batch.dtype != np.uint8 or batch.shape[1:] != want:
                raise UserError(f"{where}: batches must be (b, {want[0]}, {want[1]}, 3) uint8", found=describe(batch))
            count += len(batch)
            if count > len(labels):
                raise UserError(
                    f"{where}: more images than labels", found=f"{len(labels)} labels, at least {count} images"
                )
            plain = np.ascontiguousarray(batch).reshape(-1).data
            pixels.update(plain)
            with _disk():
                while plain:
                    plain = plain[file.write(plain) :]
            if progress:
                progress(count, len(labels), f"reading {name} ({split})")
        skipped = _skipped(where, stream, len(labels))
        kept = np.delete(labels, skipped)
        if count != len(kept):
            raise UserError(
                f"{where}: as many images as labels are needed", found=f"{len(kept)} labels, {count} images"
            )
        if skipped:
            _check_counts(name, kept, tuple(stream.classes), split)
        with _disk():
            _header(file, (count, *want))
    names = [str(f) for f in stream.files or ()]
    left_out = set(skipped)
    with _disk():
        np.save(folder / f"{split}-labels.npy", kept, allow_pickle=False)
        (folder / f"{split}-files.json").write_text(json.dumps([f for i, f in enumerate(names) if i not in left_out]))
    label_hash, pixel_hash, shape = labels_digest(kept), pixels.hexdigest(), (count, *want)
    return {
        "shape": shape,
        "classes": list(stream.classes),
        "labels": label_hash,
        "pixels": pixel_hash,
        "digest": content_digest(shape, stream.classes, label_hash, pixel_hash),
        "skipped": [names[i] if names else str(i) for i in skipped],
        "notes": [str(note) for note in stream.notes],
        "drawn": bool(stream.drawn),
    }


def _batches(where: str, stream: ImageStream) -> Iterator[Any]:
    try:
        batches = iter(stream.batches)
    except TypeError:
        raise UserError(f"{where}: batches must be an iterator of arrays", found=describe(stream.batches)) from None
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except PermissionError as error:  # not the cache's: that one is guarded where it is written
            raise UserError(f"{where}: a file may not be read", found=error) from error
        yield batch


def _skipped(where: str, stream: ImageStream, n: int) -> list[int]:
    skipped = sorted(set(stream.skipped))
    if len(skipped) != len(stream.skipped) or (skipped and not 0 <= skipped[0] <= skipped[-1] < n):
        raise UserError(
            f"{where}: skipped must hold each position once, in 0 to {n - 1}", found=f"{stream.skipped!r:.80}"
        )
    return skipped


def _header(file: Any, shape: tuple[int, ...]) -> None:
    """The header comes last: how many images there are is known only now, and an unfinished file has none."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    if file.tell() != _HEADER:
        raise RuntimeError(f"numpy wrote a header of {file.tell()} bytes")


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            "the cache cannot be written",
            found=error.strerror or error,
            mend="free some space or set CCBENCH_CACHE to another folder",
        ) from error
