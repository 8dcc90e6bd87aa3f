"""What is known of the methods of a board: their specs and cards, where they are installed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccbench.errors import UserError
from ccbench.offers.cards import Card, citation
from ccbench.offers.discovery import Plugins
from ccbench.offers.expressions import written
from ccbench.offers.specs import BRACKETS, MethodSpec, Param
from ccbench.publishing.board import Line
from ccbench.records.cells import slug

_STEP = re.compile(rf"([^\[\]+,\s]+)(?:{BRACKETS})?")
_BUDGETS = {"fraction": "fewer images", "bits": "palettes", "any": "any budget", "none": "everything"}


@dataclass(frozen=True)
class Method:
    """A method that rows name.

    Attributes:
        name: without parameters.
        page: where its page lies in the published folder.
        spec: as it is installed here, or None.
        card: its paper and the questions that it leaves open, or None.
        fault: why there is no card, where one should be.
        kind: what kind of method it is, for people.
        facts: (name, text) of its spec.
        params: (name, default, what it is) of each parameter.
        lines: the rows that name it.
    """

    name: str
    page: str
    spec: MethodSpec | None
    card: Card | None
    fault: str
    kind: str
    facts: Sequence[tuple[str, str]]
    params: Sequence[tuple[str, str, str]]
    lines: list[Line] = field(default_factory=list)


def steps_of(method: str) -> list[str]:
    """The names of the methods in an expression, installed or not.

    Examples:
        >>> steps_of("ccs[fraction=0.1]+dcq[bits=2]"), steps_of("deepcore:Craig"), steps_of("dcq (mine.ccb)")
        (['ccs', 'dcq'], ['deepcore:Craig'], ['dcq'])
    """
    expression = method.partition(" (")[0]
    return list(dict.fromkeys(match[1] for match in _STEP.finditer(expression)))


def methods_of(lines: Sequence[Line], plugins: Plugins) -> dict[str, Method]:
    """By name, every method that a row names, with its rows; in the order of the names."""
    found: dict[str, Method] = {}
    for line in lines:
        for name in steps_of(line.values["method"]):
            if name not in found:
                found[name] = _method(name, plugins, {method.page for method in found.values()})
            found[name].lines.append(line)
    return dict(sorted(found.items()))


def kind_of(method: str, methods: Mapping[str, Method]) -> str:
    """The kinds of a row's steps."""
    return " + ".join(dict.fromkeys(methods[name].kind for name in steps_of(method)))


def _method(name: str, plugins: Plugins, taken: set[str]) -> Method:
    pages = (f"methods/{slug(name)}{end}.html" for end in ("", *(f"-{number}" for number in range(2, len(taken) + 3))))
    page = next(page for page in pages if page.lower() not in {other.lower() for other in taken})
    try:
        spec = plugins.get("method", name)
    except UserError as error:
        return Method(name, page, None, None, error.what, "not installed", [], [])
    try:
        card, fault = plugins.card(spec), ""
    except UserError as error:
        card, fault = None, error.what
    facts = [
        ("Summary", spec.summary),
        ("Paper", citation(card) or spec.paper),
        ("Version", spec.version),
        ("Budgets", _BUDGETS[spec.budgets]),
        ("Stores", spec.stores),
        ("Cost", spec.cost),
        ("From", getattr(plugins.owner("method", spec.name), "distribution", "")),
    ]
    told = [(title, text) for title, text in facts if text]
    return Method(name, page, spec, card, fault, _kind(spec, plugins), told, [_param(param) for param in spec.params])


def _kind(spec: MethodSpec, plugins: Plugins) -> str:
    """The smallest group that it is in whose methods all take budgets in one way, otherwise the way that it does."""
    groups: list[tuple[int, str]] = []
    for name in plugins.all("group"):
        try:
            members = plugins.get("group", name).methods
            ways = {plugins.get("method", member).budgets for member in members}
        except UserError:  # it names a method that is not installed
            continue
        if spec.name in members and len(ways) == 1:
            groups.append((len(members), name))
    return min(groups)[1] if groups else _BUDGETS[spec.budgets]


def _param(param: Param) -> tuple[str, str, str]:
    default: Any = "auto" if param.default is None else param.default
    return param.name, written(default), param.doc
