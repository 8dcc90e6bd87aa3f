"""``ccbench merge``: records of several machines in one folder."""

from __future__ import annotations

from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.commands._show import plain


@click.command()
@click.argument("sources", nargs=-1, required=True, type=_options.Place(file_okay=False), metavar="OUT...")
@click.option("--out", "-o", required=True, type=_options.Place(file_okay=False), help="The folder that gets them all.")
def merge(sources: tuple[Path, ...], out: Path) -> None:
    """Bring the records of several output folders into one and write its tables.

    No record is changed or dropped: those of equal cells are all kept, and a seed counts once. Conflicts are listed
    with machine and date. Compressed files and verdicts come along where they are there.
    """
    from ccbench.leaderboard import write
    from ccbench.records.merging import merge as bring

    merged = bring(sources, out)
    for line in merged.lines:
        click.echo(plain(line))
    write(out)
    click.echo(f"{merged.added} records came in, {merged.records} are in {out}/, with its tables")
