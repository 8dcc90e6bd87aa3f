"""``ccbench ranks``: average ranks of methods, and whether they differ."""

from __future__ import annotations

from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.commands._show import plain
from ccbench.errors import UserError

_SUFFIXES = {".csv": "csv", ".md": "md", ".png": "png"}


@click.command()
@click.option("--out", "outs", multiple=True, type=_options.Place(), metavar="DIR",
              help="Output folder of a run; several are merged. [default: ccbench-out]")  # fmt: skip
@click.option("--output", type=_options.Place(dir_okay=False), metavar="FILE",
              help="Write here instead: the table as csv or md, the critical-difference diagram as png.")  # fmt: skip
def ranks(outs: tuple[Path, ...], output: Path | None) -> None:
    """Rank methods over all datasets, protocols, networks and budgets in which they all have a number.

    Friedman's test says whether they differ, Nemenyi's critical difference which of them do. Where there are too few
    rows a sentence says why there are no ranks.
    """
    kind = "md" if output is None else _SUFFIXES.get(output.suffix.lower())
    if kind is None:
        found = output.name if output else ""
        raise UserError("the ending of --output tells the format", found=found, mend="one of " + " ".join(_SUFFIXES))
    from ccbench.files import atomic_write
    from ccbench.leaderboard import ranks as told
    from ccbench.leaderboard.writing import load

    frame = load(outs or (Path("ccbench-out"),))
    for note in frame.attrs["notes"]:
        click.echo(f"note: {plain(note)}", err=True)
    found_ranks = told.ranks(frame)
    if output is None or found_ranks.why:
        click.echo(told.render(found_ranks, "md"), nl=False)
        return
    atomic_write(output, told.png(found_ranks) if kind == "png" else told.render(found_ranks, kind))
    click.echo(f"wrote {output}: {found_ranks.sentence}", err=True)
