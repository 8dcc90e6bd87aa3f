"""``ccbench describe``: everything known about one name."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from ccbench.commands._show import as_json, label_of, plain, table, type_of, warn_broken
from ccbench.errors import UserError
from ccbench.offers.cards import Card
from ccbench.offers.discovery import KINDS, Plugins, plugins
from ccbench.offers.specs import NeedingSpec, Param, Spec, SuiteSpec, did_you_mean

_SHOWN = {"kind", "name", "summary", "params", "distribution", "module"}  # these have a place of their own


@click.command()
@click.argument("name")
@click.option("--json", "as_data", is_flag=True, help="Print JSON: a list with one object for each kind.")
def describe(name: str, as_data: bool) -> None:
    """Show everything known about NAME, of any kind: method, dataset, architecture, protocol and so on."""
    offers = plugins()
    specs = _find(name, offers)
    if as_data:
        data = [{**as_json(spec, offers), "card": offers.card(spec), **_more(spec, offers)} for spec in specs]
        click.echo(json.dumps(data, indent=1, default=str))
    else:
        click.echo("\n\n".join(_text(name, spec, offers) for spec in specs))
    warn_broken(offers)


def _find(name: str, offers: Plugins) -> list[Spec]:
    """Every spec of a name; only where no list holds it are the plugins asked, for that may import much."""
    specs = [
        s
        for kind in KINDS
        for s in offers.all(kind).values()
        if name in {s.name, s.name.rstrip(":"), *(a.name for a in s.aliases)}
    ]
    if specs:
        return specs
    clash = None
    for kind in KINDS:
        try:
            specs.append(offers.get(kind, name))
        except UserError as error:
            clash = error if "offered by both" in error.what else clash
    if specs:
        return specs
    if clash is not None:
        raise clash
    names = {n for kind in KINDS for n in offers.names(kind)}
    raise UserError(f"nothing is called {name!r}{did_you_mean(name, names)}", mend="ccbench list shows what there is")


def _text(name: str, spec: Spec, offers: Plugins) -> str:
    card = offers.card(spec) or {}
    facts = as_json(spec, offers) | {key: value for key, value in card.items() if key not in {"paper", "open"}}
    if isinstance(spec, NeedingSpec):
        facts["needs"] = spec.asks()
    facts["aliases"] = [f"{a['name']} is {a['stands_for']}" for a in facts["aliases"]]
    alias = [f"{spec.kind} {a.name} is {label_of(spec, a, offers)}" for a in spec.aliases if a.name == name]
    lines = [*alias, f"{spec.kind} {spec.name}", *_wrapped(spec.summary, "  "), ""]
    rows = [
        (key.replace("_", " "), _value(value))
        for key, value in facts.items()
        if key not in _SHOWN and value not in ("", None, [], ())
    ]
    lines.append(table([*rows, ("from", plain(f"{facts['distribution']} ({facts['module']})"))]))
    if spec.params:
        lines += ["", "  parameters"]
        for param in spec.params:
            default = "auto" if param.default is None else _value(param.default)
            lines.append(plain_indent(f"{param.name}={default}  ({_takes(param)})", "    "))
            lines += _wrapped(param.doc, "        ")
    lines += _questions(card)
    if isinstance(spec, SuiteSpec):
        lines += ["", *_suite_lines(spec, offers)]
    return "\n".join(lines)


def _questions(card: Card) -> list[str]:
    """The questions that a card says are left open, and the choices taken."""
    lines: list[str] = []
    for one in card.get("open", []):
        lines += _wrapped(f"- {one['question']}", "    ", "      ")
        lines += _wrapped(f"choice: {one['choice']}", "      ")
    return ["", "  left open by the definition, and what was chosen", *lines] if lines else []


def _more(spec: Spec, offers: Plugins) -> dict[str, Any]:
    """What the table of a suite says, and where its rows stand by the results in this folder; nothing of other kinds.

    Raises:
        UserError: its file cannot be read.
    """
    if not isinstance(spec, SuiteSpec):
        return {}
    from ccbench.suites.described import told

    return {"suite": told(spec.name, offers, (Path("ccbench-out"),))}


def _suite_lines(spec: Spec, offers: Plugins) -> list[str]:
    from ccbench.suites.described import text

    lines: list[str] = []
    for line in text(_more(spec, offers)["suite"]):
        deep = "  " + " " * (len(line) - len(line.lstrip()))
        lines += _wrapped(line, deep, deep + "  ")
    return lines


def _wrapped(text: str, indent: str, later: str | None = None) -> list[str]:
    return textwrap.wrap(plain(text), width=100, initial_indent=indent, subsequent_indent=later or indent)


def plain_indent(text: str, indent: str) -> str:
    """One clean line behind an indentation."""
    return indent + plain(text)


def _takes(param: Param) -> str:
    """The type, the bounds and the choices of a parameter."""
    text = type_of(param)
    if param.low is not None or param.high is not None:
        text += f" in [{_edge(param.low, '-inf')}, {_edge(param.high, 'inf')}]"
    if isinstance(param.choices, str):
        words = f"{', '.join(param.words)} or " if param.words else ""
        return f"{words}{param.choices}, see ccbench list {param.choices}s"
    return text + (f", one of {', '.join(map(str, param.choices))}" if param.choices else "")


def _edge(value: float | None, other: str) -> str:
    return other if value is None else f"{value:g}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return plain(str(value).lower() if isinstance(value, bool) else value)
