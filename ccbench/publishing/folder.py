"""The published folder on the disk: nothing is written before all of it is known to be ours to write."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccbench.errors import UserError, few
from ccbench.files import atomic_write, file_digest, new_file
from ccbench.publishing import manifest
from ccbench.publishing.manifest import Manifest


@dataclass
class Folder:
    """What will lie in a folder.

    Attributes:
        path: of the folder.
        before: the manifest of what was published there before, or None.
        contents: by path, what is written: text, bytes, or a file that is copied.
        kinds: by path, what each file is, those that lie there already too.
    """

    path: Path
    before: Manifest | None
    contents: dict[str, str | bytes | Path] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Folder:
        """A folder as it is found.

        Raises:
            UserError: its manifest cannot be read.
        """
        return cls(path, manifest.read(path) if manifest.is_published(path) else None)

    def put(self, place: str, what: str, content: str | bytes | Path) -> None:
        """Plan a file; a file that is copied to itself stays."""
        self.kinds[place] = what
        if not (isinstance(content, Path) and content.resolve() == (self.path / place).resolve()):
            self.contents[place] = content.encode("utf-8", "replace") if isinstance(content, str) else content

    def write(self) -> None:
        """Write what is planned and delete what an earlier publishing left; what is the same already stays.

        Raises:
            UserError: a file is in the way that no earlier publishing wrote, or the folder cannot be written.
        """
        before = self.before.files if self.before else {}
        ours = set(before) | {place for place in self.kinds if place not in self.contents}
        strange = [place for place in self.contents if place not in ours and _there(self.path / place)
                   and not _same(self.path / place, self.contents[place])]  # fmt: skip
        if strange:
            raise UserError(f"{self.path} has files that were not published there", found=few(strange),
                            mend="name an empty folder, or move them away")  # fmt: skip
        for place, content in self.contents.items():
            if _same(self.path / place, content):
                continue
            if isinstance(content, Path):
                with content.open("rb") as source, new_file(self.path / place) as target:
                    shutil.copyfileobj(source, target)
            else:
                atomic_write(self.path / place, content)
        for place in set(before) - set(self.kinds):
            if not self.original(place):
                _delete(self.path / place, self.path)

    def original(self, place: str) -> bool:
        """Whether a file lies in an output folder that was here before it was published."""
        folders = self.before.originals if self.before else []
        return any(folder == "." or place.startswith(f"{folder}/") for folder in folders)

    def taken(self) -> set[str]:
        """Names under which folders of others lie here: no output folder is copied there."""
        copied = set(self.before.folders) - set(self.before.originals) if self.before else set()
        there = {path.name for path in self.path.iterdir() if path.is_dir()} if self.path.is_dir() else set()
        return there - copied

    def seal(
        self,
        version: str,
        folders: Sequence[str],
        originals: Sequence[str],
        artifacts: Mapping[str, manifest.Artifact],
    ) -> Manifest:
        """Write the manifest of what lies there."""
        files = manifest.described(self.path, self.kinds)
        sealed = Manifest(manifest.SCHEMA, version, list(folders), files, dict(artifacts), list(originals))
        sealed.write(self.path)
        return sealed


def _delete(path: Path, root: Path) -> None:
    """Delete a file, and the folders that it leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def _there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _same(path: Path, content: bytes | Path | str) -> bool:
    """Whether a file holds this already."""
    if not path.is_file():
        return False
    if isinstance(content, Path):
        return path.stat().st_size == content.stat().st_size and file_digest(path) == file_digest(content)
    return path.stat().st_size == len(content) and path.read_bytes() == content
