"""``ccbench compare``: what changed between two folders of records."""

from __future__ import annotations

from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.commands._show import plain
from ccbench.errors import UserError


@click.command()
@click.argument("first", type=_options.Place(file_okay=False), metavar="A")
@click.argument("second", type=_options.Place(file_okay=False), metavar="B")
def compare(first: Path, second: Path) -> None:
    """Show which rows differ between two output folders, by how much, and whether it is more than noise.

    Differences are B less A in percentage points. A star: p below 0.05 by a paired t-test over common seeds, or
    Welch's where there are none; with fewer than three seeds "n too small" stands there instead.
    """
    from ccbench.leaderboard.comparing import compare as rows
    from ccbench.records.record import read_all

    read = []
    for folder in (first, second):
        records, problems = read_all(folder)
        for problem in problems:
            click.echo(f"left out: {plain(problem)}", err=True)
        if not records:
            raise UserError(f"there are no records under {folder}", mend="name output folders of ccbench run")
        read.append(records)
    changes = rows(*read)
    same = sum(change.state == "same" for change in changes)
    for change in changes:
        if change.state != "same":
            click.echo(plain(change))
    click.echo(f"{len(changes)} rows: {same} the same, {len(changes) - same} not")
