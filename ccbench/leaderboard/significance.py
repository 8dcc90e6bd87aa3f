"""Whether two rows differ by more than noise: tests over seeds, and "n too small" where they can say nothing."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccbench.leaderboard.tables import BUDGET, CONDITIONS
from ccbench.records.cells import ROW
from ccbench.records.record import Record, latest

LEAST = 3
"""Seeds below which no test is made."""
ALPHA = 0.05

Seeds = Mapping[int, float]
"""Accuracies by the index of the seed."""


@dataclass(frozen=True)
class Difference:
    """How two rows differ.

    Attributes:
        points: the mean of the one less that of the other, a fraction; of the common seeds where the test is paired.
        kind: ``paired`` (t-test over common seeds, which start from the same network), ``Welch``, or "".
        n: seeds that the test is of, those of the smaller row for Welch's.
        p: of the test, two-sided; None where there is none.
        why: why not, or "".
    """

    points: float
    kind: str = ""
    n: int = 0
    p: float | None = None
    why: str = ""

    @property
    def significant(self) -> bool:
        """Whether p is below :data:`ALPHA`."""
        return self.p is not None and self.p < ALPHA

    def __str__(self) -> str:
        points = f"{100 * self.points:+.2f}"
        return f"{points} ({self.why})" if self.p is None else f"{points} ({self.kind}, p = {self.p:.3g}, n = {self.n})"


def paired(one: Seeds, other: Seeds) -> Difference:
    """A paired t-test over common seeds.

    Examples:
        >>> print(paired({0: 0.5, 1: 0.6}, {0: 0.4, 1: 0.4}))
        +15.00 (n too small: 2)
    """
    seeds = sorted({*one} & {*other})
    if not seeds:
        return Difference(_mean(one) - _mean(other), why="no common seed")
    gains = [one[seed] - other[seed] for seed in seeds]
    points, n = statistics.fmean(gains), len(seeds)
    if n < LEAST:
        return Difference(points, n=n, why=f"n too small: {n}")
    if _flat(gains):
        return Difference(points, n=n, why="the same at every seed")
    from scipy.stats import ttest_1samp

    return Difference(points, "paired", n, float(ttest_1samp(gains, 0).pvalue))


def welch(one: Seeds, other: Seeds) -> Difference:
    """Welch's t-test of two rows whose seeds have nothing in common."""
    points, n = _mean(one) - _mean(other), min(len(one), len(other))
    if n < LEAST:
        return Difference(points, n=n, why=f"n too small: {n}")
    mine, theirs = list(one.values()), list(other.values())
    if _flat(mine) and _flat(theirs):
        return Difference(points, n=n, why="no spread over seeds")
    from scipy.stats import ttest_ind

    return Difference(points, "Welch", n, float(ttest_ind(mine, theirs, equal_var=False).pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values held to how many there are, by Holm's method, in the same order.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, most = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = most
    return adjusted


def seeds_of(records: Iterable[Record]) -> dict[tuple[Any, ...], dict[int, float]]:
    """The accuracies of each row by seed; of each cell the record that counts."""
    rows: dict[tuple[Any, ...], dict[int, float]] = defaultdict(dict)
    for record in sorted(latest(records), key=lambda r: r.weight):
        if record.ok and record.accuracy is not None:
            rows[tuple(record.row.values())][record.seed] = record.accuracy
    return rows


def against(records: Iterable[Record], name: str) -> dict[tuple[Any, ...], str]:
    """How each row differs from the row of one method under the same conditions at the same budget.

    A star stands where p is below :data:`ALPHA` once it is held (Holm) to the number of rows compared with that one. A
    method that has one budget, such as ``full``, is the reference of every budget.

    Args:
        records: of the table.
        name: the method's label.

    Returns:
        By the values of a row (:data:`ccbench.records.cells.ROW`), such as ``+3.20 (paired, p = 0.012, n = 3)*``.
    """
    rows = seeds_of(records)
    named = {key: dict(zip(ROW, key, strict=True)) for key in rows}
    families: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for key, row in named.items():
        if reference := _reference(row, name, named):
            families[reference].append(key)
    texts: dict[tuple[Any, ...], str] = {}
    for reference, members in families.items():
        found = {key: paired(rows[key], rows[reference]) for key in members if key != reference}
        tested = {key: difference.p for key, difference in found.items() if difference.p is not None}
        adjusted = dict(zip(tested, holm([*tested.values()]), strict=True))
        texts |= {key: f"{d}{'*' * (adjusted.get(key, 1) < ALPHA)}" for key, d in found.items()}
        texts[reference] = "reference"
    return texts


def _reference(
    row: Mapping[str, Any], name: str, rows: Mapping[tuple[Any, ...], Mapping[str, Any]]
) -> tuple[Any, ...] | None:
    """The one row of a method that another is held against, or None where there is none or more than one."""
    same = [k for k, r in rows.items() if r["method"] == name and all(r[n] == row[n] for n in CONDITIONS)]
    here = [k for k in same if all(rows[k][n] == row[n] for n in BUDGET)] or [k for k in same if rows[k]["kept"] == "1"]
    exact = [k for k in here if all(rows[k][n] == row[n] for n in ("coding", "teacher"))]
    found = exact or here
    return found[0] if len(found) == 1 else None


def _mean(seeds: Seeds) -> float:
    return statistics.fmean(seeds.values())


def _flat(values: Sequence[float]) -> bool:
    return max(values) - min(values) < 1e-12
