"""What a repository of leaderboards is held to beside its records: tables, manifest, and that nothing goes away."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ccbench.errors import UserError
from ccbench.leaderboard.columns import CHOSEN, UNASKED
from ccbench.leaderboard.writing import load, texts
from ccbench.publishing import manifest
from ccbench.verification.findings import OTHER, WRONG, Checked, Finding, Report
from ccbench.verification.look import Subject, folders, subjects

_STRICT = {"protocol_version"}
"""Fields in which a row of another version than installed is wrong in a repository."""


def hold(report: Report, paths: Sequence[Path], found: Sequence[Subject], since: Path | None) -> None:
    """Add to a report what is wrong with the folders around its records.

    Args:
        report: of :func:`ccbench.verification.look.look`.
        paths: what was named; folders.
        found: the records under them.
        since: an earlier copy; every record in it must still be there.

    Raises:
        UserError: a manifest cannot be read, or there are no records in the earlier copy.
    """
    for one in report.checked:
        one.findings = [replace(f, kind=WRONG) if f.kind == OTHER and f.field in _STRICT else f for f in one.findings]
    for path in paths:
        if not path.is_dir():
            continue
        for out in folders(path):
            report.checked += [Checked(out / name, findings=[finding]) for name, finding in _tables(out)]
        if manifest.is_published(path):
            faults = manifest.read(path).faults(path)
            report.checked += [Checked(path / f.path, findings=[Finding(WRONG, "file", f.text)]) for f in faults]
    if since is not None:
        report.checked += _gone(found, since)


def _gone(found: Sequence[Subject], since: Path) -> Iterator[Checked]:
    """The records of an earlier copy that are not here any more, as they were."""
    here = {subject.record.checksum for subject in found if subject.record}
    for subject in subjects([since]):
        record = subject.record
        if record is not None and record.checksum not in here:
            title = f"{record.method}, seed {record.seed}, {record.status}"
            text = f"it was there before, and is gone or changed: {record.reason or record.status}"
            yield Checked(subject.path, title, [Finding(WRONG, "file", text)])


def _tables(out: Path) -> Iterator[tuple[str, Finding]]:
    """The tables of a folder against those that its records make."""
    for name in ("leaderboard.csv", "leaderboard.md"):
        if not (out / name).is_file():
            continue
        said = (out / name).read_text(encoding="utf-8", errors="replace")
        try:
            first, same = "", False
            for made in _made(out, said):
                first, same = first or made[name], made[name] == said
                if same:
                    break
        except UserError as error:
            yield name, Finding(WRONG, "table", error.what)
            continue
        if not same:
            mend = f"ccbench leaderboard --out {out} --write {out}"
            yield name, Finding(WRONG, "table", f"it is not what the records make: {_first(said, first)}; mend: {mend}")


def _made(out: Path, said: str) -> Iterator[dict[str, str]]:
    """The tables of a folder, as whoever wrote them may have asked for them.

    Columns that one of them shows are shown by all where they were asked for, and by that one where they are shown
    unasked; the same with published rows.
    """
    heads = {cell.strip() for line in re.findall(r"^\| Method \|.*$", said, re.MULTILINE) for cell in line.split("|")}
    shown = [name for name, column in CHOSEN.items() if column.title in heads]
    asked = [name for name in shown if name not in UNASKED]
    for published in (False, True)[: 1 + ("published" in said)]:
        frame = load([out], published=published)
        yield from (texts(frame, columns) for columns in ([asked, shown] if asked != shown else [asked]))


def _first(said: str, made: str) -> str:
    """The first line that differs, as it stands and as it should."""
    changes = [*difflib.unified_diff(said.splitlines(), made.splitlines(), lineterm="", n=0)][2:]
    old = next((line[1:] for line in changes if line.startswith("-")), "")
    new = next((line[1:] for line in changes if line.startswith("+")), "")
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0) if old and new else 0
    start = max(0, at - 40)
    return f"{old[start : start + 100]!r} stands there, {new[start : start + 100]!r} is made"
