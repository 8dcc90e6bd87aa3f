"""Files and folders that are there whole or not at all, and what of a user's may be read."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ccbench.errors import UserError


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a whole file or nothing.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    with new_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is whole and on the disk; until then, what was there stays.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    try:
        with whole_file(Path(path)) as file:
            yield file
    except OSError as error:
        raise UserError(
            f"cannot write {path}", found=error.strerror or error, mend="free some space or name another place"
        ) from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """What :func:`new_file` does, with the system's own errors: temporary file beside it, fsync, rename."""
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that appears under its name when it is whole; there is none yet, or an empty one.

    Raises:
        UserError: the folder holds something, or it cannot be written.
    """
    place = folder.absolute()
    part = part_of(place)
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            found = "files in it" if place.is_dir() else "a file"
            raise UserError(f"{folder} exists already", found=found, mend="name another folder")
        part.mkdir(parents=True)
        yield part
        if place.exists():
            place.rmdir()  # Windows renames onto no folder
        part.rename(place)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError):
            mend = "free some space or name another folder"
            raise UserError(f"cannot write {folder}", found=error.strerror or error, mend=mend) from error
        raise


def part_of(path: Path) -> Path:
    """A new name beside a path, for what is not whole yet or about to be deleted; ``ccbench cache`` clears it away."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say of a file or folder that may not be read, or of the one in it, that this is what is wrong with it.

    A pipe, a socket or a device is refused before it is opened: who reads it may wait for ever.

    Raises:
        UserError: the system refused, or it is neither a file nor a folder.
    """
    try:
        if what := special(path):
            raise UserError(f"{path} is {what}, not a file", mend="name a file, or delete it where a file should be")
        yield
    except PermissionError as error:
        place = Path(error.filename) if isinstance(error.filename, str) else path
        raise UserError(
            f"{place} may not be read", found=_whose(place), mend=f"ask its owner for: chmod -R a+rX {place}"
        ) from None


def special(path: str | os.PathLike[str]) -> str:
    """What lies at a path where that is a pipe, a socket or a device, links followed; otherwise ""."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a million files
    except OSError:
        return ""  # whoever opens it says so
    return next((what for is_such, what in _SPECIAL if is_such(mode)), "")


_SPECIAL = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_readable(path: Path) -> None:
    """Open a file as a reader will whose own error does not say that the system refused; one that is missing passes.

    Raises:
        UserError: it may not be read, or is a pipe, a socket or a device.
    """
    with readable(path), suppress(FileNotFoundError, IsADirectoryError):
        path.open("rb").close()


def _whose(path: Path) -> str:
    """Mode and owner of what may not be read, or of the first folder above it that is seen."""
    for place in (path, *path.parents):
        with suppress(OSError, NotImplementedError, KeyError):
            return f"{stat.filemode(place.stat().st_mode)} {place.owner()} {place}"
    return "permission denied"


def file_digest(path: str | os.PathLike[str]) -> str:
    """sha256 of a file, in hexadecimal.

    Raises:
        UserError: it may not be read, or is a pipe, a socket or a device.
        OSError: as the system has it.
    """
    with readable(Path(path)), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file or folder to the disk; Windows opens no folder, and flushes no file that is only read."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
