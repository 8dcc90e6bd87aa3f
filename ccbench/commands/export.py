"""``ccbench export``: a compressed dataset as PNG folders, for any other tool."""

from __future__ import annotations

from pathlib import Path

import click

from ccbench.commands import _options


@click.command()
@click.argument("file", type=_options.Place(dir_okay=False))
@click.argument("folder", type=_options.Place())
def export(file: Path, folder: Path) -> None:
    """Write the images of FILE as PNGs into FOLDER/<class>/."""
    from ccbench.runner.device import use_machine

    use_machine("cpu", None)
    from ccbench.archive import CompressedDataset
    from ccbench.archive import export as write

    count = write(CompressedDataset.open(file), folder)
    click.echo(f"{folder}: {count} images")
