"""``ccbench list``: names and summaries of every offer."""

from __future__ import annotations

import json

import click

from ccbench.commands._show import as_json, kind_of, label_of, plain, table, warn_broken
from ccbench.offers.discovery import KINDS, Plugins, plugins
from ccbench.offers.specs import GroupSpec, Spec


@click.command()
@click.argument("kind", required=False)
@click.option("--json", "as_data", is_flag=True, help="Print JSON: a list of specs.")
@click.pass_context
def list_(ctx: click.Context, kind: str | None, as_data: bool) -> None:
    """List what there is: methods, datasets, architectures, protocols, executors, stages, scores, groups of methods,
    commands or plugins.

    Without KIND, everything but the commands.
    """
    if kind is not None and kind.lower() in {"plugin", "plugins"}:
        from ccbench.commands.plugins import plugins as show

        ctx.invoke(show, as_data=as_data)
        return
    kinds = [kind_of(kind)] if kind else [k for k in KINDS if k != "command"]
    offers = plugins()
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


def _rows(kind: str, spec: Spec, offers: Plugins) -> list[tuple[str, ...]]:
    """An offer, and under it what else it goes by."""
    source = _source(kind, spec.name)
    aliases = [(a.name, spec.version, source, f"is {label_of(spec, a, offers)}") for a in spec.aliases]
    methods = f": {', '.join(spec.methods)}" if isinstance(spec, GroupSpec) else ""
    return [(spec.name, spec.version, source, plain(spec.summary + methods)), *aliases]


def _source(kind: str, name: str) -> str:
    owner = plugins().owner(kind, name)
    return plain(owner.distribution) if owner else ""
