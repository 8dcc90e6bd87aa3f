"""``ccbench plugins``: what was found, what it offers, what is broken."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ccbench.commands._show import plain


@click.command()
@click.option("--json", "as_data", is_flag=True, help="Print JSON: a list of plugins.")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of each broken plugin.")
def plugins(as_data: bool, verbose: bool) -> None:
    """Show every plugin: its distribution and module, what it offers, and OK, or FAILED with the reason."""
    from ccbench.offers.discovery import KINDS
    from ccbench.offers.discovery import plugins as find

    every = find()
    for kind in KINDS:
        for spec in every.all(kind).values():
            every.card(spec)  # one that cannot be read is an error of its plugin
    found = every.found
    if as_data:
        click.echo(json.dumps([{**asdict(p), "ok": p.ok} for p in found], indent=1))
        return
    for plugin in found:
        click.echo(
            f"{'OK    ' if plugin.ok else 'FAILED'}  {plain(plugin.name)}  "
            f"({plain(plugin.distribution)}, {plain(plugin.module)})"
        )
        if plugin.offers:
            click.echo(f"        offers {plain(', '.join(plugin.offers))}")
        for error in plugin.errors:
            click.echo(f"        {plain(error)}")
        if verbose and plugin.log:
            for line in plugin.log.splitlines():
                click.echo(f"        | {plain_code(line)}")


def plain_code(line: str) -> str:
    """A line of a traceback with its indentation and without control characters."""
    return " " * (len(line) - len(line.lstrip(" "))) + plain(line)
