"""``ccbench list``: names and summaries of every offer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ccbench.commands import _options
from ccbench.commands._show import as_json, kind_of, label_of, plain, table, warn_broken
from ccbench.offers.discovery import KINDS, Plugins, plugins
from ccbench.offers.specs import GroupSpec, Spec


@click.command()
@click.argument("kind", required=False)
@click.option("--json", "as_data", is_flag=True, help="Print JSON: a list of specs.")
@click.option("--out", "outs", multiple=True, type=_options.Place(), metavar="DIR",
              help="Of suites: output folders with results. [default: ccbench-out]")  # fmt: skip
@click.pass_context
def list_(ctx: click.Context, kind: str | None, as_data: bool, outs: tuple[Path, ...]) -> None:
    """List what there is: methods, datasets, architectures, protocols, executors, stages, scores, groups of methods,
    suites, commands or plugins.

    Without KIND, everything but the commands. Of suites alone it is the map: where their rows stand.
    """
    if kind is not None and kind.lower() in {"plugin", "plugins"}:
        from ccbench.commands.plugins import plugins as show

        ctx.invoke(show, as_data=as_data)
        return
    kinds = [kind_of(kind)] if kind else [k for k in KINDS if k != "command"]
    offers = plugins()
    if kinds == ["suite"]:
        _suites(offers, outs or (Path("ccbench-out"),), as_data)
        warn_broken(offers)
        return
    if as_data:
        shown = [as_json(spec, offers) for kind in kinds for spec in offers.all(kind).values()]
        click.echo(json.dumps(shown, indent=1, default=str))
        warn_broken(offers)
        return
    for one in kinds:
        specs = offers.all(one)
        click.echo(f"{one}s" if specs else f"{one}s: none")
        if specs:
            click.echo(table([row for spec in specs.values() for row in _rows(one, spec, offers)]))
    warn_broken(offers)


def _suites(offers: Plugins, outs: Sequence[Path], as_data: bool) -> None:
    """The map of suites."""
    from dataclasses import asdict

    from ccbench.suites.described import LEGEND, counts, lines

    found = counts(offers, outs)
    if as_data:
        facts = {one.name: {key: value for key, value in asdict(one).items() if key != "name"} for one in found}
        shown = [{**as_json(spec, offers), "map": facts[spec.name]} for spec in offers.all("suite").values()]
        click.echo(json.dumps(shown, indent=1, default=str))
        return
    click.echo("suites" if found else "suites: none")
    if found:
        click.echo(table([tuple(map(plain, row)) for row in lines(found, offers)]))
        click.echo("\n".join(LEGEND))


def _rows(kind: str, spec: Spec, offers: Plugins) -> list[tuple[str, ...]]:
    """An offer, and under it what else it goes by."""
    source = _source(kind, spec.name)
    aliases = [(a.name, spec.version, source, f"is {label_of(spec, a, offers)}") for a in spec.aliases]
    methods = f": {', '.join(spec.methods)}" if isinstance(spec, GroupSpec) else ""
    return [(spec.name, spec.version, source, plain(spec.summary + methods)), *aliases]


def _source(kind: str, name: str) -> str:
    owner = plugins().owner(kind, name)
    return plain(owner.distribution) if owner else ""
