"""The leaderboard on a terminal."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccbench.leaderboard.escaping import clean
from ccbench.leaderboard.rendering import cells, header, sections


def show(frame: pd.DataFrame, console: Console | None = None) -> None:
    """Print one table for each section; names are shown as they are, never read as markup."""
    console = console or Console()
    for title, rows in sections(frame):
        table = Table(title=Text(clean(title)), title_justify="left")
        for place, name in enumerate(header(rows)):
            table.add_column(name, justify="right" if 1 <= place <= 8 else "left")
        for texts in cells(rows):
            table.add_row(*(Text(clean(text)) for text in texts))
        console.print(table)
