"""Where the compressed file of a record lies."""

from __future__ import annotations

from pathlib import Path

from ccbench.files import file_digest
from ccbench.records.record import Record

ARTIFACTS = "artifacts"


def places(record: Record, out: Path) -> list[Path]:
    """Where the file of a record may lie under its folder, the usual place first.

    Two machines may have made files of one name and other bytes: merging keeps the second under its digest as well.
    """
    if not record.artifact:
        return []
    name = Path(record.artifact).name
    usual = out / ARTIFACTS / name
    return [usual, renamed(usual, record.artifact_sha256 or "")]


def renamed(path: Path, digest: str) -> Path:
    """Where a file lies whose place was taken by another one."""
    return path.with_name(f"{path.stem}.{digest[:12]}{path.suffix}")


def held(record: Record, out: Path) -> Path | None:
    """The file of a record, or None where none of its bytes is there."""
    there = [path for path in places(record, out) if path.is_file()]
    return next((path for path in there if file_digest(path) == record.artifact_sha256), None)
