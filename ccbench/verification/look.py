"""Level 1: everything that can be said of records without making or training anything again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccbench.errors import UserError
from ccbench.records.record import FOLDER, Record, files_under, read_one
from ccbench.verification import claims, files, together
from ccbench.verification.findings import UNSEEN, WRONG, Checked, Finding, Report
from ccbench.verification.installed import Installed


@dataclass(frozen=True)
class Subject:
    """A record's file.

    Attributes:
        path: of it.
        out: the folder that holds ``results/``, None where the file lies in no such folder.
        record: what it holds, None where it holds none.
        problem: why not.
    """

    path: Path
    out: Path | None
    record: Record | None = None
    problem: str = ""


def subjects(paths: Sequence[Path]) -> list[Subject]:
    """The records that paths stand for, each once.

    Args:
        paths: files of records; output folders; folders that hold such folders at any depth.

    Raises:
        UserError: a path is missing, or there is no record under it; or a newer version wrote one.
    """
    found: dict[Path, Subject] = {}
    for path in paths:
        listed: list[tuple[Path, Path | None]]
        if path.is_dir():
            outs = folders(path)
            listed = [(file, out) for out in outs for file in files_under(out)]
            if not listed:
                mend = "ccbench run writes records; name an --out of it, or a file under its results/"
                raise UserError(f"there are no records under {path}", mend=mend)
        elif path.exists():
            home = next((p.parent for p in path.absolute().parents if p.name == FOLDER), None)
            listed = [(path, home)]
        else:
            raise UserError(f"there is no {path}", mend="name an output folder or a record's .json file")
        for file, out in listed:
            found.setdefault(file.absolute(), _read(file, out))
    return list(found.values())


def folders(path: Path) -> list[Path]:
    """The output folders at or below a folder: those that hold ``results/``, none inside another one's."""
    if (path / FOLDER).is_dir():
        return [path]
    below = sorted(p.parent for p in path.rglob(FOLDER) if p.is_dir())
    return [out for out in below if not any(other in out.parents for other in below)]


def _read(file: Path, out: Path | None) -> Subject:
    try:
        return Subject(file, out, read_one(file))
    except ValueError as error:
        return Subject(file, out, problem=str(error))


def look(found: Sequence[Subject], installed: Installed) -> Report:
    """Hold each record against itself, its file, the others, and what is installed."""
    report = Report()
    across = together.check([(s.path, s.record) for s in found if s.record])
    for subject in found:
        record = subject.record
        if record is None:
            report.checked.append(Checked(subject.path, findings=[Finding(WRONG, "file", subject.problem)]))
            continue
        told = [*claims.check(record, subject.path, installed), *files.check(record, subject.out)]
        told += across.get(subject.path, [])
        title = f"{record.method}, seed {record.seed}" + (f", {record.status}" if not record.ok else "")
        report.checked.append(Checked(subject.path, title, list(dict.fromkeys(told))))
    report.notes += _unseen(report)
    return report


def _unseen(report: Report) -> list[str]:
    """One line for each thing that was not here, however many records wanted it."""
    counts: dict[str, int] = {}
    for one in report.checked:
        for finding in one.findings:
            if finding.kind == UNSEEN:
                text = "its file is not here" if finding.field == "artifact" else finding.text
                counts[text] = counts.get(text, 0) + 1
    return [f"{n} of {len(report.checked)} records: {text}" for text, n in counts.items()]
