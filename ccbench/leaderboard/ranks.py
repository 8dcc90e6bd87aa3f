"""Average ranks of methods over many comparisons, whether they differ at all, and which cannot be told apart.

Friedman's test and Nemenyi's critical difference as Demšar (2006) recommends them, both from scipy; where there are too
few rows for them a sentence says so.
"""

from __future__ import annotations

import io
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ccbench.leaderboard.escaping import clean, markdown, mathless, spreadsheet
from ccbench.leaderboard.tables import MEASURED, METHOD
from ccbench.records.cells import ROW

METHODS, BLOCKS = 3, 5
"""The fewest that are compared."""
ALPHA = 0.05
_BLOCK = tuple(name for name in ROW if name not in METHOD)
_RELIABLE = 10  # blocks above which the chi-squared of Friedman's test is a good one


@dataclass(frozen=True)
class Ranks:
    """Methods by their average rank.

    Attributes:
        average: by method, 1 is best, the best first; ties share their mean rank.
        blocks: how many comparisons: each a dataset, protocol, network and budget in which all of them have a number.
        statistic, p: of Friedman's test.
        critical: the difference of average ranks from which two methods differ (Nemenyi, 0.05).
        why: why there is none of it, or "".
    """

    average: Mapping[str, float] = field(default_factory=dict)
    blocks: int = 0
    statistic: float = math.nan
    p: float = math.nan
    critical: float = math.nan
    why: str = ""

    @property
    def sentence(self) -> str:
        """What the table says, or why there is none."""
        if self.why:
            return self.why
        rough = f"; of {self.blocks} comparisons p is rough" if self.blocks <= _RELIABLE else ""
        told = f"Friedman: chi-squared {self.statistic:.2f}, p = {self.p:.3g}{rough}."
        more = f"Critical difference (Nemenyi, {ALPHA}): {self.critical:.2f}."
        differ = "" if self.p < ALPHA else " The test finds no difference between them, so ranks tell nothing."
        return (
            f"{len(self.average)} methods over {self.blocks} comparisons of a dataset, protocol, network and budget. "
            f"{told} {more}{differ}"
        )

    def alike(self) -> list[tuple[str, ...]]:
        """Groups of methods that lie within one critical difference, none inside another, best first."""
        names = list(self.average)
        groups: list[tuple[str, ...]] = []
        for i, first in enumerate(names):
            group = tuple(n for n in names[i:] if self.average[n] - self.average[first] < self.critical)
            if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
                groups.append(group)
        return groups


def ranks(frame: pd.DataFrame) -> Ranks:
    """The ranks of the methods of a leaderboard.

    Of all methods those are taken that share the most comparisons; a method with two versions in one comparison is left
    out of it.

    Args:
        frame: from :func:`ccbench.leaderboard.table`; accuracies are means over seeds.
    """
    table = _accuracies(frame)
    methods, blocks = _complete(table)
    if len(methods) < METHODS or len(blocks) < BLOCKS:
        found = (
            f"at most {len(methods)} methods have a number in the same {len(blocks)}" if methods else "there are none"
        )
        need = f"{METHODS} methods in {BLOCKS} comparisons of a dataset, protocol, network and budget"
        return Ranks(why=f"No ranks: they need at least {need}, and {found}.")
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    rows = [[table[block][method] for method in methods] for block in blocks]
    ranked = [rankdata([-value for value in row]) for row in rows]
    average = {m: float(statistics.fmean(r[i] for r in ranked)) for i, m in enumerate(methods)}
    if all(len(set(row)) == 1 for row in rows):
        return Ranks(why="No ranks: every method has the same accuracy in every comparison.")
    test = friedmanchisquare(*zip(*rows, strict=True))
    k, n = len(methods), len(blocks)
    quantile = float(studentized_range.ppf(1 - ALPHA, k, math.inf)) / math.sqrt(2)
    ordered = dict(sorted(average.items(), key=lambda item: (item[1], item[0])))
    return Ranks(ordered, n, float(test.statistic), float(test.pvalue), quantile * math.sqrt(k * (k + 1) / (6 * n)))


def _accuracies(frame: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, float]]:
    """Mean accuracies by comparison and method."""
    rows = frame[(frame["source"] == MEASURED) & frame["accuracy_mean"].notna()].astype(object).to_dict("records")
    found: dict[tuple[Any, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[tuple(row[name] for name in _BLOCK)][row["method"]].append(float(row["accuracy_mean"]))
    return {block: {m: v[0] for m, v in methods.items() if len(v) == 1} for block, methods in found.items()}


def _complete(table: Mapping[tuple[Any, ...], Mapping[str, float]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The methods and comparisons without a gap that have the most numbers, of those that are enough where any are."""
    coverage: dict[str, int] = defaultdict(int)
    for methods in table.values():
        for method in methods:
            coverage[method] += 1
    best: tuple[list[str], list[tuple[Any, ...]]] = ([], [])
    for least in sorted(set(coverage.values())):
        names = sorted(m for m, count in coverage.items() if count >= least)
        while len(names) >= min(METHODS, len(coverage)):
            blocks = [block for block, methods in table.items() if all(name in methods for name in names)]
            if _worth(names, blocks) > _worth(*best):
                best = names, blocks
            names = sorted(set(names) - {min(names, key=lambda m: (coverage[m], m))})
    return best


def _worth(names: list[str], blocks: list[tuple[Any, ...]]) -> tuple[bool, int]:
    return len(names) >= METHODS and len(blocks) >= BLOCKS, len(names) * len(blocks)


def render(found: Ranks, fmt: str) -> str:
    """The average ranks as Markdown or CSV, the sentence below (in CSV: nothing but rows)."""
    best = next(iter(found.average.values()), math.nan)
    rows = [(name, rank, "yes" if rank - best < found.critical else "no") for name, rank in found.average.items()]
    if fmt == "csv":
        lines = ["method,average_rank,within_critical_difference_of_the_best"]
        quoted = ('"' + spreadsheet(name).replace('"', '""') + '"' for name, _, _ in rows)
        lines += [f"{name},{rank:.6g},{near}" for name, (_, rank, near) in zip(quoted, rows, strict=True)]
        return "\n".join(lines) + "\n"
    lines = ["| Method | Average rank | Within the critical difference of the best |", "| --- | ---: | --- |"]
    lines += [f"| {markdown(name)} | {rank:.2f} | {near} |" for name, rank, near in rows]
    return "\n".join([*(lines if rows else []), "", found.sentence, ""]).lstrip("\n")


def png(found: Ranks) -> bytes:
    """The critical-difference diagram: methods by average rank, a bar over those that cannot be told apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, groups = list(found.average), found.alike()
    height = 1.2 + 0.26 * len(names) + 0.16 * len(groups)
    figure = Figure(figsize=(8, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    worst = max(found.average.values())
    for place, name in enumerate(names):
        axis.plot(found.average[name], place, "o", color="#0072B2")
        text = f"  {mathless(clean(name, 60))}  {found.average[name]:.2f}"
        axis.annotate(text, (found.average[name], place), va="center", fontsize=8)
    for level, group in enumerate(groups):
        ends = [found.average[group[0]], found.average[group[-1]]]
        axis.plot(ends, [-0.8 - 0.5 * level] * 2, color="black", linewidth=3, solid_capstyle="butt")
    axis.errorbar(1 + found.critical / 2, len(names), xerr=found.critical / 2, capsize=4, color="#D55E00")
    axis.annotate("  critical difference", (1 + found.critical, len(names)), va="center", fontsize=8)
    axis.set_xlim(0.8, max(worst, 1 + found.critical) + 0.35 * max(2.0, worst))
    axis.set_ylim(len(names) + 0.8, -1.3 - 0.5 * len(groups))
    axis.set_yticks([])
    axis.set_xlabel(f"average rank over {found.blocks} comparisons; bars join what cannot be told apart")
    for side in ("left", "right", "top"):
        axis.spines[side].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
