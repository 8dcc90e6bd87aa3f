"""The leaderboard on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccbench.leaderboard.columns import cells, check_columns, columns
from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import sections


def show(frame: pd.DataFrame, console: Console | None = None, chosen: Sequence[str] = ()) -> None:
    """Print one table for each section; names are shown as they are, never read as markup.

    Args:
        frame: from :func:`ccbench.leaderboard.table`.
        console: where to; the terminal by default.
        chosen: further columns, as for :func:`ccbench.leaderboard.render`.
    """
    console, chosen = console or Console(), check_columns(chosen)
    for title, rows in sections(frame):
        table = Table(title=Text(clean(title)), title_justify="left")
        shown = columns(rows, chosen)
        for column in shown:
            table.add_column(column.title, justify="right" if column.right else "left")
        for texts in cells(rows, shown):
            table.add_row(*(Text(clean(text)) for text in texts))
        console.print(table)
