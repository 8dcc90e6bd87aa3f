"""The leaderboard's files beside the results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ccbench.errors import UserError, few
from ccbench.files import atomic_write
from ccbench.leaderboard.figure import png
from ccbench.leaderboard.papers import published as published_rows
from ccbench.leaderboard.rendering import render
from ccbench.leaderboard.significance import with_tests
from ccbench.leaderboard.tables import table
from ccbench.records.merging import machine, said
from ccbench.records.record import Record, read_all
from ccbench.records.verdicts import read_verdicts


def load(outs: list[Path] | tuple[Path, ...], *, published: bool = False, against: str = "") -> pd.DataFrame:
    """The table of every record under some output folders; ``.attrs["notes"]`` names unreadable files.

    Args:
        outs: folders that hold ``results/``.
        published: whether to append the registry's rows of the same datasets and ratios.
        against: a method that every row is tested against over seeds, in a column ``against``; "" for no such column.

    Raises:
        UserError: there is no record, one of a newer version, or no row of that method.
    """
    return framed(read_folders(outs), published=published, against=against)


class Held(NamedTuple):
    """What an output folder holds: its records, and a line for each file left out."""

    out: Path
    records: list[Record]
    problems: list[str]


def read_folders(outs: Sequence[Path]) -> list[Held]:
    """What each folder holds, see :func:`ccbench.records.record.read_all`; a folder named twice is read once.

    Raises:
        UserError: there is no record in any of them, or one of a newer version.
    """
    read = [Held(out, *read_all(out)) for out in dict.fromkeys(Path(out).resolve() for out in outs)]
    problems = [problem for held in read for problem in held.problems]
    if not any(held.records for held in read):
        raise UserError("there are no result records", mend="ccbench run writes them, or name their folder with --out",
                        found="; ".join([*map(str, outs), *problems[:3]]))  # fmt: skip
    return read


def framed(read: Sequence[Held], *, published: bool = False, against: str = "") -> pd.DataFrame:
    """As :func:`load`, of what :func:`read_folders` found."""
    records = [record for held in read for record in held.records]
    verdicts, unread = read_verdicts(held.out for held in read)
    problems = [*(problem for held in read for problem in held.problems), *unread]
    frame = table(records, verdicts)
    remarks = [*_twice([held.records for held in read]), *_machines(records), *(f"left out: {w}" for w in problems)]
    if published:
        theirs = published_rows()
        pairs = frame[["dataset", "architecture"]].drop_duplicates()
        frame, remarks = _beside(frame, theirs, pairs, remarks)
    frame = with_tests(frame, records, against) if against else frame
    frame.attrs["notes"] = remarks
    return frame


def _twice(read: Sequence[list[Record]]) -> list[str]:
    """A remark where several folders hold the same cells: each counts once."""
    cells = Counter(cell for records in read for cell in {record.cell for record in records})
    several = [cell for cell, folders in cells.items() if folders > 1]
    if not several:
        return []
    remark = "cells are in more than one folder; of each the record that finished well last counts, once"
    return [f"{len(several)} of {len(cells)} {remark}"]


def _machines(records: list[Record]) -> list[str]:
    """A remark where cells were run on several machines: each seed counts once."""
    cells: dict[str, list[Record]] = defaultdict(list)
    for record in {record.checksum: record for record in records if record.ok}.values():
        cells[record.cell].append(record)
    several = [found for found in cells.values() if len({machine(record) for record in found}) > 1]
    if not several:
        return []
    told = [f"{f[0].method} seed {f[0].seed}: {' and '.join(sorted(map(said, f)))}" for f in several]
    head = f"{len(several)} cells were run on more than one machine; a seed counts once, by the record that ended last"
    return [f"{head}: {few(told, 2)}"]


def _beside(
    frame: pd.DataFrame, theirs: pd.DataFrame, pairs: pd.DataFrame, remarks: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Append published rows: of our network where there are any, otherwise of the papers' networks."""
    wanted = []
    for dataset, architecture in pairs.itertuples(index=False):
        networks = sorted(set(theirs.loc[theirs["dataset"] == dataset, "architecture"]))
        if architecture not in networks:
            known = f"; those for {', '.join(networks)} stand in a table of their own" if networks else ""
            remarks.append(f"no published numbers for {dataset} with {architecture}{known}")
        wanted += [(dataset, n) for n in ([architecture] if architecture in networks else networks)]
    chosen = theirs.merge(pd.DataFrame(sorted(set(wanted)), columns=["dataset", "architecture"]))
    # only the ratios that were measured here, and the reference
    ratios = frame[["dataset", "ratio"]].drop_duplicates()
    reference = chosen["method"] == "full"
    chosen = pd.concat([chosen[reference], chosen[~reference].merge(ratios)])
    chosen = chosen[list(theirs.columns)].astype(frame.dtypes)
    return (pd.concat([frame, chosen], ignore_index=True) if len(chosen) else frame), remarks


def write(out: str | Path, *, published: bool = False) -> pd.DataFrame:
    """Write ``leaderboard.csv``, ``leaderboard.md`` and ``leaderboard.png`` from the records under ``out``.

    Each file is replaced whole. Returns the table.

    Raises:
        UserError: there are no records, or the folder cannot be written.
    """
    frame = load([Path(out)], published=published)
    write_files(frame, out)
    return frame


def write_files(frame: pd.DataFrame, folder: str | Path, chosen: Sequence[str] = ()) -> None:
    """The three files of a table; see :func:`write`. ``chosen`` as for :func:`ccbench.leaderboard.render`."""
    for name, content in table_files(frame, chosen).items():
        atomic_write(Path(folder) / name, content)


def table_files(frame: pd.DataFrame, chosen: Sequence[str] = ()) -> dict[str, str | bytes]:
    """What :func:`write_files` writes, by name."""
    return {**texts(frame, chosen), "leaderboard.png": png(frame)}


def texts(frame: pd.DataFrame, chosen: Sequence[str] = ()) -> dict[str, str]:
    """The files of :func:`write_files` that are text."""
    text = render(frame, "md", chosen) + "\n![Accuracy against bytes kept](leaderboard.png)\n"
    return {"leaderboard.csv": render(frame, "csv"), "leaderboard.md": text}
