"""The leaderboard on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccbench.leaderboard.columns import ALWAYS, Column, cells, check_columns, columns
from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import sections
from ccbench.leaderboard.robust import missing
from ccbench.leaderboard.tables import MEASURED

Held = tuple[Column, list[str]]  # with the texts of its rows

_LONG = 16  # characters of a text from which it may go on in the next line
_TELLING = {"Status", "Source", "Match"}  # what kind of row it is, where they are not all of one kind
_KEPT = {ALWAYS[0].title, "Accuracy (%)"}  # what a table is for


def show(frame: pd.DataFrame, console: Console | None = None, chosen: Sequence[str] = ()) -> None:
    """Print one table for each section; names are shown as they are, never read as markup.

    Where a table is wider than the terminal, columns without a value are left out first, then those with one value in
    every row, which is told below the table, then the last ones, whose names are told: nothing is cut.

    Args:
        frame: from :func:`ccbench.leaderboard.table`.
        console: where to; the terminal by default.
        chosen: further columns, as for :func:`ccbench.leaderboard.render`.
    """
    console, chosen = console or Console(), check_columns(chosen)
    for title, rows in sections(frame):
        shown = columns(rows, chosen)
        texts = [[clean(text) for text in row] for row in cells(rows, shown)]
        held = [(column, list(values)) for column, values in zip(shown, zip(*texts, strict=True), strict=True)]
        held, told = _fitting(held, console.width)
        table = Table(title=Text(clean(title)), title_justify="left", caption_justify="left")
        for (column, _), width in zip(held, _widths(held, console.width), strict=True):
            table.add_column(
                Text(column.title, overflow="fold"), justify="right" if column.right else "left", width=width
            )
        for row in zip(*(values for _, values in held), strict=True):
            table.add_row(*(Text(text, overflow="fold") for text in row))
        if told:
            table.caption = Text("\n".join(told))
        console.print(table)
    for line in missing(frame[frame["source"] == MEASURED], chosen):
        console.print(Text(clean(line)))


def _fitting(held: list[Held], width: int) -> tuple[list[Held], list[str]]:
    """The columns that fit a width, the last of a kind going first, and the lines that stand for those that went."""
    same: list[str] = []
    room: list[str] = []
    for goes, into in ((_empty, None), (_constant, same), (_formula, room), (_further, room)):
        for one in reversed(held):
            if _width(held) > width and one[0].title not in _KEPT and goes(one):
                held = [other for other in held if other is not one]
                if into is not None:
                    into.insert(0, f"{one[0].title} {one[1][0]}" if into is same else one[0].title)
    told = [("In every row", same), ("For want of room not here", room)]
    return held, [f"{what}: {', '.join(names)}" for what, names in told if names]


def _empty(one: Held) -> bool:
    return not any(one[1])


def _constant(one: Held) -> bool:
    return len(set(one[1])) == 1


def _formula(one: Held) -> bool:
    return one[0].title == "Nominal ratio"


def _further(one: Held) -> bool:
    return one[0].title not in _TELLING


def _widths(held: Sequence[Held], width: int) -> list[int | None]:
    """Characters of each column: what it needs, and of what is left over what it can use; None on a tiny terminal."""
    left = width - _width(held)
    if left < 0:
        return [None] * len(held)
    widths: list[int | None] = []
    for column, values in held:
        least = _least(column, values)
        more = min(left, max(len(column.title), *map(len, values)) - least)
        widths.append(least + more)
        left -= more
    return widths


def _width(held: Sequence[Held]) -> int:
    """Characters of a table: a column has a space at each side and a line at its left."""
    return sum(_least(column, values) + 3 for column, values in held) + 1


def _least(column: Column, values: Sequence[str]) -> int:
    """Characters that a column needs: titles are broken between words, numbers are not, long texts are."""
    longest = max(map(len, values))
    return max(*map(len, column.title.split()), 1, longest if column.right else min(longest, _LONG))
