"""``folder:PATH``, a user's own images."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cc_plugins.datasets.layout import Layout, Split, find
from cc_plugins.datasets.pictures import UnreadableError, read, size_of
from ccbench.data import DataSource, ImageStream
from ccbench.errors import UserError

SHOWN = 20  # unreadable files that an error names
_BATCH_BYTES = 32 * 2**20
_THREADS = min(16, os.cpu_count() or 1)


class Folder:
    """``PATH/train/<class>/*`` and ``PATH/test/<class>/*`` (``val`` is accepted).

    Which files count is in :mod:`.layout`, how they become pixels in :mod:`.pictures`.

    Images of one size keep it. Otherwise, or whenever it is given, ``--image-size S`` makes all of them S x S.
    """

    def fingerprint(self, source: DataSource) -> str:
        """The hash of the folder's path and of every image's name, size and time of change."""
        layout = find(source.argument)
        digest = hashlib.sha256(f"{layout.root}\n".encode(errors="surrogateescape"))
        for split in (layout.train, layout.test):
            for name in split.files:
                try:
                    stat = (layout.root / name).stat()
                    line = f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
                except OSError as error:
                    line = f"{name}\0{error.errno}\n"
                digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()

    def splits(self, source: DataSource) -> dict[str, ImageStream]:
        """Both splits, decoded while they stream.

        Raises:
            UserError: a folder of another layout, several image sizes and no ``--image-size``, or files
                that cannot be read (each is named) without ``--skip-bad``.
        """
        layout = find(source.argument)
        bad, sizes = _headers(layout)
        if bad and not source.skip_bad:
            # the rest may be truncated behind a sound header: read it all, so that the user hears once of every file
            rest = [n for s in (layout.train, layout.test) for n in s.files if n not in bad]
            for name, _, reason in _decode(layout, rest, 1, 256):
                if reason:
                    bad[name] = reason
            raise _unreadable(source.argument, bad)
        if not sizes:
            raise _unreadable(source.argument, bad, "give a folder with images that can be read")
        if source.image_size is None and len(sizes) > 1:
            raise UserError(
                f"folder:{source.argument} has images of {len(sizes)} sizes (width x height)",
                found=", ".join(
                    [f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(5)] + ["..."] * (len(sizes) > 5)
                ),
                mend="--image-size 64 scales the largest centred square of each image to 64x64",
            )
        width, height = next(iter(sizes)) if source.image_size is None else (source.image_size, source.image_size)
        reader = _Reader(layout, source, bad, height, width)
        return {"train": reader.stream(layout.train), "test": reader.stream(layout.test)}


class _Reader:
    """Decodes the splits one after the other and keeps what was wrong with either."""

    def __init__(self, layout: Layout, source: DataSource, bad: dict[str, str], height: int, width: int) -> None:
        self.layout, self.source, self.bad, self.height, self.width = layout, source, bad, height, width

    def stream(self, split: Split) -> ImageStream:
        skipped: list[int] = []
        labels = np.array(split.labels, dtype=np.int64)
        return ImageStream(
            labels, self.layout.classes, self.height, self.width, self._batches(split, skipped), split.files, skipped
        )

    def _batches(self, split: Split, skipped: list[int]) -> Iterator[np.ndarray]:
        step = max(1, min(256, _BATCH_BYTES // (self.height * self.width * 3)))
        batch: list[np.ndarray] = []
        for i, (name, pixels, reason) in enumerate(self._read(split, step)):
            if pixels is not None and pixels.shape[:2] != (self.height, self.width):
                reason, pixels = f"{pixels.shape[1]}x{pixels.shape[0]} pixels; its header said otherwise", None
            if pixels is None:
                self.bad[name] = reason
                skipped.append(i)
            elif self.source.skip_bad or not self.bad:
                batch.append(pixels)
            if len(batch) == step:
                yield np.stack(batch)
                batch = []
        if self.bad and not self.source.skip_bad:
            if split is self.layout.train:  # nothing will ask for the test split any more
                for name, _, reason in self._read(self.layout.test, step):
                    if reason:
                        self.bad[name] = reason
            raise _unreadable(self.source.argument, self.bad)
        if batch:
            yield np.stack(batch)

    def _read(self, split: Split, step: int) -> Iterator[tuple[str, np.ndarray | None, str]]:
        known = self.bad if self.source.skip_bad else {}
        return _decode(self.layout, list(split.files), self.source.image_size, step, known)


def _headers(layout: Layout) -> tuple[dict[str, str], Counter[tuple[int, int]]]:
    bad: dict[str, str] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    for split in (layout.train, layout.test):
        for name in split.files:
            try:
                sizes[size_of(layout.root / name)] += 1
            except UnreadableError as error:
                bad[name] = str(error)
    return bad, sizes


def _decode(
    layout: Layout, names: list[str], size: int | None, step: int, known: dict[str, str] | None = None
) -> Iterator[tuple[str, np.ndarray | None, str]]:
    """(name, pixels, "") or (name, None, reason) in order, ``step`` images in memory at a time."""

    def one(name: str) -> tuple[str, np.ndarray | None, str]:
        if known and name in known:
            return name, None, known[name]
        try:
            return name, read(layout.root / name, size), ""
        except UnreadableError as error:
            return name, None, str(error)

    with ThreadPoolExecutor(_THREADS) as pool:  # Pillow decodes outside the interpreter's lock
        for start in range(0, len(names), step):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's remarks on metadata
                done = list(pool.map(one, names[start : start + step]))
            yield from done


def _unreadable(path: str, bad: dict[str, str], mend: str = "") -> UserError:
    # names that are no UTF-8 could not be printed as they are
    lines = [f"{name}: {reason}".encode(errors="backslashreplace").decode() for name, reason in sorted(bad.items())]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return UserError(
        f"folder:{path} has {len(lines)} unreadable image{'s' * (len(lines) != 1)}",
        found="\n         ".join(lines[:SHOWN] + more),
        mend=mend or "replace or delete them, or give --skip-bad to go on without them",
    )
