"""A suite's table: in each cell our number, the published one, their difference, and whether the two intervals meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ccbench.suites.grid import Cell, Lookup, left_out
from ccbench.suites.model import Column, Row, Suite
from ccbench.suites.published import Numbers, Published
from ccbench.suites.results import Measured, Results

_LOWER = ("seconds", "memory", "bytes", "distance", "fid")  # what ends so is better when it is less
BEST, SECOND = "best", "second"


@dataclass(frozen=True)
class Entry:
    """A cell with its numbers, fractions where they are accuracies."""

    cell: Cell
    ours: Measured | None
    theirs: Published | None

    @property
    def difference(self) -> float | None:
        """Ours less the published number, or None."""
        return self.ours.mean - self.theirs.value if self.ours and self.theirs else None

    @property
    def apart(self) -> bool | None:
        """Whether our 95 % interval and the published one do not meet; None where one seed has no interval."""
        if self.difference is None or not self.ours or not self.theirs or self.ours.half is None:
            return None
        return abs(self.difference) > self.ours.half + self.theirs.half


@dataclass(frozen=True)
class Table:
    """The whole table.

    Attributes:
        suite: which one; rows, columns: of it, as far as they are shown.
        entries: by row and column.
        marks: of ours and of the published numbers: :data:`BEST` or :data:`SECOND` of a column, by entry.
        left_out: why cells have no number of ours, one text for each reason.
        others: rows of these cells that differ in something else and are not shown.
    """

    suite: Suite
    rows: Sequence[Row]
    columns: Sequence[Column]
    entries: dict[tuple[Row, Column], Entry]
    ours: dict[Entry, str]
    theirs: dict[Entry, str]
    left_out: Sequence[str]
    others: int

    @property
    def measured(self) -> bool:
        """Whether any number is ours."""
        return any(entry.ours for entry in self.entries.values())


def build(suite: Suite, rows: Sequence[Row], columns: Sequence[Column], lookup: Lookup, results: Results) -> Table:
    """The table of some rows and columns.

    Raises:
        UserError: published numbers cannot be read, or a column shows what no record has.
    """
    cells, numbers = lookup.cells(suite, rows, columns), Numbers(suite, lookup)
    entries = {(c.row, c.column): Entry(c, results.of(c), numbers.of(c)) for c in cells}
    ours: dict[Entry, str] = {}
    theirs: dict[Entry, str] = {}
    for column in columns:
        held = [entries[row, column] for row in rows if not _reference(entries[row, column])]
        ours |= _marks([(e, e.ours.mean, e.ours.half) for e in held if e.ours])
        theirs |= _marks([(e, e.theirs.value, e.theirs.half or None) for e in held if e.theirs])
    others = sum(e.ours.others for e in entries.values() if e.ours)
    return Table(suite, rows, columns, entries, ours, theirs, left_out(cells), others)


def _reference(entry: Entry) -> bool:
    found = entry.cell.found
    return found is not None and found.expression.reference


def _marks(held: Sequence[tuple[Entry, float, float | None]]) -> dict[Entry, str]:
    """Which entries of a column are best, and which second.

    What ties with the best is best too: equal means, or 95 % intervals of both that meet.
    """
    if len(held) < 2:
        return {}
    lower = held[0][0].cell.field.endswith(_LOWER)
    rest = sorted(held, key=lambda one: one[1] if lower else -one[1])
    marks: dict[Entry, str] = {}
    for mark in (BEST, SECOND):
        if rest:
            tied = [one for one in rest if _ties(rest[0], one)]
            marks |= {entry: mark for entry, _, _ in tied}
            rest = [one for one in rest if one not in tied]
    return marks


def _ties(one: tuple[Entry, float, float | None], other: tuple[Entry, float, float | None]) -> bool:
    apart = abs(one[1] - other[1])
    return apart == 0 or (one[2] is not None and other[2] is not None and apart <= one[2] + other[2])


def lines(table: Table, text: Callable[[Entry, str], str]) -> Iterable[tuple[Row, str, list[str]]]:
    """Up to three lines for each row: ours, published, difference; each only where a cell of it has one.

    Args:
        table: of a suite.
        text: of an entry on one of the three lines.
    """
    for row in table.rows:
        entries = [table.entries[row, column] for column in table.columns]
        held = {
            "ours": any(e.ours for e in entries),
            "published": any(e.theirs for e in entries),
            "difference": any(e.difference is not None for e in entries),
        }
        shown = [what for what, there in held.items() if there] or ["ours"]
        for what in shown:
            yield row, what, [text(entry, what) for entry in entries]
