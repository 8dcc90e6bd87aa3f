"""``ccbench verify``: what records claim, against what is there."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ccbench.commands import _options


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_options.Place(), metavar="OUT|RECORD...")
@click.option("--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What is printed.")  # fmt: skip
@click.option("--data-root", type=_options.Place(), envvar="CCBENCH_DATA", help="Folder of datasets; or CCBENCH_DATA.")
def verify(paths: tuple[Path, ...], fmt: str, data_root: Path | None) -> int:
    """Hold result records against themselves, their files and what is installed here.

    OUT is an output folder, or one that holds several; RECORD a file under its results/. In seconds: nothing is made
    or trained again. Exit code 1 where a record contradicts itself, its file or another one, which is named with the
    field.
    """
    from ccbench.offers.discovery import plugins
    from ccbench.store import default_store
    from ccbench.verification.installed import Installed
    from ccbench.verification.look import look, subjects

    report = look(subjects(paths), Installed(plugins(), data_root, default_store().root))
    if fmt == "json":
        click.echo(json.dumps(report.plain(), indent=1))
    else:
        from ccbench.commands._show import plain

        for line in report.lines():
            click.echo(line[: len(line) - len(line.lstrip())] + plain(line))
    return report.exit_code
