"""Records of several machines in one folder: all of them kept, and whatever is alike or contradicts itself named."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccbench.errors import UserError, few
from ccbench.files import atomic_write, file_digest, new_file
from ccbench.records.artifacts import ARTIFACTS, held, renamed
from ccbench.records.out_folder import claimed
from ccbench.records.record import Record, files_under, read_one
from ccbench.records.verdicts import place


@dataclass
class Merged:
    """What became of a merge.

    Attributes:
        records: in the folder now.
        added: how many of them came in now.
        lines: what users should know, one line each.
    """

    records: int = 0
    added: int = 0
    lines: list[str] = field(default_factory=list)


def machine(record: Record) -> str:
    """The device or processor that a record was measured on, and its torch, for people."""
    told = record.environment
    device = told.get("device", "an unknown machine")
    name = device if record.on_gpu else told.get("cpu", device)
    return f"{name}, torch {told['torch']}" if "torch" in told else str(name)


def said(record: Record) -> str:
    """A record's number, machine and date, for people."""
    number = f"{record.accuracy:.2%}" if record.ok and record.accuracy is not None else record.status
    return f"{number} on {machine(record)}, {record.finished[:10] or 'no date'}"


def merge(sources: Sequence[Path], out: Path) -> Merged:
    """Bring the records of some folders into one, with the files and verdicts beside them.

    No record is changed: one whose place is taken by another gets its checksum into its file's name. Files are linked
    where the system can, otherwise copied.

    Args:
        sources: folders that hold ``results/``.
        out: the folder that gets them; what it holds already stays.

    Raises:
        UserError: a source has no records or is the target, or the target cannot be written or is held by a run.
    """
    for source in sources:
        if source.resolve() == out.resolve():
            raise UserError(f"{source} cannot be merged into itself", mend="give another folder with --out")
        if not files_under(source):
            raise UserError(f"there are no records under {source}", mend="name output folders of ccbench run")
    merged = Merged()
    homes: dict[str, tuple[Record, list[Path]]] = {}
    with claimed(out):
        homes |= {record.checksum: (record, [out]) for _, record in _read(out, merged)}
        for source in sources:
            missing = []
            for path, record in _read(source, merged):
                if record.checksum in homes:
                    homes[record.checksum][1].append(source)
                    continue
                homes[record.checksum] = record, [source]
                atomic_write(_free(record, out), path.read_bytes())
                merged.added += 1
                if record.artifact and not _bring(record, source, out):
                    missing.append(record.artifact)
                _verdict(record, source, out)
            if missing:
                files = few(sorted(set(missing)), 3)
                merged.lines.append(f"{len(missing)} records of {source} came without their file: {files}")
            if (source / "logs").is_dir():
                merged.lines.append(f"logs stay in {source}/logs")
    merged.records = len(homes)
    merged.lines += _told(homes.values())
    return merged


def _read(out: Path, merged: Merged) -> list[tuple[Path, Record]]:
    found = []
    for path in files_under(out):
        try:
            found.append((path, read_one(path)))
        except ValueError as error:
            merged.lines.append(f"left out: {path}: {error}")
    return found


def _free(record: Record, out: Path) -> Path:
    """The place of a record, or one beside it where another record has it."""
    path = record.path(out)
    return path if not path.exists() else path.with_name(f"{path.stem}.{record.checksum[:12]}.json")


def _bring(record: Record, source: Path, out: Path) -> bool:
    """Link or copy a record's compressed file and what lies beside it; whether it was there."""
    if (path := held(record, source)) is None:
        return False
    assert record.artifact is not None
    there = out / ARTIFACTS / Path(record.artifact).name
    if there.exists() and file_digest(there) != record.artifact_sha256:
        there = renamed(there, record.artifact_sha256 or "")
    for old, new in ((path, there), (path.with_suffix(".json"), there.with_suffix(".json"))):
        if old.is_file() and not new.exists():
            _link(old, new)
    return True


def _link(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old.resolve(), new)
    except OSError:
        with new_file(new) as copy, old.open("rb") as file:
            shutil.copyfileobj(file, copy)


def _verdict(record: Record, source: Path, out: Path) -> None:
    old, new = place(record, source), place(record, out)
    if old.is_file() and not new.exists():
        atomic_write(new, old.read_bytes())


def _told(homes: Iterable[tuple[Record, list[Path]]]) -> list[str]:
    """Lines on records that were in several folders, and on cells that have several records."""
    lines, cells = [], defaultdict(list)
    twice = 0
    for record, folders in homes:
        twice += len(folders) > 1
        cells[record.cell].append((record, folders[0]))
    if twice:
        lines.append(f"{twice} records are in more than one folder, to the last byte: each is kept once")
    for several in cells.values():
        if len({folder for _, folder in several}) < 2:
            continue
        first = several[0][0]
        title = f"{first.method}, {first.dataset}, ratio {first.ratio:.4g}, seed {first.seed}"
        numbers = {record.accuracy for record, _ in several if record.ok}
        ok = sum(record.ok for record, _ in several)
        word = "conflict" if len(numbers) > 1 else "agree" if ok > 1 else "both kept"
        told = "; ".join(f"{said(record)} ({folder})" for record, folder in several)
        lines.append(f"{word}: {title}: {told}; the seed counts once")
    return lines
