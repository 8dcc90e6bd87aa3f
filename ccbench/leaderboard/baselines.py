"""Where a record stands: its row, and the rows that it can be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ccbench.leaderboard.tables import BUDGET, METHOD, SECTION
from ccbench.leaderboard.writing import load
from ccbench.records.cells import ROW
from ccbench.records.record import Record


def standing(record: Record, outs: Sequence[Path]) -> list[str]:
    """Lines on the row that a record belongs to, and on the others beside it among the records of some folders.

    Beside it stand the rows of the same dataset, protocol and version, network and budget, and ``full`` at any
    budget; the best first. Where something else differs, such as the threads, its name is said.

    Args:
        record: one that is in the folders.
        outs: folders that hold ``results/``.
    """
    frame = load(tuple(outs))
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    own = next(row for row in rows if all(row[name] == value for name, value in record.row.items()))
    beside = [row for row in rows if row is not own and all(row[name] == own[name] for name in _shared(row))]
    beside.sort(key=lambda row: -(row["accuracy_mean"] or 0))
    place = f"{own['dataset']}, ratio {own['ratio']:.4g}, {own['architecture']}, protocol {own['protocol']}"
    first = f"row: {_said(own, own)}: {place}"
    if not beside:
        return [first, "nothing beside it there: no other record of this dataset, budget and protocol"]
    return [first, "beside it: " + "; ".join(_said(row, own) for row in beside)]


def _shared(row: Mapping[Any, Any]) -> Sequence[str]:
    return SECTION if row["method"] == "full" else (*SECTION, *BUDGET)


def _said(row: Mapping[Any, Any], own: Mapping[Any, Any]) -> str:
    apart = {*METHOD, *BUDGET, "teacher"}
    other = [name.replace("_", " ") for name in ROW if name not in apart and row[name] != own[name]]
    name = f"{row['method']} taught by {row['teacher']}" if row["teacher"] else row["method"]
    if row["accuracy_mean"] is None:
        return f"{name}, {row['status']}"
    spread = "" if row["accuracy_std"] is None else f" ± {100 * row['accuracy_std']:.2f}"
    facts = [f"{row['n_seeds']} seed{'s' if row['n_seeds'] != 1 else ''}", *(f"other {name}" for name in other)]
    return f"{name} {100 * row['accuracy_mean']:.2f}{spread} % ({', '.join(facts)})"
