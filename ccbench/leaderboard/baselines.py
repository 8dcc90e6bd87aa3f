"""Where a record stands: its row, and the rows that it can be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ccbench.cells import ROW
from ccbench.leaderboard.tables import BUDGET, CONDITIONS
from ccbench.leaderboard.writing import load


def standing(record: Mapping[str, Any], outs: Sequence[Path]) -> list[str]:
    """Lines on the row that a record belongs to, and on the others beside it among the records of some folders.

    Beside it stand the rows that differ in the method alone, or in the teacher, and ``full`` whatever its budget; the
    best first.

    Args:
        record: one that is in the folders.
        outs: folders that hold ``results/``.
    """
    frame = load(tuple(outs))
    same, at, mine = (
        frame[list(names)].eq([record[n] for n in names]).all(axis=1) for names in (CONDITIONS, BUDGET, ROW)
    )
    rows = frame[same & ~mine & (at | (frame["method"] == "full"))].sort_values("accuracy_mean", ascending=False)
    place = f"{record['dataset']}, ratio {record['ratio']:.4g}, {record['architecture']}, protocol {record['protocol']}"
    own = [f"row: {_said(row)} ({place})" for row in frame[mine].to_dict("records")]
    if rows.empty:
        return [*own, "nothing to compare it with there: no other record of this dataset, budget and protocol"]
    return [*own, "beside it: " + "; ".join(map(_said, rows.to_dict("records")))]


def _said(row: Mapping[Any, Any]) -> str:
    taught = f" taught by {row['teacher']}" if row["teacher"] else ""
    if pd.isna(row["accuracy_mean"]):
        return f"{row['method']}{taught} {row['status']}"
    spread = "" if pd.isna(row["accuracy_std"]) else f" ± {100 * row['accuracy_std']:.2f}"
    seeds = f"{row['n_seeds']} seed{'s' if row['n_seeds'] != 1 else ''}"
    return f"{row['method']}{taught} {100 * row['accuracy_mean']:.2f}{spread} % ({seeds})"
