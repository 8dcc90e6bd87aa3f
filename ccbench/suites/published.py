"""The published number of a cell: the line of its CSV that says the same place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ccbench.budget import DataShape
from ccbench.errors import UserError
from ccbench.leaderboard.intervals import half_width
from ccbench.leaderboard.numbers import Number, read
from ccbench.quantities import number
from ccbench.suites.grid import Cell, Lookup
from ccbench.suites.model import Place, Suite

_BUDGET = ("ratio", "ratio_printed", "bits", "note")  # a cell that says one of these is found by it


@dataclass(frozen=True)
class Published:
    """A published number.

    Attributes:
        value, std: as printed; fractions where they are accuracies.
        runs: behind it, where the paper says so.
        note: what is special about it.
    """

    value: float
    std: float | None
    runs: int | None
    note: str

    @property
    def half(self) -> float:
        """Half the length of what the paper is certain of.

        That is the 95 % interval where the number of runs is known, one standard deviation where it is not, and 0 where
        none is printed.
        """
        if self.std is None:
            return 0.0
        return half_width(self.std, self.runs) if self.runs and self.runs > 1 else self.std


class Numbers:
    """The published numbers of a suite.

    Args:
        suite: whose files are read.
        lookup: for the shapes of datasets.

    Raises:
        UserError: a file cannot be read.
    """

    def __init__(self, suite: Suite, lookup: Lookup) -> None:
        self.suite, self._lookup = suite, lookup
        self.lines = [line for file in suite.numbers for line in read(file)]
        self._by_label: Mapping[tuple[str, str], list[Number]] = defaultdict(list)
        for line in self.lines:
            self._by_label[line.source, line.label].append(line)

    def of(self, cell: Cell) -> Published | None:
        """The number of a cell, or None where the paper prints none.

        Raises:
            UserError: several lines say that place.
        """
        line = self.line(cell)
        if line is None or line.value is None:
            return None
        return Published(line.value, line.std, self.suite.runs, line.note)

    def line(self, cell: Cell) -> Number | None:
        """The line of a cell, or None.

        Raises:
            UserError: as :meth:`of`.
        """
        place, said = cell.place, cell.place.published
        source, label = said.get("source", self.suite.source), said.get("label", cell.row.name)
        told = {"dataset": place.dataset, "architecture": place.architecture, "field": cell.field} | said
        wanted = {name: text for name, text in told.items() if text is not None and name not in {"source", "label"}}
        found = [line for line in self._by_label[source, label] if _fits(line, wanted)]
        if not any(name in said for name in _BUDGET):
            shape = self._lookup.shape(place)
            found = [line for line in found if _at_budget(line, place, shape)]
        if len(found) > 1:
            raise UserError(
                f"suite {self.suite.name} has several published numbers for {cell.row.name!r} at {cell.column.title!r}",
                found=f"{len(found)} lines of {', '.join(f.name for f in self.suite.numbers)}",
                mend="say in `published` which of them it is",
            )
        return found[0] if found else None


def _fits(line: Number, wanted: Mapping[str, str]) -> bool:
    for name, text in wanted.items():
        if not hasattr(line, name):
            raise UserError(
                f"published numbers have no column {name!r}",
                mend="method, label, dataset, architecture, ratio, ratio_printed, bits, field, source or note",
            )
        if getattr(line, name) != text:
            return False
    return True


def _at_budget(line: Number, place: Place, shape: DataShape | None) -> bool:
    """Whether a line stands at the budget of a place; where neither says one it does."""
    if place.budget is None:
        return True
    unit, value = place.budget
    if not (line.ratio or line.ratio_printed):
        return False
    if unit == "bits":
        return bool(line.bits) and number(line.bits, "bits") == number(value, "bits")
    if unit == "ratio":
        kept = 1 - number(value, "ratio")
    elif unit == "fraction":
        kept = number(value, "fraction")
    elif shape is None:
        return False
    else:
        amount = number(value, unit)
        kept = amount * shape.classes / shape.images if unit == "ipc" else amount / shape.raw_bytes
    return abs(line.removed - float(1 - kept)) < 1e-6
