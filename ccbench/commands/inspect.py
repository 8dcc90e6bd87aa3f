"""``ccbench inspect``: what a compressed dataset holds and how it looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ccbench.commands import _options


@click.command()
@click.argument("file", type=_options.Place(dir_okay=False))
@click.option("--dataset", "-d", help="What to compare with; default: the one FILE was made from.")
@_options.add(*_options.DATA)
@click.option("--out", "-o", type=_options.Place(file_okay=False), default=Path(), metavar="FOLDER",
              help="Where the figures go. [default: the current folder]")  # fmt: skip
@click.option("--images", type=click.IntRange(1, 100), default=8, show_default=True, help="Images of each class shown.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def inspect(file: Path, as_json: bool, **given: Any) -> None:
    """Show what FILE (.ccb) holds, its ratios and colours, what a selection kept, and write figures.

    NAME-colors.png has the curves of the red, green and blue values, NAME-images.png some images of
    each class. Of a selection, NAME-selection.png has its scores among those of all images and what it
    keeps of each class, NAME-scored.png the images of the highest and lowest scores, kept and left out.
    Without the original dataset all is shown but the comparison.
    """
    from ccbench.runner.device import use_machine

    use_machine("cpu", None)
    from ccbench.files import atomic_write
    from ccbench.inspection import FIGURES, SECTIONS, open_subject
    from ccbench.leaderboard.escaping import clean
    from ccbench.offers.discovery import plugins
    from ccbench.store import default_store

    subject = open_subject(
        file,
        dataset=given["dataset"],
        source=_options.source(given, given["dataset"] or ""),
        store=default_store(),
        plugins=plugins(),
    )
    facts = {name: section.facts(subject) for name, section in SECTIONS.items()}
    found = {name: figure.png(subject, images=given["images"]) for name, figure in FIGURES.items()}
    drawn = {name: png for name, png in found.items() if png is not None}
    paths = {name: given["out"] / f"{file.stem}-{name}.png" for name in drawn}
    for name, path in paths.items():
        atomic_write(path, drawn[name])
    if as_json:
        report = {**facts, "comparison": subject.alone or None, "figures": {n: str(p) for n, p in paths.items()}}
        click.echo(json.dumps(report, indent=1, allow_nan=False))
        return
    for name, section in SECTIONS.items():
        if facts[name] is not None:
            click.echo("\n".join(section.lines(facts[name])))
    if subject.alone:
        kind = "no comparison" if subject.original is None else "note"
        click.echo(f"{kind}: {clean(subject.alone)}")
    click.echo(f"figures: {', '.join(map(str, paths.values()))}")
