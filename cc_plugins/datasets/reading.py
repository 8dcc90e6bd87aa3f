"""The files of a layout to streams of pixels: threads, order, what is said of files that cannot be read."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from cc_plugins.datasets.layout import Layout, Split
from cc_plugins.datasets.litter import name_litter
from cc_plugins.datasets.pictures import UnreadableError, read
from ccbench.errors import few
from ccbench.plugin import ImageStream, NoTest, UserError, cores

SHOWN = 20  # unreadable files that an error names
_BATCH_BYTES = 32 * 2**20

Read = tuple[str, np.ndarray | None, str]  # name, pixels, what was mended or "" - or name, None, reason


def fingerprint(layout: Layout) -> str:
    """The hash of the folder's path, the classes, what is said, every image's name, label, size and time of change."""
    said = layout.test.found if isinstance(layout.test, NoTest) else layout.note
    digest = hashlib.sha256(f"{layout.root}\n{layout.classes}\n{said}\n".encode(errors="surrogateescape"))
    prefix = f"{layout.root}{os.sep}"
    for split in layout.splits:
        for name, label in zip(split.files, split.labels, strict=True):
            try:
                stat = os.stat(prefix + name)  # noqa: PTH116 - a million files
                line = f"{name}\0{label}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
            except OSError as error:
                line = f"{name}\0{label}\0{error.errno}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


@dataclass
class Reader:
    """Decodes the splits of a layout one after the other and keeps what was wrong with either.

    Attributes:
        height, width: pixels of every image.
        size: to which images are resized, or None where all of them have that height and width.
        skip_bad: whether files that cannot be read are left out.
        draft: see :func:`.pictures.read`.
        bad: files known to be unreadable, with the reason; it grows.
    """

    layout: Layout
    height: int
    width: int
    size: int | None
    skip_bad: bool = False
    draft: bool = False
    bad: dict[str, str] = field(default_factory=dict)

    def streams(self) -> dict[str, ImageStream | NoTest]:
        """The splits, decoded while they stream; says first what is left out as litter.

        Consuming one raises UserError after its last image where files could not be read: it names them all.
        """
        layout = self.layout
        name_litter(layout.name, layout.root)
        train = self._stream(layout.train)
        if isinstance(layout.test, NoTest):
            return {"train": train, "test": layout.test}
        test = self._stream(layout.test)
        test.drawn = layout.drawn
        test.notes += [layout.note] * bool(layout.note)
        return {"train": train, "test": test}

    def _stream(self, split: Split) -> ImageStream:
        labels = np.array(split.labels, dtype=np.int64)
        stream = ImageStream(labels, self.layout.classes, self.height, self.width, (), split.files)
        stream.batches = self._batches(split, stream.skipped, stream.notes)
        return stream

    def _batches(self, split: Split, skipped: list[int], notes: list[str]) -> Iterator[np.ndarray]:
        step = max(1, min(256, _BATCH_BYTES // (self.height * self.width * 3)))
        batch: list[np.ndarray] = []
        mended: dict[str, list[str]] = {}
        for i, (name, pixels, reason) in enumerate(self._read(split, step)):
            if pixels is not None and pixels.shape[:2] != (self.height, self.width):
                reason, pixels = f"{pixels.shape[1]}x{pixels.shape[0]} pixels; its header said otherwise", None
            if pixels is None:
                self.bad[name] = reason
                skipped.append(i)
                continue
            if reason:
                mended.setdefault(reason, []).append(name)
            if self.skip_bad or not self.bad:
                batch.append(pixels)
            if len(batch) == step:
                yield np.stack(batch)
                batch = []
        if self.bad and not self.skip_bad:
            if split is self.layout.train:  # nothing will ask for the test split any more
                for rest in self.layout.splits[1:]:
                    self.bad |= {name: why for name, pixels, why in self._read(rest, step) if pixels is None}
            raise unreadable(self.layout, self.bad)
        if batch:
            yield np.stack(batch)
        for what, names in mended.items():
            files = f"{len(names):,} file{'s' * (len(names) != 1)}"
            notes.append(f"{self.layout.name}: {files} read in spite of {what}: {few(names)}")

    def _read(self, split: Split, step: int) -> Iterator[Read]:
        known = self.bad if self.skip_bad else {}
        return decode(self.layout, split.files, self.size, step, known=known, draft=self.draft)


def decode(
    layout: Layout,
    names: tuple[str, ...],
    size: int | None,
    step: int,
    *,
    known: Mapping[str, str] | None = None,
    draft: bool = False,
) -> Iterator[Read]:
    """Every file in order, at most twice ``step`` images in memory: the next ones are read while these are used.

    Args:
        layout: whose folder the names stand in.
        names: of the files.
        size: to which images are resized, or None.
        step: images at a time.
        known: files that are not tried, with their reason.
        draft: see :func:`.pictures.read`.
    """

    def one(name: str) -> Read:
        if known and name in known:
            return name, None, known[name]
        mended: list[str] = []
        try:
            return name, read(layout.root / name, size, draft=draft, mended=mended), "; ".join(mended)
        except UnreadableError as error:
            return name, None, str(error)

    # Pillow decodes outside the interpreter's lock; its remarks on metadata are nobody's concern
    with ThreadPoolExecutor(min(32, cores())) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ahead: list[Future[Read]] = []
        for start in range(0, len(names), step):
            now, ahead = ahead, [pool.submit(one, name) for name in names[start : start + step]]
            yield from (future.result() for future in now)
        yield from (future.result() for future in ahead)


def unreadable(layout: Layout, bad: Mapping[str, str], mend: str = "") -> UserError:
    """The error that names unreadable files, the first :data:`SHOWN` of them."""
    # names that are no UTF-8 could not be printed as they are
    lines = [f"{name}: {reason}".encode(errors="backslashreplace").decode() for name, reason in sorted(bad.items())]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return UserError(
        f"{layout.name} has {len(lines)} unreadable image{'s' * (len(lines) != 1)}",
        found="\n         ".join(lines[:SHOWN] + more),
        mend=mend or "replace or delete them, or give --skip-bad to go on without them",
    )
