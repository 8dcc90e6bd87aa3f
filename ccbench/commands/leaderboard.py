"""``ccbench leaderboard``: tables and figure from result records."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.errors import UserError

_SUFFIXES = {".csv": "csv", ".md": "md", ".html": "html", ".htm": "html", ".tex": "latex", ".png": "png"}


@click.command()
@click.option("--out", "outs", multiple=True, type=_options.Place(), metavar="DIR",
              help="Output folder of a run; several are merged. [default: ccbench-out]")  # fmt: skip
@click.option("--format", "fmt", type=click.Choice(["csv", "md", "html", "latex"]),
              help="Print this format. [default: a table on a terminal, Markdown elsewhere]")  # fmt: skip
@click.option("--published", is_flag=True, help="Set published numbers beside ours, marked by their source.")
@click.option("--columns", type=_options.LIST, default="", metavar="NAMES",
              help="Further columns of the tables, such as colorfulness,color_distance; CSV has them all. "
                   "With --suite: of its columns those named.")  # fmt: skip
@click.option("--against", default="", metavar="METHOD",
              help="Test every row against this method's, paired over seeds, in a column of its own.")  # fmt: skip
@click.option("--suite", metavar="NAME|FILE.toml",
              help="A paper's table instead: our numbers beside the published; see ccbench list suites.")  # fmt: skip
@click.option("--rows", type=_options.LIST, default="", metavar="NAMES", help="Of the suite: rows by key or name.")
@click.option("--output", type=_options.Place(dir_okay=False), metavar="FILE",
              help="Write here instead of printing; the ending tells the format: csv, md, html, tex, png.")  # fmt: skip
@click.option("--write", "folder", type=_options.Place(file_okay=False), metavar="DIR",
              help="Also write leaderboard.csv, leaderboard.md and leaderboard.png into DIR.")  # fmt: skip
def leaderboard(
    outs: tuple[Path, ...],
    fmt: str | None,
    published: bool,
    columns: tuple[str, ...],
    against: str,
    suite: str | None,
    rows: tuple[str, ...],
    output: Path | None,
    folder: Path | None,
) -> None:
    """Show the leaderboard of result records.

    It is printed; files are written only where --write or --output say. The ratio is the fraction of raw bytes
    removed. CSV holds accuracies as fractions, everything else per cent.
    """
    if output is not None:
        ending = _SUFFIXES.get(output.suffix.lower())
        if ending is None and fmt is None:
            raise UserError("the ending of --output tells the format", found=output.name,
                            mend="one of " + " ".join(_SUFFIXES) + ", or give --format")  # fmt: skip
        chosen = fmt or ending or "csv"
    outs = outs or (Path("ccbench-out"),)
    if suite is not None:
        if folder is not None or published or against:
            raise UserError("--write, --published and --against are not for a suite's table", mend="--output FILE")
        _suite(suite, rows, columns, outs, output, chosen if output else fmt or "md")
        return
    if rows:
        raise UserError("--rows is part of a suite", mend="--suite NAME; see ccbench list suites")
    from ccbench.leaderboard.columns import check_columns
    from ccbench.leaderboard.rendering import render
    from ccbench.leaderboard.writing import load, write_files

    check_columns(columns)
    frame = load(outs, published=published, against=against)
    for note in frame.attrs["notes"]:
        click.echo(f"note: {note}", err=True)
    if output is not None:
        from ccbench.files import atomic_write
        from ccbench.leaderboard.figure import png

        atomic_write(output, png(frame) if chosen == "png" else render(frame, chosen, columns))
        click.echo(f"wrote {output}", err=True)
    elif fmt is None and (sys.stdout is not None and sys.stdout.isatty()):
        from ccbench.leaderboard.terminal import show

        show(frame, chosen=columns)
    else:
        click.echo(render(frame, fmt or "md", columns), nl=False)
    if folder is not None:
        write_files(frame, folder, columns)
        click.echo(f"wrote leaderboard.csv, leaderboard.md and leaderboard.png into {folder}/", err=True)


def _suite(
    name: str,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    outs: tuple[Path, ...],
    output: Path | None,
    fmt: str,
) -> None:
    """Print or write the table of a suite."""
    from ccbench.offers.discovery import plugins
    from ccbench.records.record import read_all
    from ccbench.suites.grid import Lookup
    from ccbench.suites.model import chosen, read
    from ccbench.suites.rendering import render
    from ccbench.suites.results import Results
    from ccbench.suites.table import build

    suite = read(name, plugins())
    records, problems = read_all(*outs)
    for problem in problems:
        click.echo(f"note: left out: {problem}", err=True)
    text = render(build(suite, *chosen(suite, rows, columns), Lookup(plugins()), Results(records)), fmt)
    if output is None:
        click.echo(text, nl=False)
        return
    from ccbench.files import atomic_write

    atomic_write(output, text)
    click.echo(f"wrote {output}", err=True)
