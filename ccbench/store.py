"""Arrays on disk, addressed by the hash of everything that can change them."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from filelock import FileLock
from msgspec import Struct

from ccbench.errors import FULL, UserError
from ccbench.files import atomic_write, part_of, readable, sync, whole_file
from ccbench.schema import Ordinal, Seconds, fit, parse

SCHEMA = 1
CACHE_VARIABLE = "CCBENCH_CACHE"

_DIGEST = 32  # bytes of sha256
_META = "meta.json"
_BLOCK = 1 << 23  # bytes that are read at once
_LARGE = 1 << 30  # bytes of a file up to which every process checks it
_DAY = 86400  # seconds; a larger one is checked once a day
_checked: set[tuple[str, int, int, int]] = set()  # files that this process has checked, as they were then
_FULL = FULL | {errno.EROFS}


class Damaged(UserError):  # noqa: N818 - it is told apart, and said as it is
    """A file of the cache is not what was written."""


class _Facts(Struct):
    """What the metadata of every entry say; each kind adds its own."""

    schema: Ordinal = 1
    seconds: Seconds = 0
    spent: dict[str, float] = {}
    digests: dict[str, str] = {}


class Entry(Mapping[str, np.ndarray]):
    """One finished entry: arrays by name, memory-mapped and read-only, and its metadata.

    A file is held to its digest when it is first asked for in a process, one of more than 1 GiB once a day.

    Raises:
        Damaged: the metadata are not what was written; by :meth:`file` and by arrays, for their files.
        UserError: a newer version wrote it, or it may not be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path / _META):
            content = (path / _META).read_bytes()
        try:
            self.meta: dict[str, Any] = parse(content, infinite=True)
            facts = fit(self.meta, _Facts)
        except ValueError as error:
            raise damaged(path / _META, error) from None
        if facts.schema > SCHEMA:
            raise UserError(
                f"{path} was written by a newer ccbench",
                found=f"store schema {facts.schema}",
                mend="pip install --upgrade ccbench, or set CCBENCH_CACHE to another folder",
            )
        if facts.digests and facts.digests.get(_META) != _digest_of_facts(self.meta):
            raise damaged(path / _META, "another digest than when it was written")
        self._digests = facts.digests or _adopted(path, self.meta)
        self._arrays: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            if not (self.path / f"{name}.npy").exists():
                raise KeyError(name)
            file = self.file(f"{name}.npy")
            try:
                self._arrays[name] = np.load(file, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError) as error:
                raise damaged(file, error) from None
        return self._arrays[name]

    def file(self, name: str) -> Path:
        """Where a file of the entry lies, once it was checked.

        Raises:
            Damaged: it is missing, or has another digest than when it was written.
            UserError: it may not be read.
        """
        file = self.path / name
        try:
            with readable(file), file.open("rb", buffering=0) as stream:
                stat = os.fstat(stream.fileno())
                seen = str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns
                if self._digests and seen not in _checked and not _lately(file, seen):
                    if _digest(stream) != self._digests.get(name):
                        raise damaged(file, "another digest than when it was written")
                    _note(file, seen)
        except OSError as error:
            raise damaged(file, error.strerror or error) from None
        return file

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(p.stem for p in self.path.glob("*.npy")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def damaged(file: Path, found: object) -> Damaged:
    """What is said of a file of an entry that is not what was written."""
    mend = f"ccbench cache clear --kind {file.parent.parent.name} --yes"
    return Damaged(f"{file} in the cache is damaged", found=found, mend=mend)


def _digest(stream: io.FileIO) -> str:
    """Of what a file holds; against accidents, not against whoever can write the cache."""
    digest, block = xxhash.xxh3_128(), memoryview(bytearray(_BLOCK))
    while count := stream.readinto(block):
        digest.update(block[:count])
    return digest.hexdigest()


def _digest_of_facts(facts: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in facts.items() if name != "digests"}, sort_keys=True)
    return xxhash.xxh3_128_hexdigest(text.encode())


def _digests(path: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    """Of every file of an entry, by name, the metadata among them."""
    found = {_META: _digest_of_facts(facts)}
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.name.startswith(".") and file.name != _META:
            with file.open("rb", buffering=0) as stream:
                found[file.name] = _digest(stream)
    return found


def _adopted(path: Path, facts: dict[str, Any]) -> dict[str, str]:
    """Digests for an entry that was made before there were any; none in a cache of somebody else."""
    if not os.access(path, os.W_OK):
        return {}
    with readable(path):
        digests = _digests(path, facts)
    with suppress(UserError):  # the disk is full: the next process does it
        atomic_write(path / _META, json.dumps({**facts, "digests": digests}, indent=1))
    return digests


def _stamp(file: Path) -> Path:
    return file.with_name(f".{file.name}.checked")


def _lately(file: Path, seen: tuple[str, int, int, int]) -> bool:
    """Whether a large file was checked within a day, by any process, and is the same since."""
    if seen[2] <= _LARGE:
        return False
    with suppress(OSError):
        fresh = time.time() - _stamp(file).stat().st_mtime < _DAY
        return fresh and _stamp(file).read_text() == repr(seen[1:])
    return False


def _note(file: Path, seen: tuple[str, int, int, int]) -> None:
    _checked.add(seen)
    if seen[2] > _LARGE:
        with suppress(UserError):
            atomic_write(_stamp(file), repr(seen[1:]))


class Blobs:
    """Small files of one kind, each under a key, for work that must survive a kill piece by piece.

    Args:
        store: that they are part of.
        kind: of the blobs.
    """

    def __init__(self, store: Store, kind: str) -> None:
        self.store, self.folder = store, store.root / "blobs" / kind

    def get(self, key: str) -> bytes | None:
        """A blob, or None where there is none or what lies there is not what was put.

        Raises:
            UserError: it is there and may not be read.
        """
        try:
            with readable(self._path(key)):
                content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, blob = content[:_DIGEST], content[_DIGEST:]
        return blob if hashlib.sha256(blob).digest() == digest else None

    def put(self, key: str, blob: bytes) -> None:
        """Write a blob, whole or not at all; what lay under the key is replaced.

        Raises:
            UserError: the folder cannot be written or the disk is full.
        """
        with self.store.writing(), whole_file(self._path(key)) as file:
            file.write(hashlib.sha256(blob).digest() + blob)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


class Store:
    """A folder of entries; any number of processes may share it.

    Args:
        root: created when the first entry is made.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    @staticmethod
    def key(**axes: object) -> str:
        """The hash of named axes, whatever their order."""
        return hashlib.sha256(json.dumps(axes, sort_keys=True, default=str).encode()).hexdigest()[:32]

    def blobs(self, kind: str) -> Blobs:
        """Small files that processes add one at a time; :meth:`get_or_make` is for work that is done as a whole."""
        return Blobs(self, kind)

    def path(self, kind: str, key: str) -> Path:
        """Where an entry lies, made or not."""
        return self.root / kind / key

    def get(self, kind: str, key: str) -> Entry | None:
        """A finished entry, or None.

        Raises:
            UserError: it is there and may not be read.
        """
        path = self.path(kind, key)
        with readable(path):
            there = (path / _META).exists()
        return Entry(path) if there else None

    def get_or_make(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], Mapping[str, np.ndarray] | None],
        meta: Mapping[str, Any] | None = None,
    ) -> Entry:
        """The entry of a key, made by one process while the others wait.

        Args:
            kind: the folder, such as ``"proxy"``.
            key: from :meth:`key`.
            make: gets an empty folder, fills it or returns arrays to be saved there.
            meta: JSON-able facts kept with the entry.
        """
        found = self.get(kind, key)
        if found is not None:
            return found
        path = self.path(kind, key)
        lock = FileLock(path.with_name(f".{key}.lock"))  # the system lets go of it when the holder dies
        with self.writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            found = self.get(kind, key)
            if found is not None:
                return found
            for stale in path.parent.glob(f".{key}.*.part"):
                shutil.rmtree(stale, ignore_errors=True)
            self._make(path, make, meta or {})
        finally:
            lock.release()
        return Entry(path)

    def _make(
        self, path: Path, make: Callable[[Path], Mapping[str, np.ndarray] | None], meta: Mapping[str, Any]
    ) -> None:
        part = part_of(path)
        try:
            with self.writing():
                part.mkdir()
            started = time.perf_counter()
            with self.writing(only_full=True):  # its other faults are its own, such as an image that may not be read
                arrays = make(part) or {}
            with self.writing():
                for name, array in arrays.items():
                    np.save(part / f"{name}.npy", array, allow_pickle=False)
                plain = json.dumps({"schema": SCHEMA, "seconds": time.perf_counter() - started, **meta}, default=str)
                facts = json.loads(plain)
                atomic_write(part / _META, json.dumps({**facts, "digests": _digests(part, facts)}, indent=1))
                mode = (part / _META).stat().st_mode  # the umask's; some libraries write for their user alone
                for file in part.iterdir():
                    if file.is_file() and file.stat().st_mode != mode:
                        file.chmod(mode)
                    sync(file)
                part.rename(path)
                sync(path.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    @contextmanager
    def writing(self, *, only_full: bool = False) -> Iterator[None]:
        """Turn the system's errors into one that its reader can mend."""
        try:
            yield
        except OSError as error:
            # numpy gives a short write no number: "1000000 requested and 12484 written"
            full = error.errno in _FULL or (error.errno is None and "written" in str(error))
            if only_full and not full:
                raise
            raise UserError(
                f"the cache {self.root} cannot be written",
                found=error.strerror or error,
                mend="ccbench cache clear, or set CCBENCH_CACHE to a folder with space that you may write",
            ) from error


def default_store() -> Store:
    """The store of this user: ``CCBENCH_CACHE`` or the system's cache folder."""
    from platformdirs import user_cache_dir

    return Store(os.environ.get(CACHE_VARIABLE) or user_cache_dir("ccbench"))
