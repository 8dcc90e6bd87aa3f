"""``ccbench publish``: a folder that a static host serves."""

from __future__ import annotations

import math
from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.errors import UserError


@click.command()
@click.argument("outs", metavar="OUT...", nargs=-1, required=True, type=_options.Place(file_okay=False))
@click.argument("folder", metavar="DIR", type=_options.Place(file_okay=False))
@click.option("--title", default="ccbench leaderboard", show_default=True, help="What every page is headed by.")
@click.option("--artifacts", default="none", show_default=True, metavar="SIZE",
              help="Compressed files up to this size go along, such as 5MB; or all, or none but digests.")  # fmt: skip
@click.option("--images/--no-images", default=True, show_default=True,
              help="Show images, colours and bytes by part of the compressed files that are there.")  # fmt: skip
@click.option("--hub", multiple=True, metavar="NAME=ID",
              help="A dataset's id on the hub, OWNER/NAME[:TASK]: its rows go to .eval_results/.")  # fmt: skip
@click.option("--url", default="", help="Where DIR will be served, for .eval_results/.")
@_options.add(_options.DATA[0])
def publish(
    outs: tuple[Path, ...],
    folder: Path,
    title: str,
    artifacts: str,
    images: bool,
    hub: tuple[str, ...],
    url: str,
    data_root: Path | None,
) -> None:
    """Publish the records of one or more output folders as DIR: a board to browse, exports and a manifest.

    OUT is the --out of a run, or a folder of such. One inside DIR stays where it is, others are copied. Pages need no
    server and no network. The same command again brings DIR up to date.
    """
    named = dict(_pair(one) for one in hub)
    largest = {"none": 0.0, "all": math.inf}.get(artifacts)
    if largest is None:
        largest = float(_options.size(artifacts, "--artifacts") or 0)
    from ccbench.data import DataSource
    from ccbench.offers.discovery import plugins
    from ccbench.publishing import manifest
    from ccbench.publishing.publish import Wishes
    from ccbench.publishing.publish import publish as write
    from ccbench.store import default_store

    source = DataSource(data_root)
    wishes = Wishes(title, largest, images, named, url, source)
    published = write(outs, folder, wishes, plugins=plugins(), store=default_store())
    for note in published.notes:
        click.echo(f"note: {note}", err=True)
    size = sum(file.bytes for file in published.manifest.files.values()) / 1e6
    click.echo(
        f"{published.rows} rows, {len(published.manifest.files)} files, {size:.1f} MB; open {folder / 'index.html'}"
    )
    click.echo(f"digests: {folder / manifest.NAME}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not (name and equals and place):
        raise UserError("--hub takes a dataset and its id on the hub", found=text, mend="--hub cifar10=OWNER/NAME")
    return name, place
