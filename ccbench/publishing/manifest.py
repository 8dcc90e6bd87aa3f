"""The manifest of a published folder: what every file is, its size and its digest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ccbench.errors import UserError
from ccbench.files import atomic_write, file_digest, readable
from ccbench.schema import Count, Ordinal, fit, parse

NAME = "manifest.json"
SCHEMA = 1
KINDS = ("page", "asset", "data", "table", "record", "artifact", "image", "verification", "export")
_PATH = re.compile(r"(?!/)(?:(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f]+/)*(?!\.{1,2}\Z)[^/\\\x00-\x1f]+")

Kind = Annotated[str, Meta(pattern=rf"^(?:{'|'.join(KINDS)})\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class File(Struct, frozen=True):
    """One file of the folder.

    Attributes:
        what: one of :data:`KINDS`.
        sha256: hexadecimal.
        bytes: its size.
    """

    what: Kind
    sha256: Digest
    bytes: Count


class Artifact(Struct, frozen=True):
    """One compressed file that a record names, published or not.

    Attributes:
        name: as the record has it.
        bytes: its size.
        path: where it lies in the folder; "" where its digest alone is published.
    """

    name: str
    bytes: Count | None = None
    path: str = ""


class Manifest(Struct, frozen=True):
    """What a published folder holds.

    Attributes:
        schema: raised when a reader of the earlier one would be misled.
        ccbench: the version that published it.
        folders: the output folders in it, each with ``results/``, by their paths; "." is the published folder itself.
        files: by their paths relative to the folder, ``/`` between their parts; all but the manifest itself.
        artifacts: by their sha256.
        originals: those of the folders that were here before they were published: nothing in them is ever deleted.
    """

    schema: Ordinal
    ccbench: str
    folders: list[str] = []
    files: dict[str, File] = {}
    artifacts: dict[Digest, Artifact] = {}
    originals: list[str] = []

    def write(self, folder: Path) -> None:
        """Write it into the folder; the same content gives the same bytes.

        Raises:
            UserError: the folder cannot be written.
        """
        plain = msgspec.to_builtins(self)
        plain |= {name: dict(sorted(plain[name].items())) for name in ("files", "artifacts")}
        atomic_write(folder / NAME, json.dumps(plain, indent=1) + "\n")

    def faults(self, folder: Path) -> list[Fault]:
        """What in the folder is not as it was published, by path; hashes every file that the manifest names.

        A file that it does not name is a fault where it is a record: it would count in tables. Others are passed over:
        a host may need files of its own.
        """
        found = [fault for path, file in self.files.items() if (fault := _changed(folder, path, file))]
        listed = set(self.files)
        for place in self.folders:
            records = sorted((folder / place / "results").rglob("*.json"))
            paths = [p.relative_to(folder).as_posix() for p in records if not p.name.startswith(".")]
            found += [Fault(path, "the manifest does not name it") for path in paths if path not in listed]
        return sorted(found, key=lambda fault: fault.path)


class Fault(Struct, frozen=True):
    """A file that is not as the manifest says, and how."""

    path: str
    text: str


def _changed(folder: Path, path: str, file: File) -> Fault | None:
    place = folder / path
    if not place.is_file():
        return Fault(path, f"a {file.what} that was published is not there")
    if not place.resolve().is_relative_to(folder.resolve()):
        return Fault(path, "it is a link that leads out of the folder")
    if place.stat().st_size != file.bytes or file_digest(place) != file.sha256:
        return Fault(path, f"this {file.what} was changed after it was published")
    return None


def described(folder: Path, files: Mapping[str, str]) -> dict[str, File]:
    """What a manifest says of files.

    Args:
        folder: that they lie in.
        files: what each is, by its relative path.
    """
    return {
        path: File(what, file_digest(folder / path), (folder / path).stat().st_size) for path, what in files.items()
    }


def is_published(folder: Path) -> bool:
    """Whether a folder has a manifest."""
    return (folder / NAME).is_file()


def read(folder: Path) -> Manifest:
    """The manifest of a published folder.

    Raises:
        UserError: there is none, it cannot be read, or a newer ccbench wrote it.
    """
    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{folder} is no published folder: it has no {NAME}", mend="ccbench publish OUT DIR makes one")
    try:
        with readable(path):
            manifest = fit(parse(path.read_bytes()), Manifest)
        _check_paths(manifest.files)
        _check_paths(place for place in (*manifest.folders, *manifest.originals) if place != ".")
        _check_paths(one.path for one in manifest.artifacts.values() if one.path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no manifest", found=error, mend="publish the folder again") from None
    if manifest.schema > SCHEMA:
        found = f"schema {manifest.schema}; this version knows up to {SCHEMA}"
        raise UserError(f"{path} was written by a newer version of ccbench", found=found, mend="upgrade ccbench")
    return manifest


def is_path(text: str) -> bool:
    """Whether a text is the path of a file inside a folder, as every system has it.

    Examples:
        >>> is_path("a/results/b.json"), is_path("../b.json")
        (True, False)
    """
    try:
        text.encode()
    except UnicodeError:
        return False
    return _PATH.fullmatch(text) is not None


def _check_paths(paths: Iterable[str]) -> None:
    for path in paths:
        if not is_path(path):
            raise ValueError(f"{path!r:.80} is no path inside the folder")
