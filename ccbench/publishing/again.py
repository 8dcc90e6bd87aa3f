"""The command that makes a row again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ccbench.quantities import plain

_HALF = "0.5"  # of a row that keeps everything: whatever budget its run has


def command(row: Mapping[Any, Any]) -> str:
    """``ccbench run`` with everything that makes the row what it is; "" of a file that ``evaluate`` was given.

    Args:
        row: with the fields of :class:`ccbench.records.cells.Row` and ``planned_seeds``.
    """
    if row["method"].endswith(")"):  # evaluate names the file behind the method
        return ""
    kept = Fraction(row["kept"])
    parts = ["ccbench", "run", "-m", row["method"], "-d", row["dataset"]]
    parts += ["--ratio", plain(1 - kept) if kept < 1 else _HALF, "--no-snap", "--match", row["match"]]
    parts += ["--coding", row["coding"]]
    parts += ["-a", row["architecture"], "-p", row["protocol"], "--seeds", str(row["planned_seeds"] or 1)]
    parts += ["--precision", row["precision"], "--threads", str(row["threads"])]
    parts += ["--base-seed", str(row["base_seed"])] if row["base_seed"] else []
    for option in filter(None, row["options"].split(",")):
        name, _, value = option.partition("=")
        parts += [f"--{name.replace('_', '-')}", *([] if value.lower() == "true" else [value])]
    name, _, weights = row["teacher"].partition("@")
    parts += ["--teacher-arch", name] if name else []
    parts += ["--teacher", "FILE"] if weights else []
    return shlex.join(parts)
